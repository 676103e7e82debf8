/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages and death: whoever waits for a process that ends gets an error, and whoever is left goes
 * on, on whichever CPUs they are.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_ipc_death"
#include "child.h"

#include "weft/atomic.h"

/* What a client of the same process shares with the test. */
struct client {
    uint64_t endpoint;
    uint32_t *answered; /* atomic */
};

/* Takes one message and exits without an answer. */
static int role_takes_and_exits(uint64_t value)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    if (weft_ipc_reply_receive(weft_capability("endpoint"), &message, &badge) != STATUS_OK) {
        return 1;
    }
    return (int)value;
}

/* Takes one message and dies of it. */
static int role_takes_and_faults(uint64_t value)
{
    (void)role_takes_and_exits(value);
    *(volatile uint64_t *)8 = 1;
    return 1;
}

static int role_sleeps(uint64_t value)
{
    (void)value;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

static int role_calls(uint64_t value)
{
    struct weft_message message = {{value}};
    return weft_ipc_call(weft_capability("endpoint"), &message) == STATUS_OK ? 0 : 1;
}

/* The client's call ends with STATUS_DEAD when the server that took it dies. */
static void check_server_death(const char *role, uint32_t cpu)
{
    struct child child;
    uint64_t endpoint;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &endpoint));
    struct weft_grant grants[] = {{"endpoint", endpoint, RIGHT_READ, 0}};
    REQUIRE(child_start(&child, role, cpu, grants, 1));
    struct weft_message message = {{1}};
    EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(endpoint, &message));
    (void)child_wait(&child);
    child_close(&child);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

TEST(server_death_ends_the_call, "the client of a server that dies gets `dead`, on any CPU")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        check_server_death("takes_and_exits", cpu);
        check_server_death("takes_and_faults", cpu);
    }
}

static void call_expecting_death(void *argument)
{
    struct client *client = argument;
    struct weft_message message = {{0}};
    EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(client->endpoint, &message));
    weft_fetch_add(client->answered, 1);
}

TEST(last_server_gone_ends_the_queue,
     "clients that queue get `dead` when nobody can receive any more")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child child;
        struct weft_group group;
        uint64_t endpoint, writer;
        uint32_t answered = 0;
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &endpoint));
        struct weft_grant grants[] = {{"endpoint", endpoint, RIGHT_READ, 0}};
        REQUIRE(child_start(&child, "sleeps", cpu, grants, 1));
        REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, endpoint, RIGHT_WRITE, 0, &writer));
        REQUIRE_STATUS(STATUS_OK, weft_cap_delete(endpoint)); /* the child has the only reader */
        struct client client = {writer, &answered};
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        for (uint32_t i = 0; i < 3; i++) {
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start(&group, "client", (cpu + i) % cpu_count(),
                                             WEFT_PRIORITY_DEFAULT, call_expecting_death, &client));
        }
        weft_sleep_for(2000);
        EXPECT_EQUAL(0, weft_load_acquire(&answered));
        child_kill(&child);
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_EQUAL(3, answered);
        struct weft_message message = {{0}};
        EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(writer, &message));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    }
}

/* A client that is killed while a server works on its message, and one that still queues. */
TEST(client_death_does_not_stop_the_server, "a server goes on when its client was killed")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child held, queued, next;
        uint64_t endpoint, badge;
        struct weft_message message = {{0}};
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
        struct weft_grant grants[] = {{"endpoint", endpoint, RIGHT_WRITE, 0}};
        struct child_options options = {.value = 5};
        REQUIRE(child_start_with(&held, "calls", cpu, grants, 1, &options));
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(endpoint, &message, &badge));
        EXPECT_EQUAL(5, message.words[0]);
        REQUIRE(child_start(&queued, "calls", cpu, grants, 1));
        weft_sleep_for(2000);
        child_kill(&queued);
        child_kill(&held);
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
        options.value = 6;
        REQUIRE(child_start_with(&next, "calls", cpu, grants, 1, &options));
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(endpoint, &message, &badge));
        EXPECT_EQUAL(6, message.words[0]);
        EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
        struct weft_end end = child_wait(&next);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
        child_close(&next);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
    }
}

static const struct role roles[] = {
    {"takes_and_exits", role_takes_and_exits},
    {"takes_and_faults", role_takes_and_faults},
    {"sleeps", role_sleeps},
    {"calls", role_calls},
};
ROLES_MAIN(roles)
