/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a virtio-net device (weft/ethernet.h has the protocol and its theory of operation).
 *
 * It is given
 *
 *     pci        the bus, with the badge of the device (0x1af41041)
 *     ethernet   its endpoint, right read, on the CPU where it runs
 *
 * One thread, which sleeps in one place: for a message, for the device's interrupts, or for the client's signal. Before it
 * does, it moves what there is until nothing is left on either side, and asks to be woken only then: under load
 * there are neither interrupts nor signals.
 *
 * It keeps nothing that must survive it: frames may get lost, and the next instance's client attaches again.
 */
#include "network.h"

#include "weft/service.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define ROUNDS 64

static struct weft_service service;
static uint64_t endpoint, notification, doorbell;

static void tell_info(struct weft_message *message)
{
    struct weft_ethernet_info info = device_info();
    uint64_t address = 0;
    memcpy(&address, info.address, sizeof(info.address));
    *message =
        (struct weft_message){{STATUS_OK, address | (uint64_t)info.packet_bytes << 48, info.link}};
}

static status_t attach(const struct weft_message *message, struct weft_ipc *ipc)
{
    if (ipc->receive_handles[0] == 0 || ipc->receive_handles[1] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status =
        session_attach(ipc->receive_handles[0], ipc->receive_handles[1], message->words[1]);
    if (status == STATUS_OK) {
        ipc->receive_handles[0] = 0; /* both stay */
        ipc->receive_handles[1] = 0;
        ipc->send_count = 1;
        ipc->send_handles[0] = (uint32_t)doorbell;
        ipc->send_rights[0] = RIGHT_WRITE;
    }
    return status;
}

static void serve(struct weft_message *message, struct weft_ipc *ipc)
{
    switch (message->words[0]) {
    case WEFT_ETHERNET_INFO:
        tell_info(message);
        return;
    case WEFT_ETHERNET_ATTACH:
        message->words[0] = (uint64_t)attach(message, ipc);
        return;
    case WEFT_ETHERNET_WATCH:
        message->words[0] = (uint64_t)session_watch();
        return;
    case WEFT_ETHERNET_DETACH:
        session_detach();
        message->words[0] = STATUS_OK;
        return;
    default:
        message->words[0] = (uint64_t)STATUS_BAD_ARGUMENT;
    }
}

/* Moves frames until there are none, and all who bring something new will say so. False: there is no end of it,
 * and messages want to be looked at. */
static _Bool catch_up(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        virtqueue_wake(&queues[RECEIVE].ring);
        virtqueue_wake(&queues[SEND].ring);
        session_pump();
        if (virtqueue_sleep(&queues[RECEIVE].ring) && virtqueue_sleep(&queues[SEND].ring) &&
            session_sleep()) {
            return 1;
        }
    }
    return 0;
}

static void open_notification(void)
{
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK ||
        weft_cap_copy(HANDLE_SELF, notification, RIGHT_WRITE | RIGHT_COPY, BIT_CLIENT, &doorbell) !=
            STATUS_OK) {
        weft_fail("no notification can be made");
    }
}

static void acknowledge(uint64_t bits)
{
    if ((bits & BIT_RECEIVED) != 0) {
        virtio_acknowledge(&queues[RECEIVE]);
    }
    if ((bits & BIT_SENT) != 0) {
        virtio_acknowledge(&queues[SEND]);
    }
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    _Bool answers = 0;

    weft_service_join(&service);
    endpoint = weft_capability("ethernet");
    open_notification();
    device_open(notification);
    struct weft_ipc ipc = {.notification = (uint32_t)notification, .receive_count = 2};
    for (;;) {
        _Bool idle = catch_up();
        weft_service_turn(&service, &ipc, answers);
        ipc.deadline = idle ? ipc.deadline : weft_cycles();
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        ipc.send_count = 0;
        answers = 0;
        if (came == STATUS_TIMED_OUT) {
            if (idle && virtio_failed(&device)) {
                weft_fail("the device has stopped");
            }
            continue;
        }
        if (came < 0) {
            weft_fail("the endpoint ethernet cannot be received from (status %ld)", came);
        }
        if (came == WEFT_IPC_NOTIFIED) {
            acknowledge(badge);
            continue;
        }
        for (uint32_t i = WEFT_IPC_HANDLES(came); i < 2; i++) {
            ipc.receive_handles[i] = 0;
        }
        serve(&message, &ipc);
        answers = 1;
        for (uint32_t i = 0; i < WEFT_IPC_HANDLES(came) && i < 2; i++) {
            if (ipc.receive_handles[i] != 0) { /* what was sent and is not kept */
                (void)weft_cap_delete(ipc.receive_handles[i]);
            }
        }
    }
}
