/* SPDX-License-Identifier: Apache-2.0
 *
 * The compositor: surfaces of several clients on one display (weft/surface.h has the protocol and its theory of
 * operation).
 *
 * It is given
 *
 *     display       the display driver's endpoint
 *     compositor    its own, right read; clients hold it with badges of their own
 *
 * It keeps nothing that must survive it. Its next instance begins with an empty frame, which the display shows once
 * it is there, and the clients, whose calls end with this instance, open their surfaces again.
 */
#include "screen.h"

#include "weft/service.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

static struct weft_service service;

static struct weft_rectangle rectangle_of(uint64_t corner, uint64_t size)
{
    return (struct weft_rectangle){(uint32_t)corner, (uint32_t)(corner >> 32), (uint32_t)size,
                                   (uint32_t)(size >> 32)};
}

static status_t open_surface(uint64_t badge, const struct weft_message *message,
                             struct weft_ipc *ipc)
{
    struct weft_rectangle area = rectangle_of(message->words[1], message->words[2]);

    if (ipc->receive_handles[0] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status =
        surface_open(badge, ipc->receive_handles[0], &area, (uint32_t)message->words[3]);
    if (status == STATUS_OK) {
        ipc->receive_handles[0] = 0; /* it stays */
    }
    return status;
}

static status_t show(const struct surface *surface, const struct weft_message *message)
{
    struct weft_rectangle part = rectangle_of(message->words[1], message->words[2]);

    if (part.width == 0 || part.height == 0 || part.x >= surface->area.width ||
        part.y >= surface->area.height || part.width > surface->area.width - part.x ||
        part.height > surface->area.height - part.y) {
        return STATUS_BAD_ARGUMENT;
    }
    part.x += surface->area.x;
    part.y += surface->area.y;
    screen_show(&part);
    return STATUS_OK;
}

/* Keeps the caller for as long as this instance lives. One that waited before has given up. */
static status_t keep(struct surface *surface)
{
    if (surface->waiter != 0) {
        (void)weft_cap_delete(surface->waiter);
        surface->waiter = 0;
    }
    return weft_ipc_reply_save(&surface->waiter);
}

static void serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    struct surface *surface = surface_find(badge);
    status_t status = STATUS_BAD_ARGUMENT;
    uint64_t operation = message->words[0];
    uint32_t width = 0, height = 0;

    if (operation == WEFT_SURFACE_SCREEN) {
        screen_size(&width, &height);
        status = STATUS_OK;
    } else if (operation == WEFT_SURFACE_OPEN) {
        status = open_surface(badge, message, ipc);
    } else if (surface == NULL) {
        status = STATUS_DEAD; /* it was opened at an instance before this one */
    } else if (operation == WEFT_SURFACE_SHOW) {
        status = show(surface, message);
    } else if (operation == WEFT_SURFACE_WAIT) {
        status = keep(surface);
    } else if (operation == WEFT_SURFACE_CLOSE) {
        surface_close(surface);
        status = STATUS_OK;
    }
    *message = (struct weft_message){{(uint64_t)status, weft_pair(width, height)}};
}

int main(void)
{
    uint64_t endpoint = weft_capability("compositor"), badge;
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {.receive_count = 1};
    _Bool answers = 0;

    weft_service_join(&service);
    screen_open();
    for (;;) {
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        answers = came != STATUS_TIMED_OUT;
        if (!answers) {
            continue;
        }
        if (came < 0) {
            weft_fail("the endpoint compositor cannot be received from (status %ld)", came);
        }
        if (WEFT_IPC_HANDLES(came) == 0) {
            ipc.receive_handles[0] = 0;
        }
        serve(badge, &message, &ipc);
        if (WEFT_IPC_HANDLES(came) != 0 && ipc.receive_handles[0] != 0) {
            (void)weft_cap_delete(ipc.receive_handles[0]); /* what was sent and is not kept */
        }
    }
}
