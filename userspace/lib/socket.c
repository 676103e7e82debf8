/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of sockets; the header is the manual.
 */
#include "weft/socket.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define ATTEMPTS 64u /* instances in a row that may die while a client attaches */

/* ---- the session ------------------------------------------------------------------------------------------- */

static int64_t ask(struct weft_net *net, struct weft_net_request *request,
                   struct weft_net_answer *answer, struct weft_ipc *ipc)
{
    struct weft_message message;

    _Static_assert(sizeof(*request) == sizeof(message) && sizeof(*answer) == sizeof(message),
                   "they travel as messages");
    memcpy(&message, request, sizeof(message));
    status_t status = weft_ipc_call_with(net->service, &message, ipc);
    if (status < 0) {
        return status;
    }
    memcpy(answer, &message, sizeof(*answer));
    return answer->result;
}

static int64_t attach(struct weft_net *net)
{
    struct weft_net_request request = {.operation = WEFT_NET_ATTACH, .argument = net->windows};
    struct weft_ipc ipc = {
        .send_count = 2,
        .send_handles = {(uint32_t)net->memory, (uint32_t)net->lifeline},
        .send_rights = {RIGHT_READ | RIGHT_WRITE, RIGHT_WRITE},
    };
    struct weft_net_answer answer;
    int64_t result = STATUS_DEAD;

    for (unsigned turn = 0; turn < ATTEMPTS && result == STATUS_DEAD; turn++) {
        result = ask(net, &request, &answer, &ipc);
    }
    net->sessions += result == STATUS_OK;
    return result;
}

/* A request that needs no socket: whoever meets an instance that does not know the session begins a new one. Answers
 * of other threads' requests cannot come in between: only who holds the mutex attaches. */
static int64_t ask_any(struct weft_net *net, struct weft_net_request *request,
                       struct weft_net_answer *answer)
{
    for (unsigned turn = 0; turn < ATTEMPTS; turn++) {
        int64_t result = ask(net, request, answer, NULL);
        if (result != STATUS_DEAD) {
            return result;
        }
        weft_mutex_lock(&net->mutex);
        /* Another thread may have been quicker. */
        struct weft_net_request probe = {.operation = WEFT_NET_INFO};
        struct weft_net_answer told;
        result = ask(net, &probe, &told, NULL);
        result = result == STATUS_DEAD ? attach(net) : result;
        weft_mutex_unlock(&net->mutex);
        if (result < 0) {
            return result == STATUS_DEAD ? WEFT_NET_LOST : result;
        }
    }
    return WEFT_NET_LOST;
}

status_t weft_net_open(struct weft_net *net, uint64_t service, uint64_t place, uint32_t sockets)
{
    *net = (struct weft_net){.service = service, .here = (uint8_t *)place, .windows = sockets};
    if (sockets == 0 || sockets > WEFT_NET_SOCKETS) {
        return STATUS_BAD_ARGUMENT;
    }
    uint64_t pages = (uint64_t)sockets * WEFT_WINDOW_PAGES;
    status_t status = weft_memory_create(pages, &net->memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = weft_endpoint_create(weft_startup()->cpu, &net->lifeline);
    if (status == STATUS_OK) {
        status =
            weft_memory_map(HANDLE_SELF, net->memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE);
        if (status == STATUS_OK) {
            status = attach(net);
            if (status == STATUS_OK) {
                return STATUS_OK;
            }
            (void)weft_memory_unmap(HANDLE_SELF, place, pages);
        }
        (void)weft_cap_delete(net->lifeline);
    }
    (void)weft_cap_delete(net->memory);
    return status;
}

void weft_net_close(struct weft_net *net)
{
    (void)weft_cap_delete(net->lifeline); /* which tells the server */
    (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)net->here,
                            (uint64_t)net->windows * WEFT_WINDOW_PAGES);
    (void)weft_cap_delete(net->memory);
}

status_t weft_net_info(struct weft_net *net, struct weft_net_info *info, uint64_t deadline)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct weft_net_request request = {.operation = WEFT_NET_INFO, .deadline = deadline};
    struct weft_net_answer answer;
    int64_t result = ask_any(net, &request, &answer);

    if (result == STATUS_OK && deadline != 0) {
        request.deadline = 0; /* there was an answer: now what it says */
        result = ask_any(net, &request, &answer);
    }
    *info = (struct weft_net_info){0};
    if (result == STATUS_OK && (uint32_t)answer.values[0] != 0) {
        memcpy(info->address.bytes, mapped, sizeof(mapped));
        memcpy(&info->address.bytes[12], &answer.values[0], 4);
        info->mask_bits = (uint8_t)(answer.values[0] >> 32);
    }
    if (result == STATUS_OK) {
        info->link = (answer.values[0] >> 40 & 1) != 0;
        memcpy(info->ethernet, &answer.values[1], sizeof(info->ethernet));
    }
    return result;
}

/* ---- sockets ----------------------------------------------------------------------------------------------- */

struct weft_window *weft_socket_window(const struct weft_socket *socket)
{
    return (struct weft_window *)(socket->net->here +
                                  socket->window * WEFT_WINDOW_PAGES * WEFT_PAGE_SIZE);
}

static _Bool take_window(struct weft_net *net, uint8_t *window)
{
    weft_mutex_lock(&net->mutex);
    uint32_t number = 0;
    while (number < net->windows && (net->taken >> number & 1) != 0) {
        number++;
    }
    _Bool found = number < net->windows;
    if (found) {
        net->taken |= 1u << number;
    }
    weft_mutex_unlock(&net->mutex);
    *window = (uint8_t)number;
    return found;
}

static void leave_window(struct weft_net *net, uint8_t window)
{
    weft_mutex_lock(&net->mutex);
    net->taken &= ~(1u << window);
    weft_mutex_unlock(&net->mutex);
}

/* One request for a socket. */
static int64_t ask_socket(const struct weft_socket *socket, enum weft_net_operation operation,
                          uint64_t argument, uint64_t deadline)
{
    struct weft_net_request request = {.operation = (uint8_t)operation,
                                       .window = socket->window,
                                       .number = socket->number,
                                       .deadline = deadline,
                                       .argument = argument};
    struct weft_net_answer answer;

    if (socket->number == 0) {
        return WEFT_NET_CLOSED;
    }
    int64_t result = ask(socket->net, &request, &answer, NULL);
    return result == STATUS_DEAD ? WEFT_NET_LOST : result;
}

int64_t weft_socket_open(struct weft_net *net, struct weft_socket *socket,
                         enum weft_socket_kind kind)
{
    struct weft_net_request request = {.operation = WEFT_NET_OPEN, .argument = kind};
    struct weft_net_answer answer;

    *socket = (struct weft_socket){.net = net};
    if (!take_window(net, &socket->window)) {
        return WEFT_NET_FULL;
    }
    request.window = socket->window;
    int64_t result = ask_any(net, &request, &answer);
    if (result < 0) {
        leave_window(net, socket->window);
        return result;
    }
    socket->number = (uint32_t)answer.values[0];
    return result;
}

void weft_socket_close(struct weft_socket *socket)
{
    if (socket->number != 0) {
        (void)ask_socket(socket, WEFT_NET_CLOSE, 0, 0); /* or it is gone with the server */
        socket->number = 0;
        leave_window(socket->net, socket->window);
    }
}

int64_t weft_socket_bind(struct weft_socket *socket, const struct weft_address *address)
{
    weft_socket_window(socket)->to = *address;
    return ask_socket(socket, WEFT_NET_BIND, 0, 0);
}

int64_t weft_socket_listen(struct weft_socket *socket, uint32_t backlog)
{
    return ask_socket(socket, WEFT_NET_LISTEN, backlog, 0);
}

int64_t weft_socket_connect(struct weft_socket *socket, const struct weft_address *address,
                            uint64_t deadline)
{
    weft_socket_window(socket)->to = *address;
    return ask_socket(socket, WEFT_NET_CONNECT, 0, deadline);
}

int64_t weft_socket_accept(struct weft_socket *listener, struct weft_socket *socket,
                           struct weft_address *peer, uint64_t deadline)
{
    struct weft_net_request request = {.operation = WEFT_NET_ACCEPT,
                                       .window = listener->window,
                                       .number = listener->number,
                                       .deadline = deadline};
    struct weft_net_answer answer;

    *socket = (struct weft_socket){.net = listener->net};
    if (!take_window(listener->net, &socket->window)) {
        return WEFT_NET_FULL;
    }
    request.other = socket->window;
    int64_t result = ask(listener->net, &request, &answer, NULL);
    if (result < 0) {
        leave_window(listener->net, socket->window);
        return result == STATUS_DEAD ? WEFT_NET_LOST : result;
    }
    socket->number = (uint32_t)answer.values[0];
    if (peer != NULL) {
        *peer = weft_socket_window(socket)->from;
    }
    return result;
}

int64_t weft_socket_shutdown(struct weft_socket *socket)
{
    return ask_socket(socket, WEFT_NET_SHUTDOWN, 0, 0);
}

int64_t weft_socket_name(struct weft_socket *socket, struct weft_address *name)
{
    int64_t result = ask_socket(socket, WEFT_NET_NAME, 0, 0);
    *name = weft_socket_window(socket)->name;
    return result;
}

/* ---- data -------------------------------------------------------------------------------------------------- */

int64_t weft_socket_send_window(struct weft_socket *socket, uint64_t count, uint64_t deadline)
{
    return ask_socket(socket, WEFT_NET_SEND, count, deadline);
}

int64_t weft_socket_receive_window(struct weft_socket *socket, uint64_t count, uint64_t deadline)
{
    int64_t result = ask_socket(socket, WEFT_NET_RECEIVE,
                                count < WEFT_WINDOW_BYTES ? count : WEFT_WINDOW_BYTES, deadline);
    /* A server that makes figures up shall not have anything read that is not there. */
    return result > (int64_t)WEFT_WINDOW_BYTES ? WEFT_NET_LOST : result;
}

int64_t weft_socket_send(struct weft_socket *socket, const void *bytes, uint64_t count,
                         uint64_t deadline)
{
    uint64_t done = 0;

    weft_socket_window(socket)->to = (struct weft_address){0}; /* where it is connected to */
    while (done < count) {
        uint64_t now = count - done < WEFT_WINDOW_BYTES ? count - done : WEFT_WINDOW_BYTES;
        weft_copy(weft_socket_window(socket)->out, (const uint8_t *)bytes + done, now);
        int64_t result = weft_socket_send_window(socket, now, deadline);
        if (result < 0) {
            return done > 0 ? (int64_t)done : result;
        }
        done += (uint64_t)result;
        if ((uint64_t)result < now) {
            break; /* no more time, or the connection has ended: the next call says it */
        }
    }
    return (int64_t)done;
}

int64_t weft_socket_receive(struct weft_socket *socket, void *bytes, uint64_t count,
                            uint64_t deadline)
{
    return weft_socket_receive_from(socket, bytes, count, NULL, deadline);
}

int64_t weft_socket_send_to(struct weft_socket *socket, const void *bytes, uint64_t count,
                            const struct weft_address *to, uint64_t deadline)
{
    if (count > WEFT_DATAGRAM_BYTES) {
        return WEFT_NET_TOO_LONG;
    }
    weft_socket_window(socket)->to = *to;
    memcpy(weft_socket_window(socket)->out, bytes, count);
    return weft_socket_send_window(socket, count, deadline);
}

int64_t weft_socket_receive_from(struct weft_socket *socket, void *bytes, uint64_t count,
                                 struct weft_address *from, uint64_t deadline)
{
    int64_t result = weft_socket_receive_window(socket, count, deadline);

    if (result > 0) {
        weft_copy(bytes, weft_socket_window(socket)->in,
                  (uint64_t)result < count ? (uint64_t)result : count);
    }
    if (result >= 0 && from != NULL) {
        *from = weft_socket_window(socket)->from;
    }
    return result;
}

/* ---- listeners ----------------------------------------------------------------------------------------------- */

/* The socket to accept on; `lost` is the one that was found to be of no use, 0: none. */
static int64_t listening(struct weft_listener *listener, uint32_t lost, struct weft_socket *out)
{
    int64_t result = 0;

    weft_mutex_lock(&listener->mutex);
    if (lost != 0 && listener->socket.number == lost) {
        weft_socket_close(&listener->socket);
    }
    if (listener->socket.number == 0) {
        result = weft_socket_open(listener->net, &listener->socket, WEFT_STREAM);
        result = result < 0 ? result : weft_socket_bind(&listener->socket, &listener->address);
        result = result < 0 ? result : weft_socket_listen(&listener->socket, listener->backlog);
        if (result < 0) {
            weft_socket_close(&listener->socket);
        }
        listener->turns += result == 0;
    }
    *out = listener->socket;
    weft_mutex_unlock(&listener->mutex);
    return result;
}

int64_t weft_listener_begin(struct weft_listener *listener)
{
    struct weft_socket unused;
    return listening(listener, 0, &unused);
}

int64_t weft_listener_accept(struct weft_listener *listener, struct weft_socket *socket,
                             struct weft_address *peer, uint64_t deadline)
{
    struct weft_socket here;
    uint32_t lost = 0;

    for (unsigned turn = 0; turn < ATTEMPTS; turn++) {
        int64_t result = listening(listener, lost, &here);
        if (result == 0) {
            turn = 0; /* who waits here for long may see any number of servers die */
            result = weft_socket_accept(&here, socket, peer, deadline);
        }
        if (result != WEFT_NET_LOST) {
            return result;
        }
        lost = here.number;
    }
    return WEFT_NET_LOST;
}

void weft_listener_close(struct weft_listener *listener)
{
    weft_mutex_lock(&listener->mutex);
    weft_socket_close(&listener->socket);
    weft_mutex_unlock(&listener->mutex);
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

const char *weft_net_error_text(int64_t error)
{
    switch (error) {
    case WEFT_NET_LOST:
        return "the network server died";
    case WEFT_NET_REFUSED:
        return "nobody listens there";
    case WEFT_NET_RESET:
        return "the peer has ended the connection";
    case WEFT_NET_CLOSED:
        return "not connected";
    case WEFT_NET_UNREACHABLE:
        return "there is no way there";
    case WEFT_NET_IN_USE:
        return "in use already";
    case WEFT_NET_TOO_LONG:
        return "too long for a datagram";
    case WEFT_NET_FULL:
        return "no more sockets, or no memory for it";
    case WEFT_NET_WRONG:
        return "not for this socket now";
    case STATUS_TIMED_OUT:
        return "not in time";
    case STATUS_BUSY:
        return "another thread does so now";
    default:
        return error < 0 ? "a system call failed" : "no error";
    }
}

const char *weft_address_text(const struct weft_address *address, char out[WEFT_ADDRESS_TEXT])
{
    const uint8_t *bytes = address->bytes;
    _Bool four = bytes[10] == 0xff && bytes[11] == 0xff;
    size_t length = 0;

    for (unsigned i = 0; i < 10; i++) {
        four &= bytes[i] == 0;
    }
    if (four) {
        (void)weft_format(out, WEFT_ADDRESS_TEXT, "%u.%u.%u.%u", bytes[12], bytes[13], bytes[14],
                          bytes[15]);
        return out;
    }
    for (unsigned i = 0; i < 16; i += 2) {
        length += weft_format(out + length, WEFT_ADDRESS_TEXT - length, "%s%x", i == 0 ? "" : ":",
                              bytes[i] << 8 | bytes[i + 1]);
    }
    return out;
}
