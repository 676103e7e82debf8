/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a virtio-blk device and block server (weft/block.h has the protocol and its theory of operation).
 *
 * It is given
 *
 *     pci        the bus, with the badge of the device (0x1af41042)
 *     block      its endpoint, right read, on the CPU where it runs; clients hold it with badges of their own
 *
 * One thread, which sleeps in one place: for a message or for the device's interrupt. Before it does, it takes
 * what is done and what was submitted until neither is left, and asks the device for an interrupt only then:
 * under load there is none per request.
 *
 * It keeps nothing that must survive it. A request that a client has not been told of is the client's to ask for
 * again; a new instance begins with a device that was reset, and with clients that attach again.
 */
#include "disk.h"

#include "weft/service.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define HELD_TIME 1000u /* microseconds */

static struct weft_service service;
static uint64_t endpoint, notification;

static void tell_info(struct weft_message *message)
{
    struct weft_block_info info = disk_info();
    *message = (struct weft_message){{STATUS_OK, info.sectors, info.flags, info.unit}};
}

/* Waits for the device with the caller held: that saves a reply capability, a fifth of what a request costs that is
 * alone. Nobody else is heard meanwhile, so only while there is one session, and not for longer than HELD_TIME. */
static void hold(struct session *session)
{
    uint64_t bits, end = weft_deadline(HELD_TIME);
    status_t status = STATUS_OK;

    while (status == STATUS_OK && session->state == SESSION_OPEN &&
           !session_ready(session, session->wanted)) {
        if (virtqueue_sleep(&queue.ring)) {
            status = weft_notification_wait(notification, end, &bits);
            virtio_acknowledge(&queue);
        }
        virtqueue_wake(&queue.ring);
        sessions_reap();
        sessions_pump();
    }
}

/* Answers at once, or keeps the caller until there is enough; then there is nobody to answer. */
static status_t enter(uint64_t badge, struct weft_message *message)
{
    struct session *session = session_find(badge);

    if (session == NULL) {
        return STATUS_DEAD; /* of an instance before this one, or closed */
    }
    if (session->waiter != 0) { /* of a call that its client has given up: it has one thread */
        (void)weft_cap_delete(session->waiter);
        session->waiter = 0;
    }
    session->wanted =
        message->words[1] < WEFT_BLOCK_DEPTH ? (uint32_t)message->words[1] : WEFT_BLOCK_DEPTH;
    sessions_pump();
    if (sessions_are_one()) {
        hold(session);
    }
    if (session->state != SESSION_OPEN) {
        return STATUS_DEAD;
    }
    if (!session_ready(session, session->wanted) &&
        weft_ipc_reply_save(&session->waiter) == STATUS_OK) {
        return STATUS_OK;
    }
    message->words[1] = session_results(session);
    return STATUS_OK;
}

static status_t attach(uint64_t badge, const struct weft_message *message, struct weft_ipc *ipc)
{
    if (ipc->receive_handles[0] == 0 || ipc->receive_handles[1] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status =
        session_attach(badge, ipc->receive_handles[0], ipc->receive_handles[1], message->words[1]);
    if (status == STATUS_OK) {
        ipc->receive_handles[0] = 0; /* they stay */
        ipc->receive_handles[1] = 0;
    }
    return status;
}

static status_t detach(uint64_t badge)
{
    struct session *session = session_find(badge);

    if (session == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    session_detach(session);
    return STATUS_OK;
}

static void serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    status_t status;

    switch (message->words[0]) {
    case WEFT_BLOCK_INFO:
        tell_info(message);
        return;
    case WEFT_BLOCK_ATTACH:
        status = attach(badge, message, ipc);
        break;
    case WEFT_BLOCK_ENTER:
        status = enter(badge, message);
        break;
    case WEFT_BLOCK_DETACH:
        status = detach(badge);
        break;
    default:
        status = STATUS_BAD_ARGUMENT;
    }
    message->words[0] = (uint64_t)status;
}

/* Until nothing is done that nobody was told of, and the device will interrupt at the next. */
static void catch_up(void)
{
    do {
        virtqueue_wake(&queue.ring);
        sessions_reap();
        sessions_pump();
        sessions_reap(); /* who asked for what cannot be done waits for nothing */
    } while (!virtqueue_sleep(&queue.ring));
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    _Bool answers = 0;

    weft_service_join(&service);
    endpoint = weft_capability("block");
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    disk_open(notification);
    struct weft_ipc ipc = {.notification = (uint32_t)notification, .receive_count = 2};
    for (;;) {
        catch_up();
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        answers = 0;
        if (came == STATUS_TIMED_OUT) {
            if (virtio_failed(&device)) {
                weft_fail("the disk has stopped");
            }
            sessions_bury();
            continue;
        }
        if (came < 0) {
            weft_fail(
                "the endpoint block cannot be received from here, is it on this CPU? (status %ld)",
                came);
        }
        if (came == WEFT_IPC_NOTIFIED) {
            virtio_acknowledge(&queue);
            continue;
        }
        for (uint32_t i = 0; i < ipc.receive_count; i++) {
            if (i >= WEFT_IPC_HANDLES(came)) {
                ipc.receive_handles[i] = 0;
            } else if (ipc.receive_handles[i] == 0) {
                weft_fail(
                    "its table of capabilities is full: what it holds is bounded, so it is sick");
            }
        }
        serve(badge, &message, &ipc);
        answers = 1;
        for (uint32_t i = 0; i < ipc.receive_count; i++) {
            if (ipc.receive_handles[i] != 0) {
                (void)weft_cap_delete(ipc.receive_handles[i]); /* what was sent and is not kept */
            }
        }
    }
}
