/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets: streams (TCP) and datagrams (UDP) through the network server (userspace/servers/net).
 *
 *     struct weft_net net;
 *     weft_net_open(&net, weft_capability("net"), WEFT_FREE_BASE, 8);        up to 8 sockets at a time
 *     struct weft_socket socket;
 *     struct weft_address to = WEFT_IPV4(10, 0, 2, 100, 7);
 *     weft_socket_open(&net, &socket, WEFT_STREAM);
 *     weft_socket_connect(&socket, &to, weft_deadline(1000000));
 *     int64_t sent = weft_socket_send(&socket, "hello", 5, 0);
 *     int64_t came = weft_socket_receive(&socket, buffer, sizeof(buffer), weft_deadline(5000000));
 *     weft_socket_close(&socket);
 *
 * A server binds, listens and accepts; weft_listener_accept() does that, and does it again when the network server was
 * started again. All threads of a process may use one struct weft_net, and each socket is used by one thread to
 * send and one to receive at a time.
 *
 * Deadlines are values of the clock (weft_deadline()), 0 for none. Results are counts, or negative: an
 * enum weft_net_error, or an error of a system call.
 *
 * Theory of operation
 *
 * 1. A session is memory of the client, which the server maps: for each socket a *window* with room for what is
 *    sent and for what has come. A call moves up to WEFT_WINDOW_BYTES with one message; between the two, data
 *    is copied once into the server's memory and once out of it.
 * 2. Which window a socket has is the client's choice, so threads that know nothing of each other never write to the same
 *    one, whatever the server does. The server gives each socket a number that is not used twice.
 * 3. Waiting is a call that the server answers later. The deadline travels with it, and the server answers when it
 *    is over: so a call that runs out of time has lost nothing. A client that waits in the server's queue, as
 *    that is being started again, learns it a little later.
 * 4. The server's death. The kernel ends each call with STATUS_DEAD. Connections are lost with the server, and
 *    their peers are told when they send next. So the call returns WEFT_NET_LOST, as all later ones on these
 *    sockets do; a socket that is opened anew begins a new session with the next instance.
 * 5. The client's death. A session has a lifeline, an endpoint on which the client never receives: the server has a
 *    thread that calls it and learns from the kernel. Then the client's connections are reset.
 * 6. Limits: WEFT_NET_SOCKETS sockets in a session. Datagrams of up to WEFT_DATAGRAM_BYTES; one that comes while
 *    16 others wait is dropped.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/sync.h"

#define WEFT_NET_SOCKETS 32u
#define WEFT_WINDOW_BYTES 32768u /* the most that one message moves */
#define WEFT_WINDOW_PAGES 17u /* of each socket: half of it for each direction, and the addresses */
#define WEFT_DATAGRAM_BYTES 1472u
#define WEFT_BACKLOG_MAX 16u

enum weft_socket_kind { WEFT_STREAM = 1, WEFT_DATAGRAM };

enum weft_net_error {
    WEFT_NET_LOST = -100,        /* the server died: what was under way may have been sent or not */
    WEFT_NET_REFUSED = -101,     /* nobody listens there */
    WEFT_NET_RESET = -102,       /* the peer has ended the connection, or nobody answers any more */
    WEFT_NET_CLOSED = -103,      /* this end does not send any more; it is not connected */
    WEFT_NET_UNREACHABLE = -104, /* there is no way there; no address yet */
    WEFT_NET_IN_USE = -105,      /* the port is taken, or it is connected already */
    WEFT_NET_TOO_LONG = -106,    /* no datagram is as long */
    WEFT_NET_FULL = -107,        /* no more sockets, here or in the server; no memory there */
    WEFT_NET_WRONG = -108,       /* not for a socket of this kind, or in this state */
};

/* What went wrong, in a few words. */
const char *weft_net_error_text(int64_t error);

/* IPv6, or IPv4 within it (::ffff:a.b.c.d). All zero: any. */
struct weft_address {
    uint8_t bytes[16];
    uint16_t port;
};
#define WEFT_IPV4(a, b, c, d, port)                                                                \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, port                               \
    }

/* Text, such as "10.0.2.15" or "fec0::1"; returns `out`. */
#define WEFT_ADDRESS_TEXT 40u
const char *weft_address_text(const struct weft_address *address, char out[WEFT_ADDRESS_TEXT]);

/* First byte of messages to the server. Answers begin with a status or a count. */
enum weft_net_operation {
    WEFT_NET_INFO = 1, /* deadline: waits for an address -> see struct weft_net_info */
    WEFT_NET_ATTACH,   /* windows; with memory and lifeline */
    WEFT_NET_OPEN,     /* kind -> number */
    WEFT_NET_BIND,     /* address in the window */
    WEFT_NET_LISTEN,   /* backlog */
    WEFT_NET_ACCEPT,   /* window for the connection -> its number; there its peer's address */
    WEFT_NET_CONNECT,  /* address in the window */
    WEFT_NET_SEND, /* bytes -> how many were taken; datagrams: address in the window, if not connected */
    WEFT_NET_RECEIVE, /* bytes at most -> how many came, 0: the peer sends no more; there the sender's address */
    WEFT_NET_SHUTDOWN, /* this end sends no more */
    WEFT_NET_CLOSE,
    WEFT_NET_NAME, /* this end's address to the window */
};

/* Four words. An answer is a struct weft_net_answer. */
struct weft_net_request {
    uint8_t operation;
    uint8_t window;
    uint8_t other; /* a second window */
    uint8_t unused;
    uint32_t number; /* of the socket in that window */
    uint64_t deadline;
    uint64_t argument;
    uint64_t unused2;
};

struct weft_net_answer {
    int64_t result;
    uint64_t values[3];
};

/* What lies in a window. */
struct weft_window {
    uint8_t out[WEFT_WINDOW_BYTES];
    uint8_t in[WEFT_WINDOW_BYTES];
    struct weft_address to, from, name;
};
_Static_assert(sizeof(struct weft_window) <= WEFT_WINDOW_PAGES * 4096, "a window fits");

struct weft_net_info {
    struct weft_address address; /* IPv4; all zero: none yet */
    uint8_t mask_bits;
    uint8_t ethernet[6];
    _Bool link; /* the driver is there, and its device has a link */
};

struct weft_net {
    uint64_t service;
    uint64_t memory;
    uint64_t lifeline;
    uint8_t *here;
    uint32_t windows;
    struct weft_mutex mutex;
    uint32_t taken;    /* windows, bits; under the mutex */
    uint32_t sessions; /* statistics: instances of the server that were met */
};

struct weft_socket {
    struct weft_net *net;
    uint32_t number; /* 0: closed */
    uint8_t window;
};

/* Makes a session for up to `sockets` sockets, WEFT_WINDOW_PAGES each, and maps it at `place`. Waits for the server. */
status_t weft_net_open(struct weft_net *net, uint64_t service, uint64_t place, uint32_t sockets);
void weft_net_close(struct weft_net *net);

/* How the network stands. With a deadline it waits until there is an address (STATUS_TIMED_OUT: there was none, but
 * the rest is told). */
status_t weft_net_info(struct weft_net *net, struct weft_net_info *info, uint64_t deadline);

int64_t weft_socket_open(struct weft_net *net, struct weft_socket *socket,
                         enum weft_socket_kind kind);
void weft_socket_close(struct weft_socket *socket);
int64_t weft_socket_bind(struct weft_socket *socket, const struct weft_address *address);
int64_t weft_socket_listen(struct weft_socket *socket, uint32_t backlog);

/* Waits for a connection. `peer` may be NULL. */
int64_t weft_socket_accept(struct weft_socket *listener, struct weft_socket *socket,
                           struct weft_address *peer, uint64_t deadline);

/* Streams: connects. Datagrams: says where weft_socket_send() sends to, and from whom datagrams are received. */
int64_t weft_socket_connect(struct weft_socket *socket, const struct weft_address *address,
                            uint64_t deadline);

/* Sends all of it, or as much as the deadline lets: how many bytes the server has taken, which is more than none, or
 * an error. Taken is not received: only the peer's answer says that. */
int64_t weft_socket_send(struct weft_socket *socket, const void *bytes, uint64_t count,
                         uint64_t deadline);

/* Waits until there is something: up to `count` bytes of a stream, or one datagram, of which the rest is lost. 0: the
 * peer sends no more. */
int64_t weft_socket_receive(struct weft_socket *socket, void *bytes, uint64_t count,
                            uint64_t deadline);

/* The same for datagrams with the other side's address. `from` may be NULL. */
int64_t weft_socket_send_to(struct weft_socket *socket, const void *bytes, uint64_t count,
                            const struct weft_address *to, uint64_t deadline);
int64_t weft_socket_receive_from(struct weft_socket *socket, void *bytes, uint64_t count,
                                 struct weft_address *from, uint64_t deadline);

/* Tells the peer of a stream that nothing more comes from here. */
int64_t weft_socket_shutdown(struct weft_socket *socket);

/* The address of this end. */
int64_t weft_socket_name(struct weft_socket *socket, struct weft_address *name);

/* Without a copy on this side: write here, then send what is there (a datagram to the address `to` there; port 0: where
 * it is connected to); or receive, and read it there. Both move up to WEFT_WINDOW_BYTES. */
struct weft_window *weft_socket_window(const struct weft_socket *socket);
int64_t weft_socket_send_window(struct weft_socket *socket, uint64_t count, uint64_t deadline);
int64_t weft_socket_receive_window(struct weft_socket *socket, uint64_t count, uint64_t deadline);

/* A port on which any number of threads accept, and which listens again by itself when the server was started again. All
 * zero but for the first three. */
struct weft_listener {
    struct weft_net *net;
    struct weft_address address;
    uint32_t backlog;
    struct weft_mutex mutex;
    struct weft_socket socket;
    uint32_t turns; /* how often it has begun to listen */
};

/* Begins to listen, if that has not been done: for who wants to be found before a thread accepts. */
int64_t weft_listener_begin(struct weft_listener *listener);

int64_t weft_listener_accept(struct weft_listener *listener, struct weft_socket *socket,
                             struct weft_address *peer, uint64_t deadline);

/* Listens no more: who accepts there gets WEFT_NET_CLOSED. */
void weft_listener_close(struct weft_listener *listener);
