/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a virtio-gpu device and server of its screen (weft/display.h has the protocol and its theory of
 * operation).
 *
 * It is given
 *
 *     pci        the bus, with the badge of the device (0x1af41050)
 *     display    its endpoint, right read, on the CPU where it runs; clients hold it with badges of their own
 *
 * It keeps nothing that must survive it: the pixels are the client's, and a client attaches again. It never maps
 * them either, so a client that takes its memory back harms the picture and not the driver.
 */
#include "gpu.h"

#include "weft/service.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

static struct weft_service service;
static struct frame shown; /* resource 0: nothing is */
static uint64_t owner;     /* the badge of whom it is of */

static status_t attach(uint64_t badge, uint64_t size, struct weft_ipc *ipc)
{
    struct frame fresh = {.width = (uint32_t)size,
                          .height = (uint32_t)(size >> 32),
                          .memory = ipc->receive_handles[0]};
    struct frame old = shown;

    if (fresh.memory == 0 || fresh.width == 0 || fresh.width > WEFT_DISPLAY_SIDE_MAX ||
        fresh.height == 0 || fresh.height > WEFT_DISPLAY_SIDE_MAX ||
        (uint64_t)fresh.width * fresh.height >
            WEFT_DISPLAY_PAGES_MAX * WEFT_PAGE_SIZE / sizeof(weft_pixel_t)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (old.resource != 0 && owner != badge) {
        return STATUS_BUSY;
    }
    status_t status = gpu_attach(&fresh);
    if (status != STATUS_OK) {
        return status;
    }
    ipc->receive_handles[0] = 0; /* it stays */
    shown = fresh;
    owner = badge;
    if (old.resource != 0) {
        gpu_detach(&old);
        (void)weft_cap_delete(old.memory);
    }
    return STATUS_OK;
}

static status_t show(uint64_t badge, uint64_t corner, uint64_t size)
{
    struct weft_rectangle area = {(uint32_t)corner, (uint32_t)(corner >> 32), (uint32_t)size,
                                  (uint32_t)(size >> 32)};

    if (shown.resource == 0 || owner != badge) {
        return STATUS_DEAD; /* it was attached to an instance before this one */
    }
    if (area.width == 0 || area.height == 0 || area.x >= shown.width || area.y >= shown.height ||
        area.width > shown.width - area.x || area.height > shown.height - area.y) {
        return STATUS_BAD_ARGUMENT;
    }
    gpu_show(&shown, &area);
    return STATUS_OK;
}

static void serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    status_t status = STATUS_BAD_ARGUMENT;
    uint32_t width = 0, height = 0;

    switch (message->words[0]) {
    case WEFT_DISPLAY_INFO:
        gpu_size(&width, &height);
        status = STATUS_OK;
        break;
    case WEFT_DISPLAY_ATTACH:
        status = attach(badge, message->words[1], ipc);
        break;
    case WEFT_DISPLAY_SHOW:
        status = show(badge, message->words[1], message->words[2]);
        break;
    default:
        break;
    }
    *message = (struct weft_message){{(uint64_t)status, weft_pair(width, height)}};
}

int main(void)
{
    uint64_t endpoint = weft_capability("display"), notification, badge;
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {.receive_count = 1};
    _Bool answers = 0;

    weft_service_join(&service);
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    gpu_open(notification);
    for (;;) {
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        answers = came != STATUS_TIMED_OUT;
        if (came < 0 && answers) {
            weft_fail("the endpoint display cannot be received from (status %ld)", came);
        }
        if (!answers) {
            if (virtio_failed(&device)) {
                weft_fail("the display has stopped");
            }
            continue;
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
