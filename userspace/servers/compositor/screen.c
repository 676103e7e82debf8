/* SPDX-License-Identifier: Apache-2.0
 *
 * Surfaces, one over the other, on the display's frame.
 *
 * What has changed is put together anew from the lowest surface to the highest, beginning with the highest that covers
 * all of it. The frame is only ever written here, so that whatever a client does to its pixels meanwhile is to be
 * seen in its own surface and nowhere else.
 */
#include "screen.h"

#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define BACKGROUND 0x0d1117u
#define SLOT_BYTES (WEFT_DISPLAY_PAGES_MAX * WEFT_PAGE_SIZE)
_Static_assert(WEFT_FREE_BASE + (WEFT_SURFACES_MAX + 1) * SLOT_BYTES <= WEFT_FREE_TOP,
               "the frame and all surfaces have a place");

static struct weft_display display;
static struct surface surfaces[WEFT_SURFACES_MAX];

/* ---- surfaces ---------------------------------------------------------------------------------------- */

static uint64_t pages_of(const struct weft_rectangle *area)
{
    return weft_page_up((uint64_t)area->width * area->height * sizeof(weft_pixel_t)) /
           WEFT_PAGE_SIZE;
}

struct surface *surface_find(uint64_t badge)
{
    for (uint32_t i = 0; i < WEFT_SURFACES_MAX; i++) {
        if (surfaces[i].memory != 0 && surfaces[i].badge == badge) {
            return &surfaces[i];
        }
    }
    return NULL;
}

static _Bool on_screen(const struct weft_rectangle *area)
{
    return area->width != 0 && area->height != 0 && area->x < display.width &&
           area->y < display.height && area->width <= display.width - area->x &&
           area->height <= display.height - area->y;
}

/* Frees the place, and leaves the picture as it is. */
static void let_go(struct surface *surface)
{
    (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)surface->pixels, pages_of(&surface->area));
    (void)weft_cap_delete(surface->memory);
    if (surface->waiter != 0) {
        (void)weft_cap_delete(
            surface->waiter); /* it gets STATUS_DEAD, and finds out what is there now */
    }
    *surface = (struct surface){0};
}

void surface_close(struct surface *surface)
{
    struct weft_rectangle area = surface->area;
    let_go(surface);
    screen_show(&area);
}

status_t surface_open(uint64_t badge, uint64_t memory, const struct weft_rectangle *area,
                      uint32_t order)
{
    struct surface *surface = surface_find(badge);
    struct weft_rectangle old = {0};
    uint32_t free = 0;

    if (!on_screen(area)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (surface != NULL) {
        old = surface->area;
        let_go(surface);
    }
    while (free < WEFT_SURFACES_MAX && surfaces[free].memory != 0) {
        free++;
    }
    if (free == WEFT_SURFACES_MAX) {
        return STATUS_NO_SLOT;
    }
    uint64_t place = WEFT_FREE_BASE + (free + 1) * SLOT_BYTES;
    status_t status = weft_memory_map(HANDLE_SELF, memory, place, 0, pages_of(area), RIGHT_READ);
    if (status == STATUS_OK) {
        surfaces[free] = (struct surface){.badge = badge,
                                          .memory = memory,
                                          .pixels = (const weft_pixel_t *)place,
                                          .area = *area,
                                          .order = order};
        screen_show(area);
    }
    if (old.width != 0 && (status != STATUS_OK || memcmp(&old, area, sizeof(old)) != 0)) {
        screen_show(&old);
    }
    return status;
}

/* ---- the screen -------------------------------------------------------------------------------------- */

void screen_open(void)
{
    status_t status = weft_display_open(&display, weft_capability("display"), WEFT_FREE_BASE);
    if (status != STATUS_OK) {
        weft_fail("there is no display (status %ld)", status);
    }
    screen_show(&(struct weft_rectangle){0, 0, display.width, display.height});
}

void screen_size(uint32_t *width, uint32_t *height)
{
    *width = display.width;
    *height = display.height;
}

static void fill_background(const struct weft_rectangle *part)
{
    for (uint32_t y = part->y; y < part->y + part->height; y++) {
        weft_pixel_t *row = &display.pixels[(uint64_t)y * display.width];
        for (uint32_t x = part->x; x < part->x + part->width; x++) {
            row[x] = BACKGROUND;
        }
    }
}

static void copy_surface(const struct surface *surface, const struct weft_rectangle *part)
{
    struct weft_rectangle common = weft_rectangle_common(&surface->area, part);
    for (uint32_t y = common.y; y < common.y + common.height; y++) {
        uint64_t from = (uint64_t)(y - surface->area.y) * surface->area.width;
        memcpy(&display.pixels[(uint64_t)y * display.width + common.x],
               &surface->pixels[from + common.x - surface->area.x],
               common.width * sizeof(weft_pixel_t));
    }
}

/* The surfaces that are there, the lowest first. */
static uint32_t sort_surfaces(const struct surface *sorted[WEFT_SURFACES_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < WEFT_SURFACES_MAX; i++) {
        uint32_t at = count;
        if (surfaces[i].memory == 0) {
            continue;
        }
        for (; at > 0 && sorted[at - 1]->order > surfaces[i].order; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &surfaces[i];
        count++;
    }
    return count;
}

void screen_show(const struct weft_rectangle *part)
{
    const struct surface *sorted[WEFT_SURFACES_MAX];
    uint32_t count = sort_surfaces(sorted), first = count;

    while (first > 0) {
        struct weft_rectangle common = weft_rectangle_common(&sorted[first - 1]->area, part);
        if (memcmp(&common, part, sizeof(common)) == 0) {
            break;
        }
        first--;
    }
    if (first == 0) {
        fill_background(part);
    } else {
        first--; /* it covers all of the part */
    }
    for (; first < count; first++) {
        copy_surface(sorted[first], part);
    }
    status_t status = weft_display_show(&display, part);
    if (status != STATUS_OK) {
        weft_fail("nothing can be shown (status %ld)", status);
    }
}
