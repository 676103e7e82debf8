/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets: addresses, datagrams, streams in both directions and within the machine, and what goes wrong.
 *
 * weft-test: cpus=1,4 net=echo
 * weft-test: cpus=4 net=echo iommu=1
 * weft-test: cpus=4 accel=icount net=echo append="pace"
 */
#include "pace.h"

#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/socket.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define SOCKETS 16
#define STREAM_BYTES 1000000u
#define LONG 600000000ull /* microseconds: in icount mode the clock runs ahead while all wait */

static struct weft_net net;
static const struct weft_address gateway = WEFT_IPV4(10, 0, 2, 2, 69);
static const struct weft_address echo = WEFT_IPV4(10, 0, 2, 100, 7);
static const struct weft_address closed = WEFT_IPV4(10, 0, 2, 15, 9);
static uint8_t data[STREAM_BYTES], back[STREAM_BYTES];

static void fill(void)
{
    for (uint32_t i = 0; i < STREAM_BYTES; i++) {
        data[i] = (uint8_t)(i * 7 + (i >> 8) + (i >> 16));
    }
}

/* Receives exactly `count` bytes. */
static int64_t receive_all(struct weft_socket *socket, uint8_t *to, uint64_t count)
{
    uint64_t done = 0;
    while (done < count) {
        int64_t came = weft_socket_receive(socket, to + done, count - done, weft_deadline(LONG));
        if (came <= 0) {
            return came == 0 ? (int64_t)done : came;
        }
        done += (uint64_t)came;
    }
    return (int64_t)done;
}

TEST(an_address_comes_by_dhcp, "the network's server gives 10.0.2.15")
{
    static const struct weft_address wanted = WEFT_IPV4(10, 0, 2, 15, 0);
    struct weft_net_info info;
    char text[WEFT_ADDRESS_TEXT];
    fill();
    pace_begin();
    REQUIRE_STATUS(STATUS_OK, weft_net_open(&net, weft_capability("net"), WEFT_FREE_BASE, SOCKETS));
    REQUIRE_STATUS(STATUS_OK, weft_net_info(&net, &info, weft_deadline(LONG)));
    EXPECT(memcmp(info.address.bytes, wanted.bytes, sizeof(wanted.bytes)) == 0);
    EXPECT(strcmp("10.0.2.15", weft_address_text(&info.address, text)) == 0);
    EXPECT_EQUAL(24, info.mask_bits);
    EXPECT(info.link);
    EXPECT_EQUAL(0x52, info.ethernet[0]); /* QEMU's are 52:54:00:... */
}

TEST(datagrams_are_answered, "a request for a file that the gateway does not have")
{
    static const char request[] = "\0\1nothing\0octet";
    struct weft_socket socket;
    struct weft_address from, name;
    char answer[64] = "";
    REQUIRE_STATUS(0, weft_socket_open(&net, &socket, WEFT_DATAGRAM));
    EXPECT_EQUAL(sizeof(request),
                 weft_socket_send_to(&socket, request, sizeof(request), &gateway, 0));
    int64_t came =
        weft_socket_receive_from(&socket, answer, sizeof(answer), &from, weft_deadline(LONG));
    EXPECT(came > 4);
    EXPECT_EQUAL(5, answer[1]); /* an error */
    EXPECT(memcmp(from.bytes, gateway.bytes, sizeof(from.bytes)) == 0);
    EXPECT_STATUS(0, weft_socket_name(&socket, &name));
    EXPECT(name.port != 0);
    EXPECT_STATUS(STATUS_TIMED_OUT,
                  weft_socket_receive(&socket, answer, sizeof(answer), weft_deadline(1000)));
    EXPECT_STATUS(WEFT_NET_TOO_LONG,
                  weft_socket_send_to(&socket, data, WEFT_DATAGRAM_BYTES + 1, &gateway, 0));
    weft_socket_close(&socket);
}

static void send_all(void *argument)
{
    struct weft_socket *socket = argument;
    if (weft_socket_send(socket, data, STREAM_BYTES, 0) == STREAM_BYTES) {
        (void)weft_socket_shutdown(socket);
    } /* or the receiver does not get all */
}

TEST(a_stream_comes_back,
     "a million bytes, sent and received at the same time, come back as they were")
{
    struct weft_socket socket;
    struct weft_group group;
    REQUIRE_STATUS(0, weft_socket_open(&net, &socket, WEFT_STREAM));
    REQUIRE_STATUS(0, weft_socket_connect(&socket, &echo, weft_deadline(LONG)));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sender", 0, WEFT_PRIORITY_DEFAULT,
                                                send_all, &socket));
    EXPECT_EQUAL(STREAM_BYTES, receive_all(&socket, back, STREAM_BYTES));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(memcmp(data, back, STREAM_BYTES) == 0);
    EXPECT_EQUAL(0, weft_socket_receive(&socket, back, 1, weft_deadline(LONG)));
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_send(&socket, data, 1, 0));
    weft_socket_close(&socket);
}

static struct weft_listener listener = {
    .net = &net, .address = {.port = 1000}, .backlog = WEFT_BACKLOG_MAX};

/* Sends back what comes on one connection, until its peer sends no more. */
static void serve_one(void *argument)
{
    static uint8_t buffers[4][4096];
    uint8_t *buffer = buffers[(uintptr_t)argument];
    struct weft_socket socket;
    struct weft_address peer;
    int64_t came;
    if (weft_listener_accept(&listener, &socket, &peer, weft_deadline(LONG)) != 0) {
        return; /* the client waits in vain, and fails */
    }
    while ((came = weft_socket_receive(&socket, buffer, 4096, 0)) > 0 &&
           weft_socket_send(&socket, buffer, (uint64_t)came, 0) == came) {
    }
    weft_socket_close(&socket);
}

TEST(a_server_accepts,
     "four threads accept on one port, and each serves a client of the same machine")
{
    struct weft_address server = WEFT_IPV4(127, 0, 0, 1, 1000);
    struct weft_socket clients[4];
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uintptr_t i = 0; i < 4; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "server", (uint32_t)i % weft_startup()->cpu_count,
                                         WEFT_PRIORITY_DEFAULT, serve_one, (void *)i));
    }
    for (uint32_t i = 0; i < 4; i++) {
        int64_t connected = WEFT_NET_REFUSED;
        while (connected == WEFT_NET_REFUSED) { /* until one listens */
            REQUIRE_STATUS(0, weft_socket_open(&net, &clients[i], WEFT_STREAM));
            connected = weft_socket_connect(&clients[i], &server, weft_deadline(LONG));
            if (connected != 0) {
                weft_socket_close(&clients[i]);
            }
        }
        REQUIRE_STATUS(0, connected);
    }
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_EQUAL(9000, weft_socket_send(&clients[i], data + i, 9000, 0));
        EXPECT_EQUAL(9000, receive_all(&clients[i], back, 9000));
        EXPECT(memcmp(data + i, back, 9000) == 0);
        EXPECT_EQUAL(0, weft_socket_shutdown(&clients[i]));
        EXPECT_EQUAL(0, weft_socket_receive(&clients[i], back, 1, weft_deadline(LONG)));
        weft_socket_close(&clients[i]);
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    weft_listener_close(&listener);
}

TEST(errors_say_what_is_wrong, "calls that cannot be, ports that are taken, nobody there")
{
    struct weft_address port = {.port = 2000};
    struct weft_socket first, second;
    REQUIRE_STATUS(0, weft_socket_open(&net, &first, WEFT_STREAM));
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_send(&first, data, 1, 0));
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_receive(&first, back, 1, 0));
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_shutdown(&first));
    EXPECT_STATUS(0, weft_socket_bind(&first, &port));
    EXPECT_STATUS(WEFT_NET_WRONG, weft_socket_listen(&first, 0));
    EXPECT_STATUS(WEFT_NET_WRONG, weft_socket_accept(&first, &second, NULL, 0));
    EXPECT_STATUS(0, weft_socket_listen(&first, 1));
    EXPECT_STATUS(WEFT_NET_WRONG, weft_socket_send(&first, data, 1, 0));
    EXPECT_STATUS(STATUS_TIMED_OUT, weft_socket_accept(&first, &second, NULL, weft_deadline(1000)));
    REQUIRE_STATUS(0, weft_socket_open(&net, &second, WEFT_STREAM));
    int64_t bound = weft_socket_bind(&second, &port);
    EXPECT(bound == WEFT_NET_IN_USE || weft_socket_listen(&second, 1) == WEFT_NET_IN_USE);
    weft_socket_close(&second);
    REQUIRE_STATUS(0, weft_socket_open(&net, &second, WEFT_STREAM));
    EXPECT_STATUS(WEFT_NET_REFUSED, weft_socket_connect(&second, &closed, weft_deadline(LONG)));
    weft_socket_close(&second);
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_send(&second, data, 1, 0));
    weft_socket_close(&first);
    REQUIRE_STATUS(0, weft_socket_open(&net, &first, WEFT_DATAGRAM));
    EXPECT_STATUS(WEFT_NET_WRONG, weft_socket_listen(&first, 1));
    EXPECT_STATUS(WEFT_NET_CLOSED, weft_socket_send(&first, data, 1, 0)); /* to whom? */
    weft_socket_close(&first);
}

TEST(sockets_run_out,
     "as many as a session has room for, and they are there again when they are closed")
{
    struct weft_socket sockets[SOCKETS], more;
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t i = 0; i < SOCKETS; i++) {
            REQUIRE_STATUS(0, weft_socket_open(&net, &sockets[i], WEFT_STREAM));
        }
        EXPECT_STATUS(WEFT_NET_FULL, weft_socket_open(&net, &more, WEFT_STREAM));
        for (uint32_t i = 0; i < SOCKETS; i++) {
            weft_socket_close(&sockets[i]);
        }
    }
}

TEST(strangers_get_errors, "messages that no library sends are answered, and change nothing")
{
    static const uint64_t first[] = {0, 3, 4, 8, 9, 12, 0xff, 0xffffffffffff, 0xff03, 0x1f08};
    struct weft_socket socket;
    REQUIRE_STATUS(0, weft_socket_open(&net, &socket, WEFT_STREAM));
    for (uint32_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        struct weft_message message = {{first[i], 1, UINT64_MAX, UINT64_MAX}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(weft_capability("net"), &message));
        EXPECT((int64_t)message.words[0] < 0);
    }
    EXPECT_STATUS(0, weft_socket_connect(&socket, &echo, weft_deadline(LONG)));
    weft_socket_close(&socket);
    weft_net_close(&net);
    REQUIRE_STATUS(STATUS_OK, weft_net_open(&net, weft_capability("net"), WEFT_FREE_BASE, 1));
    weft_net_close(&net);
}

KTAP_MAIN
