/* SPDX-License-Identifier: Apache-2.0
 *
 * Surfaces: rectangles of pixels that several programs show on one screen, by way of the compositor
 * (userspace/servers/compositor).
 *
 *     struct weft_surface surface;
 *     struct weft_rectangle area = {100, 50, 320, 200};                    on the screen
 *     weft_surface_open(&surface, weft_capability("compositor"), WEFT_FREE_BASE, &area, 0);
 *     surface.pixels[y * area.width + x] = 0xff8800;
 *     weft_surface_show(&surface, &(struct weft_rectangle){x, y, 1, 1});  in the surface
 *     weft_surface_wait(&surface, weft_deadline(500000));                 instead of sleeping
 *
 * Theory of operation
 *
 * 1. A surface is memory of the client, which the compositor reads where the client says that it has changed. A
 *    call returns when that is to be seen. One with a higher `order` hides those below it.
 * 2. The badge of the client's capability is the surface: who opens again replaces it, and so the next instance of a
 *    client does not see two. A program with two surfaces has two `use` lines.
 * 3. The compositor keeps nothing that the clients do not have. When it dies, the kernel ends calls of it with
 *    STATUS_DEAD, and the client opens its surface at the next instance, as it was. A client that has nothing to
 *    draw waits in a call, so that it hears of that death as well: weft_surface_wait().
 * 4. Clients are trusted with the screen, but not more: the compositor believes no number. The one thing that a client
 *    can do to it is to revoke the memory of its surface, which ends the instance that reads there.
 */
#pragma once

#include <stdint.h>

#include "weft/display.h"

#define WEFT_SURFACES_MAX 14u
#define WEFT_SURFACE_ATTEMPTS 64u /* instances in a row that may die while a client opens */

/* First words of messages to the compositor. Answers begin with a status. */
enum weft_surface_message {
    WEFT_SURFACE_SCREEN = 1, /* -> width | height << 32 */
    WEFT_SURFACE_OPEN,       /* x | y << 32, width | height << 32, order; with the memory */
    WEFT_SURFACE_SHOW,       /* x | y << 32, width | height << 32: what has changed in it */
    WEFT_SURFACE_WAIT,       /* answered by nobody: ends with the compositor, or the deadline */
    WEFT_SURFACE_CLOSE,
};

struct weft_surface {
    uint64_t service;
    uint64_t memory;
    weft_pixel_t *pixels;
    struct weft_rectangle area;
    uint32_t order;
    uint32_t recoveries; /* statistics: other instances of the compositor that were met */
};

/* The size of the screen. Waits for the compositor. */
status_t weft_surface_screen(uint64_t service, uint32_t *width, uint32_t *height);

/* Makes a surface, black, and maps it at `place`. STATUS_NO_SLOT: there are too many; STATUS_BAD_ARGUMENT: it
 * does not lie on the screen. */
status_t weft_surface_open(struct weft_surface *surface, uint64_t service, uint64_t place,
                           const struct weft_rectangle *area, uint32_t order);

/* Shows what has changed there. STATUS_DEAD: there is no compositor any more. */
status_t weft_surface_show(struct weft_surface *surface, const struct weft_rectangle *changed);
status_t weft_surface_show_all(struct weft_surface *surface);

/* Sleeps until the deadline (a clock value), and keeps the surface on the screen meanwhile. */
status_t weft_surface_wait(struct weft_surface *surface, uint64_t deadline);
