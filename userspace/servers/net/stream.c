/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets for streams (TCP), on lwIP's callbacks.
 *
 * What has come waits in `received` until the client takes it, and only then is the peer's window opened again: so a client
 * that does not read stops its peer and nobody else. What is sent is copied into lwIP's memory as far as the
 * stream's share of that goes; the rest waits in the client's window, and goes on when the peer confirms.
 *
 * A connection belongs to lwIP, which may end it at any time: then `tcp` is NULL and `error` says why. Nothing in
 * here ends one from within lwIP's callbacks.
 */
#include "server.h"

#include "lwip/tcp.h"
#include "weft/string.h"

#define POLL_TURNS 1 /* of lwIP's slow timer: memory may be there again, and nobody says so */

/* ---- what lwIP tells ---------------------------------------------------------------------------------- */

static err_t came(void *argument, struct tcp_pcb *pcb, struct pbuf *packet, err_t error)
{
    struct socket *socket = argument;

    (void)pcb;
    (void)error;
    if (packet == NULL) {
        socket->ended = 1;
    } else if (socket->received == NULL) {
        socket->received = packet;
    } else {
        pbuf_cat(socket->received, packet);
    }
    socket_readable(socket);
    return ERR_OK;
}

static err_t confirmed(void *argument, struct tcp_pcb *pcb, uint16_t bytes)
{
    (void)pcb;
    (void)bytes;
    socket_writable(argument);
    return ERR_OK;
}

static err_t polled(void *argument, struct tcp_pcb *pcb)
{
    (void)pcb;
    socket_writable(argument);
    return ERR_OK;
}

static void failed(void *argument, err_t error)
{
    struct socket *socket = argument;
    _Bool connecting = socket->state == SOCKET_CONNECTING;

    socket->tcp = NULL;
    socket->error = !connecting        ? error_of(error)
                    : error == ERR_RST ? WEFT_NET_REFUSED
                                       : WEFT_NET_UNREACHABLE;
    if (socket->state == SOCKET_PENDING) {
        socket_end(socket, 1);
        return;
    }
    socket->state = SOCKET_CONNECTED; /* was */
    socket_writable(socket);
    socket_readable(socket);
}

static void listen_to(struct socket *socket)
{
    tcp_arg(socket->tcp, socket);
    tcp_recv(socket->tcp, came);
    tcp_sent(socket->tcp, confirmed);
    tcp_err(socket->tcp, failed);
    tcp_poll(socket->tcp, polled, POLL_TURNS);
    tcp_nagle_disable(socket->tcp); /* clients send what belongs together in one call */
}

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct socket *socket = argument;

    (void)pcb;
    (void)error;
    socket->state = SOCKET_CONNECTED;
    socket_writable(socket);
    return ERR_OK;
}

/* Somebody has connected to a listening one. */
static err_t arrived(void *argument, struct tcp_pcb *pcb, err_t error)
{
    struct socket *listener = argument;
    struct socket *socket = error == ERR_OK && pcb != NULL ? socket_take(WEFT_STREAM) : NULL;

    if (socket == NULL) {
        return ERR_MEM; /* lwIP resets it */
    }
    socket->state = SOCKET_PENDING;
    socket->session = listener->session;
    socket->listener = listener;
    socket->tcp = pcb;
    listen_to(socket);
    tcp_backlog_delayed(pcb);
    acceptors_serve(listener);
    return ERR_OK;
}

/* ---- calls -------------------------------------------------------------------------------------------- */

int64_t stream_open(struct socket *socket)
{
    socket->tcp = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (socket->tcp == NULL) {
        return WEFT_NET_FULL;
    }
    ip_set_option(socket->tcp,
                  SOF_REUSEADDR); /* of what is no more than waiting for its last packets */
    listen_to(socket);
    return 0;
}

int64_t stream_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
    return socket->state != SOCKET_OPEN || socket->tcp == NULL
               ? WEFT_NET_WRONG
               : error_of(tcp_bind(socket->tcp, address, port));
}

int64_t stream_listen(struct socket *socket, uint64_t backlog)
{
    err_t error = ERR_OK;

    if (socket->state != SOCKET_OPEN || socket->tcp == NULL || backlog == 0 ||
        backlog > WEFT_BACKLOG_MAX) {
        return WEFT_NET_WRONG;
    }
    tcp_poll(socket->tcp, NULL, 0);
    struct tcp_pcb *pcb = tcp_listen_with_backlog_and_err(socket->tcp, (uint8_t)backlog, &error);
    if (pcb == NULL) {
        return error_of(error);
    }
    socket->tcp = pcb;
    socket->state = SOCKET_LISTENING;
    tcp_arg(pcb, socket);
    tcp_accept(pcb, arrived);
    return 0;
}

/* The pending connection of a listening socket that came first; NULL: there is none. */
static struct socket *first_pending(const struct socket *listener)
{
    struct socket *first = NULL;

    for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state == SOCKET_PENDING && sockets[i].listener == listener &&
            (first == NULL || (int32_t)(sockets[i].number - first->number) < 0)) {
            first = &sockets[i];
        }
    }
    return first;
}

int64_t stream_accept(struct socket *socket, uint8_t number, struct weft_net_answer *answer)
{
    struct socket *fresh = first_pending(socket);

    if (fresh == NULL) {
        return LATER;
    }
    struct weft_window *window = session_take_window(socket->session, number, fresh);
    if (window == NULL) {
        return WEFT_NET_WRONG;
    }
    fresh->window = window;
    fresh->window_number = number;
    fresh->listener = NULL;
    fresh->state = SOCKET_CONNECTED;
    tcp_backlog_accepted(fresh->tcp);
    address_write(&fresh->tcp->remote_ip, fresh->tcp->remote_port, &window->from);
    answer->values[0] = fresh->number;
    return 0;
}

int64_t stream_connect(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
    if (socket->state != SOCKET_OPEN || socket->tcp == NULL) {
        return WEFT_NET_IN_USE;
    }
    err_t error = tcp_connect(socket->tcp, address, port, connected);
    if (error != ERR_OK) {
        return error_of(error);
    }
    socket->state = SOCKET_CONNECTING;
    return LATER;
}

/* Gives lwIP as much as it takes at once. */
static uint32_t give(struct socket *socket, const uint8_t *bytes, uint32_t count)
{
    uint32_t most = tcp_sndbuf(socket->tcp);
    uint32_t now = count < most ? count : most;

    while (now > 0 &&
           tcp_write(socket->tcp, bytes, (uint16_t)now,
                     TCP_WRITE_FLAG_COPY | (now < count ? TCP_WRITE_FLAG_MORE : 0)) != ERR_OK) {
        now = now > TCP_MSS ? now / 2 : 0; /* its memory is short */
    }
    return now;
}

int64_t stream_send(struct socket *socket)
{
    struct waiter *writer = &socket->writer;

    if (socket->tcp == NULL || socket->shut || socket->state != SOCKET_CONNECTED) {
        int64_t why = socket->error != 0 ? socket->error : WEFT_NET_CLOSED;
        return writer->done > 0 ? writer->done : why;
    }
    while (writer->done < writer->bytes) {
        uint32_t given =
            give(socket, socket->window->out + writer->done, writer->bytes - writer->done);
        if (given == 0) {
            break;
        }
        writer->done += given;
    }
    (void)tcp_output(socket->tcp); /* what cannot go now goes later */
    return writer->done == writer->bytes ? (int64_t)writer->done : LATER;
}

int64_t stream_receive(struct socket *socket)
{
    if (socket->received == NULL) {
        return socket->ended                       ? 0
               : socket->error != 0                ? socket->error
               : socket->state == SOCKET_CONNECTED ? LATER
                                                   : WEFT_NET_CLOSED;
    }
    uint32_t most = socket->reader.bytes;
    most = most < socket->received->tot_len ? most : socket->received->tot_len;
    uint16_t moved = pbuf_copy_partial(socket->received, socket->window->in, (uint16_t)most, 0);
    socket->received = pbuf_free_header(socket->received, moved);
    if (socket->tcp != NULL) {
        tcp_recved(socket->tcp, moved);
    }
    return moved;
}

int64_t stream_shutdown(struct socket *socket)
{
    if (socket->state != SOCKET_CONNECTED || socket->tcp == NULL) {
        return socket->error != 0 ? socket->error : WEFT_NET_CLOSED;
    }
    err_t error = tcp_shutdown(socket->tcp, 0, 1);
    socket->shut |= error == ERR_OK;
    return error_of(error);
}

int64_t stream_name(struct socket *socket)
{
    if (socket->tcp == NULL) {
        return WEFT_NET_CLOSED;
    }
    address_write(&socket->tcp->local_ip, socket->tcp->local_port, &socket->window->name);
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static void let_go(struct socket *socket, _Bool reset)
{
    struct tcp_pcb *pcb = socket->tcp;
    _Bool listens = socket->state == SOCKET_LISTENING;

    socket->tcp = NULL;
    tcp_arg(pcb, NULL);
    if (!listens) {
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_poll(pcb, NULL, 0);
    }
    if ((!listens && reset) || tcp_close(pcb) != ERR_OK) {
        tcp_abort(pcb); /* also where there is no memory to end it well */
    }
}

void stream_end(struct socket *socket, _Bool reset)
{
    if (socket->received != NULL) {
        (void)pbuf_free(socket->received);
        socket->received = NULL;
    }
    acceptors_end(socket);
    if (socket->tcp != NULL) {
        let_go(socket, reset);
    }
    for (uint32_t i = 0; i < SOCKETS_MAX; i++) {
        if (sockets[i].state == SOCKET_PENDING && sockets[i].listener == socket) {
            socket_end(&sockets[i], 1);
        }
    }
}
