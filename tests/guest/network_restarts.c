/* SPDX-License-Identifier: Apache-2.0
 *
 * The network's parts are killed under load, and come back for the clients that they had.
 *
 * weft-test: cpus=4 net=echo timeout=120
 * weft-test: cpus=1,4 accel=icount net=echo append="pace" timeout=120
 */
#include "pace.h"

#include "weft/atomic.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/socket.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define KILLS_MAX 1000u
#define LONG 600000000ull /* microseconds */
#define CHUNK 8192u
#define STEP 40000u  /* bytes between two kills */
#define LEAD 200000u /* how far the sender may be ahead: the echo keeps some itself */

static struct weft_net net;
static const struct weft_address echo = WEFT_IPV4(10, 0, 2, 100, 7);
static const struct weft_address server = WEFT_IPV4(127, 0, 0, 1, 80);
static struct weft_socket stream;
static uint32_t stop;     /* atomic */
static uint64_t received; /* atomic: bytes of the stream */
static uint64_t times[KILLS_MAX];

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 7 + (position >> 8) + (position >> 16));
}

/* Kills a service, waits until its next instance has answered somebody, and keeps the time that took. */
static void kill_and_wait(const char *name, uint32_t turn)
{
    struct weft_service_info before, after;
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_find(name, &before));
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill(name));
    do {
        weft_sleep_for(100);
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_find(name, &after));
    } while (after.instance == before.instance || after.answered_at == 0);
    times[turn] = (after.answered_at - after.failed_at) / weft_microseconds(1);
    weft_print("@weft {\"record\":\"back\",\"service\":\"%s\",\"microseconds\":%lu}\n", name,
               times[turn]);
}

static void report(const char *name, uint32_t kills)
{
    char word[8];
    for (uint32_t i = 1; i < kills; i++) {
        for (uint32_t j = i; j > 0 && times[j - 1] > times[j]; j--) {
            uint64_t time = times[j];
            times[j] = times[j - 1];
            times[j - 1] = time;
        }
    }
    ktap_note("%s: %u kills; from its end to its next answer %lu us at the median, %lu at most",
              name, kills, times[kills / 2], times[kills - 1]);
    /* In icount mode the host's load does not count. */
    EXPECT(times[kills / 2] < 100000 || !weft_argument("pace", word, sizeof(word)));
}

static void send_for_ever(void *unused)
{
    static uint8_t bytes[CHUNK];
    (void)unused;
    for (uint64_t position = 0; weft_load_acquire(&stop) == 0; position += CHUNK) {
        for (uint32_t i = 0; i < CHUNK; i++) {
            bytes[i] = byte_at(position + i);
        }
        /* [restarts.lead] acquire: only the number counts. Pairs with [restarts.received]. */
        while (position > weft_load64_acquire(&received) + LEAD) {
            weft_sleep_for(200);
        }
        if (weft_socket_send(&stream, bytes, CHUNK, 0) != CHUNK) {
            return; /* which the receiver sees */
        }
    }
    (void)weft_socket_shutdown(&stream);
}

/* Receives until `until`, or the end if that is 0; false: something is wrong. */
static _Bool receive_until(uint64_t *position, uint64_t until)
{
    static uint8_t bytes[CHUNK];
    while (until == 0 || *position < until) {
        int64_t came = weft_socket_receive(&stream, bytes, CHUNK, weft_deadline(LONG));
        if (came <= 0) {
            EXPECT_EQUAL(0, came);
            return until == 0 && came == 0;
        }
        for (int64_t i = 0; i < came; i++, (*position)++) {
            if (bytes[i] != byte_at(*position)) {
                EXPECT_EQUAL(byte_at(*position), bytes[i]);
                return 0;
            }
        }
        /* [restarts.received] release: as above. Pairs with [restarts.lead]. */
        weft_store64_release(&received, *position);
    }
    return 1;
}

TEST(connections_survive_the_driver, "it is killed again and again while a stream runs in both "
                                     "directions: no byte is lost or changed")
{
    uint32_t kills = (uint32_t)weft_argument_number("kills", 10);
    struct weft_group group;
    uint64_t position = 0;
    REQUIRE(kills > 0 && kills <= KILLS_MAX);
    pace_begin();
    REQUIRE_STATUS(STATUS_OK, weft_net_open(&net, weft_capability("net"), WEFT_FREE_BASE, 8));
    REQUIRE_STATUS(0, weft_socket_open(&net, &stream, WEFT_STREAM));
    REQUIRE_STATUS(0, weft_socket_connect(&stream, &echo, weft_deadline(LONG)));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sender", 0, WEFT_PRIORITY_DEFAULT,
                                                send_for_ever, NULL));
    _Bool good = 1;
    for (uint32_t i = 0; i < kills && good; i++) {
        good = receive_until(&position, position + STEP);
        kill_and_wait("ethernet", i);
    }
    good = good && receive_until(&position, position + STEP);
    weft_store_release(&stop, 1);
    good = good && receive_until(&position, 0);
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(good);
    EXPECT_EQUAL(0, position % CHUNK);
    weft_socket_close(&stream);
    report("ethernet", kills);
}

/* One exchange with the echo. Negative: the server died. */
static int64_t exchange(struct weft_socket *socket, uint32_t turn)
{
    uint8_t there[64], back[64];
    for (uint32_t i = 0; i < sizeof(there); i++) {
        there[i] = byte_at(turn * 100 + i);
    }
    int64_t result = weft_socket_send(socket, there, sizeof(there), 0);
    for (uint64_t done = 0; result > 0 && done < sizeof(back); done += (uint64_t)result) {
        result = weft_socket_receive(socket, back + done, sizeof(back) - done, weft_deadline(LONG));
    }
    if (result > 0) {
        EXPECT(memcmp(there, back, sizeof(back)) == 0);
    }
    return result;
}

static void exchange_for_ever(void *unused)
{
    (void)unused;
    uint32_t turn = 0;
    int64_t result = 1;
    while ((result = exchange(&stream, turn++)) > 0) {
    }
    EXPECT_STATUS(WEFT_NET_LOST, result);
}

TEST(a_dead_server_is_told_of, "calls of sockets that were lost say so, and a new one works at "
                               "once, with the address there was")
{
    uint32_t kills = (uint32_t)weft_argument_number("kills", 10);
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < kills; i++) {
        REQUIRE_STATUS(0, weft_socket_open(&net, &stream, WEFT_STREAM));
        REQUIRE_STATUS(0, weft_socket_connect(&stream, &echo, weft_deadline(LONG)));
        REQUIRE(exchange(&stream, i) > 0);
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "client", 0, WEFT_PRIORITY_DEFAULT,
                                                    exchange_for_ever, NULL));
        kill_and_wait("net", i);
        weft_group_wait(&group);
        EXPECT_STATUS(WEFT_NET_LOST, weft_socket_send(&stream, "x", 1, 0));
        weft_socket_close(&stream);
    }
    weft_group_close(&group);
    report("net", kills);
}

/* The status of an answer to a request for the manifest; negative: there was none. */
static int64_t get(void)
{
    static const char request[] =
        "GET /manifest HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n";
    char answer[256] = "";
    struct weft_socket socket;
    int64_t result = weft_socket_open(&net, &socket, WEFT_STREAM);
    if (result < 0) {
        return result;
    }
    result = weft_socket_connect(&socket, &server, weft_deadline(LONG));
    result = result < 0 ? result : weft_socket_send(&socket, request, sizeof(request) - 1, 0);
    result = result < 0
                 ? result
                 : weft_socket_receive(&socket, answer, sizeof(answer) - 1, weft_deadline(LONG));
    weft_socket_close(&socket);
    return result <= 0 ? result - 1 : strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

TEST(a_dead_client_leaves_nothing,
     "the connections of a server that dies are reset, and its next instance listens again")
{
    struct weft_socket socket;
    uint8_t byte;
    for (uint32_t i = 0; i < 10; i++) {
        while (get() !=
               1) { /* refused while it is away; any other failure runs into the time limit */
            weft_sleep_for(1000);
        }
        REQUIRE_STATUS(0, weft_socket_open(&net, &socket, WEFT_STREAM));
        REQUIRE_STATUS(0, weft_socket_connect(&socket, &server, weft_deadline(LONG)));
        EXPECT_EQUAL(4, weft_socket_send(&socket, "GET ", 4, 0));
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill("http"));
        EXPECT_STATUS(WEFT_NET_RESET, weft_socket_receive(&socket, &byte, 1, weft_deadline(LONG)));
        weft_socket_close(&socket);
    }
}

TEST(listeners_listen_again, "the HTTP server serves after each death of the network server")
{
    for (uint32_t i = 0; i < 10; i++) {
        while (get() != 1) {
            weft_sleep_for(1000);
        }
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill("net"));
    }
    while (get() != 1) {
        weft_sleep_for(1000);
    }
    struct weft_service_info info;
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_find("http", &info));
    EXPECT_EQUAL(11, info.instance); /* those that were killed above, and no more */
}

KTAP_MAIN
