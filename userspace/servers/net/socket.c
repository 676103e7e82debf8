/* SPDX-License-Identifier: Apache-2.0
 *
 * What all sockets have: their places, their requests, and their addresses.
 */
#include "server.h"

#include "lwip/err.h"
#include "lwip/netif.h"
#include "weft/string.h"
#include "weft/syscalls.h"

struct socket sockets[SOCKETS_MAX];
static uint32_t last_number;
#define NUMBER_BITS 20 /* so many sockets before they could be those of the next instance */

/* ---- addresses ------------------------------------------------------------------------------------------ */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* What lies in a window may change while it is read. */
void address_read(const struct weft_address *from, ip_addr_t *to, uint16_t *port)
{
    struct weft_address copy = *from;
    uint32_t words[4];

    memcpy(words, copy.bytes, sizeof(words));
    *port = copy.port;
    if (memcmp(copy.bytes, mapped, sizeof(mapped)) == 0) {
        *to = (ip_addr_t){.type = IPADDR_TYPE_V4};
        to->u_addr.ip4.addr = words[3];
    } else if ((words[0] | words[1] | words[2] | words[3]) == 0) {
        *to = (ip_addr_t){.type = IPADDR_TYPE_ANY};
    } else {
        *to = (ip_addr_t){.type = IPADDR_TYPE_V6};
        memcpy(to->u_addr.ip6.addr, words, sizeof(words));
        ip6_addr_assign_zone(ip_2_ip6(to), IP6_UNKNOWN, netif_default);
    }
}

void address_write(const ip_addr_t *from, uint16_t port, struct weft_address *to)
{
    struct weft_address address = {.port = port};

    if (IP_IS_V4(from)) {
        memcpy(address.bytes, mapped, sizeof(mapped));
        memcpy(&address.bytes[12], &ip_2_ip4(from)->addr, 4);
    } else {
        memcpy(address.bytes, ip_2_ip6(from)->addr, 16);
    }
    *to = address;
}

int64_t error_of(int8_t error)
{
    switch ((err_enum_t)error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return WEFT_NET_FULL;
    case ERR_RTE:
    case ERR_IF:
        return WEFT_NET_UNREACHABLE;
    case ERR_USE:
    case ERR_ALREADY:
    case ERR_ISCONN:
        return WEFT_NET_IN_USE;
    case ERR_CONN:
    case ERR_CLSD:
        return WEFT_NET_CLOSED;
    case ERR_TIMEOUT:
    case ERR_ABRT:
    case ERR_RST:
        return WEFT_NET_RESET;
    default:
        return WEFT_NET_WRONG;
    }
}

/* ---- life ------------------------------------------------------------------------------------------------ */

void sockets_open(uint32_t instance)
{
    last_number = instance << NUMBER_BITS;
}

struct socket *socket_take(enum weft_socket_kind kind)
{
    for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state == SOCKET_FREE) {
            last_number += last_number == UINT32_MAX ? 2 : 1; /* 0 is none */
            sockets[i] = (struct socket){.state = SOCKET_OPEN, .kind = kind, .number = last_number};
            return &sockets[i];
        }
    }
    return NULL;
}

void socket_end(struct socket *socket, _Bool reset)
{
    if (socket->kind == WEFT_STREAM) {
        stream_end(socket, reset);
    } else {
        datagram_end(socket);
    }
    waiter_result(&socket->reader, WEFT_NET_CLOSED);
    waiter_result(&socket->writer, WEFT_NET_CLOSED);
    if (socket->window != NULL) {
        session_leave_window(socket->session, socket->window_number);
    }
    socket->state = SOCKET_FREE;
}

static int64_t open_socket(struct session *session, const struct weft_net_request *request,
                           struct weft_net_answer *answer)
{
    if (request->argument != WEFT_STREAM && request->argument != WEFT_DATAGRAM) {
        return WEFT_NET_WRONG;
    }
    struct socket *socket = socket_take((enum weft_socket_kind)request->argument);
    if (socket == NULL) {
        return WEFT_NET_FULL;
    }
    socket->session = session;
    socket->window = session_take_window(session, request->window, socket);
    socket->window_number = request->window;
    int64_t result = socket->window == NULL        ? WEFT_NET_WRONG
                     : socket->kind == WEFT_STREAM ? stream_open(socket)
                                                   : datagram_open(socket);
    if (result < 0) {
        socket_end(socket, 1);
        return result;
    }
    answer->values[0] = socket->number;
    return result;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

static int64_t bind_or_connect(struct socket *socket, const struct weft_net_request *request)
{
    ip_addr_t address;
    uint16_t port;

    address_read(&socket->window->to, &address, &port);
    if (request->operation == WEFT_NET_BIND) {
        return socket->kind == WEFT_STREAM ? stream_bind(socket, &address, port)
                                           : datagram_bind(socket, &address, port);
    }
    if (socket->writer.reply != 0) {
        return STATUS_BUSY;
    }
    socket->writer = (struct waiter){0};
    return socket->kind == WEFT_STREAM ? stream_connect(socket, &address, port)
                                       : datagram_connect(socket, &address, port);
}

static int64_t send_or_receive(struct socket *socket, const struct weft_net_request *request)
{
    _Bool sends = request->operation == WEFT_NET_SEND;
    struct waiter *waiter = sends ? &socket->writer : &socket->reader;

    if (waiter->reply != 0) {
        return STATUS_BUSY;
    }
    if (request->argument > WEFT_WINDOW_BYTES || socket->state == SOCKET_LISTENING) {
        return WEFT_NET_WRONG;
    }
    *waiter = (struct waiter){.bytes = (uint32_t)request->argument};
    if (request->argument == 0 && socket->kind == WEFT_STREAM) {
        return 0;
    }
    if (sends) {
        return socket->kind == WEFT_STREAM ? stream_send(socket) : datagram_send(socket);
    }
    return socket->kind == WEFT_STREAM ? stream_receive(socket) : datagram_receive(socket);
}

static int64_t serve(struct socket *socket, const struct weft_net_request *request,
                     struct weft_net_answer *answer)
{
    _Bool stream = socket->kind == WEFT_STREAM;

    switch ((enum weft_net_operation)request->operation) {
    case WEFT_NET_BIND:
    case WEFT_NET_CONNECT:
        return bind_or_connect(socket, request);
    case WEFT_NET_LISTEN:
        return stream ? stream_listen(socket, request->argument) : WEFT_NET_WRONG;
    case WEFT_NET_ACCEPT:
        return socket->state == SOCKET_LISTENING ? stream_accept(socket, request->other, answer)
                                                 : WEFT_NET_WRONG;
    case WEFT_NET_SEND:
    case WEFT_NET_RECEIVE:
        return send_or_receive(socket, request);
    case WEFT_NET_SHUTDOWN:
        return stream ? stream_shutdown(socket) : WEFT_NET_WRONG;
    case WEFT_NET_CLOSE:
        socket_end(socket, 0);
        return 0;
    case WEFT_NET_NAME:
        return stream ? stream_name(socket) : datagram_name(socket);
    default:
        return STATUS_BAD_ARGUMENT;
    }
}

int64_t socket_serve(struct session *session, const struct weft_net_request *request,
                     struct weft_net_answer *answer, _Bool *later)
{
    if (request->operation == WEFT_NET_OPEN) {
        return open_socket(session, request, answer);
    }
    struct socket *socket = session_socket(session, request->window);
    if (socket == NULL || socket->number != request->number) {
        return WEFT_NET_LOST; /* of an instance before this one */
    }
    int64_t result = serve(socket, request, answer);
    if (result != LATER) {
        return result;
    }
    *later = request->operation == WEFT_NET_ACCEPT
                 ? acceptor_keep(socket, request->other, request->deadline)
                 : waiter_keep(request->operation == WEFT_NET_RECEIVE ? &socket->reader
                                                                      : &socket->writer,
                               request->deadline);
    return WEFT_NET_FULL; /* if nobody can be kept waiting any more */
}
