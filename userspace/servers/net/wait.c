/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits: callers whose answers come later, with their deadlines. A caller that has died meanwhile is nobody to
 * answer; its session's end cleans up.
 */
#include "server.h"

#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

struct waiter info_waiters[SESSIONS_MAX];

/* Threads that accept: of any listening socket, and any number of one. */
static struct acceptor {
    struct socket *listener;
    struct waiter waiter;
    uint8_t window; /* for the connection */
} acceptors[ACCEPTORS_MAX];

/* No waiter's deadline is before this; 0: none has one. That of a waiter who was answered may still stand here: then all are
 * looked at once in vain. So the many turns in which nobody's time is over do not look at anybody. */
static uint64_t due;

static void due_by(uint64_t deadline)
{
    if (deadline != 0 && (due == 0 || deadline < due)) {
        due = deadline;
    }
}

_Bool waiter_keep(struct waiter *waiter, uint64_t deadline)
{
    waiter->deadline = deadline;
    due_by(deadline);
    return weft_ipc_reply_save(&waiter->reply) == STATUS_OK;
}

void waiter_answer(struct waiter *waiter, const struct weft_net_answer *answer)
{
    struct weft_message message;

    if (waiter->reply != 0) {
        memcpy(&message, answer, sizeof(message));
        (void)weft_ipc_reply_to(waiter->reply, &message, NULL); /* or it has gone */
        (void)weft_cap_delete(waiter->reply);
        *waiter = (struct waiter){0};
    }
}

/* Is its time over? Else its deadline is one to come. */
static _Bool is_over(const struct waiter *waiter, uint64_t now)
{
    if (waiter->reply == 0 || waiter->deadline == 0) {
        return 0;
    }
    if (waiter->deadline <= now) {
        return 1;
    }
    due_by(waiter->deadline);
    return 0;
}

/* A connection that was not made in time is no socket to go on with. */
static void give_up_writing(struct socket *socket)
{
    uint32_t done = socket->writer.done;

    if (socket->state == SOCKET_CONNECTING) {
        stream_end(socket, 1);
        socket->error = STATUS_TIMED_OUT;
    }
    waiter_result(&socket->writer, done > 0 ? (int64_t)done : STATUS_TIMED_OUT);
}

_Bool acceptor_keep(struct socket *listener, uint8_t window, uint64_t deadline)
{
    for (uint32_t i = 0; i < ACCEPTORS_MAX; i++) {
        if (acceptors[i].waiter.reply == 0) {
            acceptors[i].listener = listener;
            acceptors[i].window = window;
            return waiter_keep(&acceptors[i].waiter, deadline);
        }
    }
    return 0;
}

void acceptors_serve(struct socket *listener)
{
    for (uint32_t i = 0; i < ACCEPTORS_MAX; i++) {
        struct acceptor *acceptor = &acceptors[i];
        if (acceptor->waiter.reply != 0 && acceptor->listener == listener) {
            struct weft_net_answer answer = {0};
            answer.result = stream_accept(listener, acceptor->window, &answer);
            if (answer.result == LATER) {
                return;
            }
            waiter_answer(&acceptor->waiter, &answer);
        }
    }
}

void acceptors_end(const struct socket *listener)
{
    for (uint32_t i = 0; i < ACCEPTORS_MAX; i++) {
        if (acceptors[i].listener == listener) {
            waiter_result(&acceptors[i].waiter, WEFT_NET_CLOSED);
        }
    }
}

uint64_t waiters_expire(void)
{
    uint64_t now = weft_cycles();

    if (due == 0 || now < due) {
        return due;
    }
    due = 0; /* until others are found */
    for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
        if (is_over(&sockets[i].reader, now)) {
            waiter_result(&sockets[i].reader, STATUS_TIMED_OUT);
        }
        if (is_over(&sockets[i].writer, now)) {
            give_up_writing(&sockets[i]);
        }
    }
    for (uint32_t i = 0; i < ACCEPTORS_MAX; i++) {
        if (is_over(&acceptors[i].waiter, now)) {
            waiter_result(&acceptors[i].waiter, STATUS_TIMED_OUT);
        }
    }
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (is_over(&info_waiters[i], now)) {
            waiter_result(&info_waiters[i], STATUS_TIMED_OUT);
        }
    }
    return due;
}

void socket_readable(struct socket *socket)
{
    if (socket->reader.reply != 0) {
        int64_t result =
            socket->kind == WEFT_STREAM ? stream_receive(socket) : datagram_receive(socket);
        if (result != LATER) {
            waiter_result(&socket->reader, result);
        }
    }
}

void socket_writable(struct socket *socket)
{
    if (socket->writer.reply != 0 && socket->state != SOCKET_CONNECTING) {
        int64_t result = socket->writer.bytes != 0 ? stream_send(socket)
                         : socket->error != 0      ? socket->error
                                                   : 0; /* connected */
        if (result != LATER) {
            waiter_result(&socket->writer, result);
        }
    }
}

void link_has_address(void)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        waiter_result(&info_waiters[i], STATUS_OK);
    }
}
