/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages: what arrives, who may send and receive, and in which order. Every behaviour is tested
 * with client, server and endpoint on one CPU and on different ones where that makes a difference.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_ipc"
#include "child.h"

#include "weft/atomic.h"

#define CALLS 50
#define STOP_WORD ~0ull

/* A server thread of this process. */
struct server {
    uint64_t endpoint; /* handle with the right to read */
    uint64_t badges[CALLS];
    uint64_t words[CALLS][MESSAGE_WORDS];
    uint32_t received; /* atomic */
    struct weft_group group;
};

static struct server server;

/* Takes messages, notes them, and answers with all words incremented, until told to stop. */
static void serve(void *argument)
{
    struct server *self = argument;
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(self->endpoint, &message, &badge));
        if (message.words[0] == STOP_WORD) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
            return;
        }
        uint32_t number = weft_load_acquire(&self->received);
        if (number < CALLS) {
            self->badges[number] = badge;
            memcpy(self->words[number], message.words, sizeof(message.words));
        }
        weft_store_release(&self->received, number + 1);
        for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
            message.words[i]++;
        }
    }
}

static _Bool server_start(uint32_t server_cpu, uint32_t endpoint_cpu)
{
    memset(&server, 0, sizeof(server));
    return EXPECT_STATUS(STATUS_OK, weft_endpoint_create(endpoint_cpu, &server.endpoint)) &&
           EXPECT_STATUS(STATUS_OK, weft_group_open(&server.group)) &&
           EXPECT_STATUS(STATUS_OK, weft_thread_start(&server.group, "server", server_cpu,
                                                      WEFT_PRIORITY_DEFAULT, serve, &server));
}

static void server_stop(void)
{
    struct weft_message stop = {{STOP_WORD}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(server.endpoint, &stop));
    weft_group_wait(&server.group);
    weft_group_close(&server.group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(server.endpoint));
}

/* ---- what arrives ---------------------------------------------------------------------------- */

struct placement {
    uint32_t client, server, endpoint;
};

static void call_many(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < CALLS; i++) {
        struct weft_message message = {{i, i << 40, ~i, i * 0x9e3779b97f4a7c15ull}};
        struct weft_message sent = message;
        REQUIRE_STATUS(STATUS_OK, weft_ipc_call(server.endpoint, &message));
        for (unsigned word = 0; word < MESSAGE_WORDS; word++) {
            EXPECT_EQUAL(sent.words[word] + 1, message.words[word]);
        }
    }
}

static void check_placement(struct placement place)
{
    struct weft_group group;
    REQUIRE(server_start(place.server, place.endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "client", place.client,
                                                WEFT_PRIORITY_DEFAULT, call_many, NULL));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_EQUAL(CALLS, weft_load_acquire(&server.received));
    for (uint64_t i = 0; i < CALLS; i++) {
        EXPECT_EQUAL(i, server.words[i][0]);
        EXPECT_EQUAL(i << 40, server.words[i][1]);
        EXPECT_EQUAL(~i, server.words[i][2]);
        EXPECT_EQUAL(i * 0x9e3779b97f4a7c15ull, server.words[i][3]);
    }
    server_stop();
}

TEST(words_arrive_wherever_the_three_live, "all placements of client, server and endpoint")
{
    uint32_t cpus = cpu_count() < 3 ? cpu_count() : 3;
    for (uint32_t client = 0; client < cpus; client++) {
        for (uint32_t place = 0; place < cpus * cpus; place++) {
            check_placement((struct placement){client, place / cpus, place % cpus});
        }
    }
}

TEST(badge_names_the_caller, "a server sees the badge of the capability that was called")
{
    static const uint64_t badges[] = {7, 0x123456789abcdef0ull, ~0ull};
    REQUIRE(server_start(0, 0));
    struct weft_message message = {{0}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(server.endpoint, &message));
    EXPECT_EQUAL(0, server.badges[0]);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t badged;
        REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, server.endpoint,
                                                RIGHT_WRITE | RIGHT_COPY, badges[i], &badged));
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(badged, &message));
        EXPECT_EQUAL(badges[i], server.badges[i + 1]);
        uint64_t other;
        EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                      weft_cap_copy(HANDLE_SELF, badged, RIGHT_WRITE, 99, &other));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(badged));
    }
    server_stop();
}

/* ---- who may --------------------------------------------------------------------------------- */

TEST(rights_are_needed, "calling needs write, receiving needs read")
{
    uint64_t endpoint, reader, writer, badge;
    struct weft_message message = {{0}};
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_READ, 0, &reader));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_WRITE, 0, &writer));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_ipc_call(reader, &message));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_ipc_reply_receive(writer, &message, &badge));
    uint64_t more;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_cap_copy(HANDLE_SELF, writer, RIGHT_WRITE, 0, &more));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

TEST(rights_never_grow, "a copy has no right that the original lacks")
{
    uint64_t endpoint, copy, more;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK,
                   weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_WRITE | RIGHT_COPY, 0, &copy));
    EXPECT_STATUS(STATUS_NO_RIGHT,
                  weft_cap_copy(HANDLE_SELF, copy, RIGHT_READ | RIGHT_WRITE, 0, &more));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_cap_copy(HANDLE_SELF, copy, ~0ull, 0, &more));
    EXPECT_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, copy, RIGHT_WRITE, 0, &more));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(more));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

TEST(wrong_handles_are_refused, "no handle, a deleted one, one of another type")
{
    uint64_t endpoint, notification, badge;
    struct weft_message message = {{0}};
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_ipc_call(notification, &message));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_ipc_reply_receive(notification, &message, &badge));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
    static const uint64_t wrong[] = {0, 100, 127, 128, 0x7fffffff, ~0ull, 1ull << 32};
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call(wrong[i], &message));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_reply_receive(wrong[i], &message, &badge));
    }
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call(endpoint, &message));
    uint64_t next;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &next)); /* takes the slot that was freed */
    EXPECT(next != endpoint);
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_ipc_call(endpoint, &message));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(next));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

TEST(reply_needs_a_caller, "an answer without a question is an error")
{
    struct weft_message message = {{0}};
    EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
}

/* ---- order ----------------------------------------------------------------------------------- */

struct queued {
    uint64_t endpoint;
    uint64_t number;
    uint32_t *answered; /* atomic */
};

static void call_once(void *argument)
{
    struct queued *queued = argument;
    struct weft_message message = {{queued->number}};
    REQUIRE_STATUS(STATUS_OK, weft_ipc_call(queued->endpoint, &message));
    EXPECT_EQUAL(queued->number + 100, message.words[0]);
    weft_fetch_add(queued->answered, 1);
}

#define QUEUED 8

TEST(callers_queue_in_order, "who calls first is served first")
{
    struct weft_group group;
    struct queued queued[QUEUED];
    uint32_t answered = 0;
    uint64_t endpoint;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t i = 0; i < QUEUED; i++) { /* each gets the CPU and calls before the next exists */
        queued[i] = (struct queued){endpoint, i, &answered};
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "queued", 0, WEFT_PRIORITY_DEFAULT,
                                                    call_once, &queued[i]));
        weft_sleep_for(300);
    }
    struct weft_message message = {{0}};
    uint64_t badge;
    for (uint64_t i = 0; i < QUEUED; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(endpoint, &message, &badge));
        EXPECT_EQUAL(i, message.words[0]);
        message.words[0] += 100;
    }
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_EQUAL(QUEUED, answered);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

/* ---- many at once ---------------------------------------------------------------------------- */

struct crowd {
    uint64_t endpoint;
    uint32_t stop; /* atomic */
    uint32_t served;
};

static void serve_crowd(void *argument)
{
    struct crowd *crowd = argument;
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(crowd->endpoint, &message, &badge));
        if (message.words[0] == STOP_WORD) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
            return;
        }
        weft_fetch_add(&crowd->served, 1);
        message.words[0] = message.words[1] ^ message.words[2];
    }
}

static void call_crowd(void *argument)
{
    struct crowd *crowd = argument;
    uint64_t own = (uint64_t)&own;
    for (uint64_t i = 0; i < CALLS; i++) {
        struct weft_message message = {{i, own, i * i}};
        REQUIRE_STATUS(STATUS_OK, weft_ipc_call(crowd->endpoint, &message));
        EXPECT_EQUAL(own ^ i * i, message.words[0]);
        if (i % 8 == 0) {
            (void)weft_yield();
        }
    }
}

TEST(many_clients_and_servers,
     "every client gets its own answer from several servers of one endpoint")
{
    struct crowd crowd = {0};
    struct weft_group clients, servers;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(other_cpu(), &crowd.endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&clients));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&servers));
    for (uint32_t i = 0; i < cpu_count(); i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&servers, "server", i, WEFT_PRIORITY_DEFAULT,
                                                    serve_crowd, &crowd));
    }
    for (uint32_t i = 0; i < 4 * cpu_count(); i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&clients, "client", i % cpu_count(),
                                                    WEFT_PRIORITY_DEFAULT, call_crowd, &crowd));
    }
    weft_group_wait(&clients);
    EXPECT_EQUAL(4 * cpu_count() * CALLS, weft_load_acquire(&crowd.served));
    for (uint32_t i = 0; i < cpu_count(); i++) {
        struct weft_message stop = {{STOP_WORD}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(crowd.endpoint, &stop));
    }
    weft_group_wait(&servers);
    weft_group_close(&clients);
    weft_group_close(&servers);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(crowd.endpoint));
}

/* A server that asks another server before it answers. */
struct relay {
    uint64_t front;
    uint64_t back;
};

static void serve_relay(void *argument)
{
    struct relay *relay = argument;
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(relay->front, &message, &badge));
        _Bool stop = message.words[0] == STOP_WORD;
        if (!stop) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_call(relay->back, &message));
            message.words[0] += 1000;
        } else {
            EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
            return;
        }
    }
}

TEST(servers_may_call_servers, "a call goes on through a chain of servers on different CPUs")
{
    struct weft_group group;
    struct relay relay;
    REQUIRE(server_start(cpu_count() - 1, cpu_count() - 1));
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(other_cpu(), &relay.front));
    relay.back = server.endpoint;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "relay", other_cpu(), WEFT_PRIORITY_DEFAULT,
                                                serve_relay, &relay));
    for (uint64_t i = 0; i < CALLS; i++) {
        struct weft_message message = {{i}};
        REQUIRE_STATUS(STATUS_OK, weft_ipc_call(relay.front, &message));
        EXPECT_EQUAL(i + 1001, message.words[0]);
    }
    struct weft_message stop = {{STOP_WORD}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(relay.front, &stop));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(relay.front));
    server_stop();
}

KTAP_MAIN
