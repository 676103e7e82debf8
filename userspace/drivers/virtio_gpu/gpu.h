/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of the display driver: gpu.c talks to the device, main.c serves the client. One thread uses all of
 * it. Private to this driver.
 */
#pragma once

#include <stdint.h>

#include "weft/display.h"
#include "weft/virtio.h"

#define SHARES (WEFT_DISPLAY_PAGES_MAX / WEFT_PCI_SHARE_PAGES)

/* Memory of a client that the device reads as an image. */
struct frame {
    uint32_t resource; /* the device's name for it; 0: there is none */
    uint32_t width, height;
    uint64_t memory;
    uint32_t shares[SHARES]; /* the bus server's names for what the device reaches */
    uint32_t share_count;
};

extern struct virtio device;

/* Claims and starts the device, or ends the process with a line that says why not. */
void gpu_open(uint64_t notification);

/* The size that the screen would like. */
void gpu_size(uint32_t *width, uint32_t *height);

/* Makes an image of the frame's memory, and shows all of it on the screen. What it has begun when it fails is taken
 * back. STATUS_NO_MEMORY: the device has no room for it; otherwise what is wrong with the memory. */
status_t gpu_attach(struct frame *frame);

/* The end of an image that the screen does not show any more. */
void gpu_detach(struct frame *frame);

/* Takes pixels that have changed to the screen. The rectangle lies in the frame. */
void gpu_show(const struct frame *frame, const struct weft_rectangle *changed);
