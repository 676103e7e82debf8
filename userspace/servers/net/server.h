/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the network server: link.c has the frames and the network's addresses, session.c the clients, socket.c
 * what all sockets have, stream.c and datagram.c the two kinds of them, wait.c who waits for what. One thread uses
 * all of it and lwIP; others only wait for somebody's death. Private to this server.
 */
#pragma once

#include <stdint.h>

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "weft/socket.h"

/* Bits of the server's notification. */
#define BIT_FRAMES 1ull /* from the driver */
#define BIT_LINK 2ull   /* the driver has gone, or has come */
#define BIT_CLIENT 4ull /* a client has died */

#define SESSIONS_MAX 12u
#define DATAGRAMS_MAX 16u /* that wait in a socket */
#define ACCEPTORS_MAX 48u /* threads that wait for connections */

struct tcp_pcb;
struct udp_pcb;
struct session;

/* Somebody who waits for an answer. */
struct waiter {
    uint64_t reply;    /* capability; 0: nobody */
    uint64_t deadline; /* clock; 0: none */
    uint32_t bytes;    /* wanted, or to be sent */
    uint32_t done;     /* of them */
};

struct datagram {
    struct pbuf *packet;
    ip_addr_t from;
    uint16_t port;
};

struct socket {
    enum {
        SOCKET_FREE,
        SOCKET_OPEN,       /* neither listens nor is connected */
        SOCKET_CONNECTING, /* streams */
        SOCKET_CONNECTED,
        SOCKET_LISTENING,
        SOCKET_PENDING, /* connected, and not accepted yet: it has no window */
    } state;
    enum weft_socket_kind kind;
    uint32_t number; /* by which the client knows it */
    struct session *session;
    uint8_t window_number;
    struct weft_window *window;
    struct socket *listener; /* of a pending one */
    struct tcp_pcb *tcp;     /* NULL: it has ended */
    struct udp_pcb *udp;
    int64_t error;         /* why it has ended; 0: it has not */
    _Bool ended;           /* the peer sends no more */
    _Bool shut;            /* this end sends no more */
    struct pbuf *received; /* of a stream */
    struct datagram datagrams[DATAGRAMS_MAX];
    uint32_t first, count; /* of them */
    struct waiter reader;  /* receives */
    struct waiter writer;  /* sends or connects */
};

/* ---- link.c ------------------------------------------------------------------------------------- */

/* Begins, with the addresses of the instance before, if there was one. `notification`: where to signal. */
void link_open(uint64_t notification, void *kept);

/* The driver has come or gone. */
void link_change(void);

/* Takes frames that have come. */
void link_poll(void);

/* Declares that this side sleeps. False: there are frames. */
_Bool link_sleep(void);

/* Wakes the driver if it has got something to do. */
void link_tell(void);

void link_info(struct weft_net_info *info);

/* How many bytes of the instances' state are needed. */
extern const uint64_t link_kept_bytes;

/* ---- session.c ---------------------------------------------------------------------------------- */

struct session *session_find(uint64_t badge);

/* Opens a session on a client's memory, in the place of one that is there. Keeps both capabilities, unless it fails. */
status_t session_attach(uint64_t badge, uint64_t memory, uint64_t lifeline, uint64_t windows);

/* Ends the sessions of clients that have died. */
void sessions_bury(void);

/* A window of a session; NULL: there is no such, or it has a socket. */
struct weft_window *session_take_window(struct session *session, uint32_t number,
                                        struct socket *socket);
void session_leave_window(struct session *session, uint32_t number);
struct socket *session_socket(struct session *session, uint32_t window);

void sessions_open(uint64_t notification);
uint32_t session_number(const struct session *session);

/* ---- socket.c ------------------------------------------------------------------------------------- */

extern struct socket sockets[];
#define SOCKETS_MAX 96u

/* Numbers are not those of the instances before. */
void sockets_open(uint32_t instance);

/* A free one; NULL: there is none. */
struct socket *socket_take(enum weft_socket_kind kind);

/* Ends it, whatever it is, and whoever waits for it. `reset`: its peer is told that it failed. */
void socket_end(struct socket *socket, _Bool reset);

/* One request of a session that is there. */
int64_t socket_serve(struct session *session, const struct weft_net_request *request,
                     struct weft_net_answer *answer, _Bool *later);

void address_read(const struct weft_address *from, ip_addr_t *to, uint16_t *port);
void address_write(const ip_addr_t *from, uint16_t port, struct weft_address *to);
int64_t error_of(int8_t error);

/* ---- stream.c, datagram.c: results are those of the calls; LATER: the answer comes later ------------ */

#define LATER INT64_MIN

int64_t stream_open(struct socket *socket);
int64_t stream_bind(struct socket *socket, const ip_addr_t *address, uint16_t port);
int64_t stream_listen(struct socket *socket, uint64_t backlog);
int64_t stream_accept(struct socket *socket, uint8_t window, struct weft_net_answer *answer);
int64_t stream_connect(struct socket *socket, const ip_addr_t *address, uint16_t port);
int64_t stream_send(struct socket *socket);
int64_t stream_receive(struct socket *socket);
int64_t stream_shutdown(struct socket *socket);
int64_t stream_name(struct socket *socket);
void stream_end(struct socket *socket, _Bool reset);

int64_t datagram_open(struct socket *socket);
int64_t datagram_bind(struct socket *socket, const ip_addr_t *address, uint16_t port);
int64_t datagram_connect(struct socket *socket, const ip_addr_t *address, uint16_t port);
int64_t datagram_send(struct socket *socket);
int64_t datagram_receive(struct socket *socket);
int64_t datagram_name(struct socket *socket);
void datagram_end(struct socket *socket);

/* ---- wait.c ------------------------------------------------------------------------------------------ */

/* Keeps the caller, whose answer comes later. False: it cannot be kept. */
_Bool waiter_keep(struct waiter *waiter, uint64_t deadline);

/* Answers it, if there is one. */
void waiter_answer(struct waiter *waiter, const struct weft_net_answer *answer);

static inline void waiter_result(struct waiter *waiter, int64_t result)
{
    struct weft_net_answer answer = {.result = result};
    waiter_answer(waiter, &answer);
}

/* The same for one of several threads that accept on a listening socket. */
_Bool acceptor_keep(struct socket *listener, uint8_t window, uint64_t deadline);

/* Gives connections that have come to those who wait for them. */
void acceptors_serve(struct socket *listener);

/* Answers all who wait for connections there. */
void acceptors_end(const struct socket *listener);

/* Who waits until there is an address. */
extern struct waiter info_waiters[SESSIONS_MAX];

/* Answers those whose time is over. Returns the next deadline; 0: there is none. */
uint64_t waiters_expire(void);

/* To be called when something of a socket, or of the link, has changed. */
void socket_readable(struct socket *socket);
void socket_writable(struct socket *socket);
void link_has_address(void);
