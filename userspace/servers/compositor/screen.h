/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of the compositor: screen.c puts surfaces together, main.c serves clients. One thread uses all of it.
 * Private to this server.
 */
#pragma once

#include <stdint.h>

#include "weft/surface.h"

struct surface {
    uint64_t badge;
    uint64_t memory; /* capability to the client's pixels; 0: the place is free */
    const weft_pixel_t *pixels;
    struct weft_rectangle area; /* on the screen, of which it lies within */
    uint32_t order;
    uint64_t
        waiter; /* reply capability of the client that waits for this instance's end; 0: nobody */
};

/* The surface of a badge; NULL: there is none. */
struct surface *surface_find(uint64_t badge);

/* Makes the badge's surface of this memory, which it keeps unless this fails, in place of one that is there. */
status_t surface_open(uint64_t badge, uint64_t memory, const struct weft_rectangle *area,
                      uint32_t order);
void surface_close(struct surface *surface);

/* Waits for the display, and shows an empty screen. */
void screen_open(void);
void screen_size(uint32_t *width, uint32_t *height);

/* Shows again what lies in a part of the screen. */
void screen_show(const struct weft_rectangle *part);
