/* SPDX-License-Identifier: Apache-2.0
 *
 * The display: pixels in a client's own memory, shown by a display driver (userspace/drivers/virtio_gpu).
 *
 *     struct weft_display display;
 *     weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE);
 *     display.pixels[y * display.width + x] = 0xff8800;                   red, green, blue
 *     weft_display_show(&display, &(struct weft_rectangle){x, y, 1, 1});
 *
 * Theory of operation
 *
 * 1. A frame is memory of the client, which the device reads: nobody copies pixels but the device, and only
 *    where the client says that they have changed. A call returns when they are to be seen.
 * 2. There is one frame at a time, that of who attached first. Its badge may attach again, which is what the next
 *    instance of a client does: the old frame stays to be seen until the new one is. Others get STATUS_BUSY.
 * 3. When the driver dies, the kernel ends the call with STATUS_DEAD, and the client attaches to the next instance,
 *    which shows the whole frame: the pixels never left the client. weft_display_show() does that by itself.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"

#define WEFT_DISPLAY_SIDE_MAX 4096u  /* pixels, either way */
#define WEFT_DISPLAY_PAGES_MAX 4096u /* 16 MiB of pixels */
#define WEFT_DISPLAY_ATTEMPTS 64u    /* instances in a row that may die while a client attaches */

/* A pixel has 32 bits: 0x00RRGGBB. Rows follow each other without a gap. */
typedef uint32_t weft_pixel_t;

struct weft_rectangle {
    uint32_t x, y, width, height;
};

/* First words of messages to the driver. Answers begin with a status. */
enum weft_display_message {
    WEFT_DISPLAY_INFO = 1, /* -> width | height << 32, as the screen would like it */
    WEFT_DISPLAY_ATTACH,   /* width | height << 32; with the frame's memory */
    WEFT_DISPLAY_SHOW,     /* x | y << 32, width | height << 32 */
};

struct weft_display {
    uint64_t service;
    uint64_t memory;
    weft_pixel_t *pixels;
    uint32_t width, height;
    uint32_t recoveries; /* statistics: other instances of the driver that were met */
};

/* Makes a frame as large as the screen, black, maps it at `place` and shows it. Waits for the driver.
 * STATUS_BUSY: the screen is somebody else's. */
status_t weft_display_open(struct weft_display *display, uint64_t service, uint64_t place);

/* Shows what has changed there. STATUS_DEAD: there is no driver any more. */
status_t weft_display_show(struct weft_display *display, const struct weft_rectangle *changed);

static inline uint64_t weft_pair(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

/* What two rectangles have in common; of width or height 0 where that is nothing. */
static inline struct weft_rectangle weft_rectangle_common(const struct weft_rectangle *a,
                                                          const struct weft_rectangle *b)
{
    uint64_t left = a->x > b->x ? a->x : b->x, top = a->y > b->y ? a->y : b->y;
    uint64_t a_right = (uint64_t)a->x + a->width, b_right = (uint64_t)b->x + b->width;
    uint64_t a_bottom = (uint64_t)a->y + a->height, b_bottom = (uint64_t)b->y + b->height;
    uint64_t right = a_right < b_right ? a_right : b_right;
    uint64_t bottom = a_bottom < b_bottom ? a_bottom : b_bottom;
    if (left >= right || top >= bottom) {
        return (struct weft_rectangle){(uint32_t)left, (uint32_t)top, 0, 0};
    }
    return (struct weft_rectangle){(uint32_t)left, (uint32_t)top, (uint32_t)(right - left),
                                   (uint32_t)(bottom - top)};
}
