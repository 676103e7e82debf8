/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of the compositor; the header is the manual.
 */
#include "weft/surface.h"
#include "weft/layout.h"
#include "weft/syscalls.h"

static status_t ask(uint64_t service, struct weft_message *message, struct weft_ipc *ipc)
{
    status_t status = weft_ipc_call_with(service, message, ipc);
    return status < 0 ? status : (status_t)message->words[0];
}

status_t weft_surface_screen(uint64_t service, uint32_t *width, uint32_t *height)
{
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_SURFACE_ATTEMPTS && status == STATUS_DEAD; turn++) {
        struct weft_message message = {{WEFT_SURFACE_SCREEN}};
        status = ask(service, &message, NULL);
        *width = (uint32_t)message.words[1];
        *height = (uint32_t)(message.words[1] >> 32);
    }
    return status;
}

/* Tells the compositor of the surface, which shows all of it. Asks on while there are others when it dies. */
static status_t attach(struct weft_surface *surface)
{
    const struct weft_rectangle *area = &surface->area;
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_SURFACE_ATTEMPTS && status == STATUS_DEAD; turn++) {
        struct weft_message message = {{WEFT_SURFACE_OPEN, weft_pair(area->x, area->y),
                                        weft_pair(area->width, area->height), surface->order}};
        struct weft_ipc ipc = {.send_count = 1,
                               .send_handles = {(uint32_t)surface->memory},
                               .send_rights = {RIGHT_READ}};
        status = ask(surface->service, &message, &ipc);
    }
    return status;
}

status_t weft_surface_open(struct weft_surface *surface, uint64_t service, uint64_t place,
                           const struct weft_rectangle *area, uint32_t order)
{
    uint64_t bytes = (uint64_t)area->width * area->height * sizeof(weft_pixel_t);
    uint64_t pages = weft_page_up(bytes) / WEFT_PAGE_SIZE;

    *surface = (struct weft_surface){
        .service = service, .pixels = (weft_pixel_t *)place, .area = *area, .order = order};
    status_t status = weft_memory_create(pages, &surface->memory);
    if (status != STATUS_OK) {
        return status;
    }
    status =
        weft_memory_map(HANDLE_SELF, surface->memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE);
    if (status == STATUS_OK) {
        status = attach(surface);
        if (status != STATUS_OK) {
            (void)weft_memory_unmap(HANDLE_SELF, place, pages);
        }
    }
    if (status != STATUS_OK) {
        (void)weft_cap_delete(surface->memory);
    }
    return status;
}

static status_t recover(struct weft_surface *surface)
{
    surface->recoveries++;
    return attach(surface);
}

status_t weft_surface_show(struct weft_surface *surface, const struct weft_rectangle *changed)
{
    struct weft_message message = {{WEFT_SURFACE_SHOW, weft_pair(changed->x, changed->y),
                                    weft_pair(changed->width, changed->height)}};
    status_t status = ask(surface->service, &message, NULL);
    return status == STATUS_DEAD ? recover(surface) : status;
}

status_t weft_surface_show_all(struct weft_surface *surface)
{
    struct weft_rectangle all = {0, 0, surface->area.width, surface->area.height};
    return weft_surface_show(surface, &all);
}

status_t weft_surface_wait(struct weft_surface *surface, uint64_t deadline)
{
    status_t status = STATUS_OK;
    while (status == STATUS_OK && weft_cycles() < deadline) {
        struct weft_message message = {{WEFT_SURFACE_WAIT}};
        struct weft_ipc ipc = {.deadline = deadline};
        status = ask(surface->service, &message, &ipc);
        if (status == STATUS_TIMED_OUT) {
            return STATUS_OK;
        }
        if (status == STATUS_DEAD) {
            status = recover(surface);
        }
    }
    return status;
}
