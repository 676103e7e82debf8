/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that move from CPU to CPU while others call them, wait for them, and kill them: each runs
 * where it wanted to, every call gets its own answer, and who was killed on the way has ended.
 *
 * Made for `./weft explore`: short, and different with every seed.
 *
 * weft-test: cpus=4
 * weft-test: cpus=2
 * weft-test: cpus=4 accel=icount seed=1,2,3,4
 */
#define PROGRAM "test_migration"
#include "child.h"

#include "weft/atomic.h"
#include "weft/random.h"

#define CLIENTS 3
#define SERVERS 2
#define CALLS 12 /* of each client */
#define VICTIMS 4
#define STOP (~0ull)

struct mover {
    struct weft_random random;
    uint64_t endpoint;
};

static uint32_t processors[256]; /* which processor each CPU number stands for */

static void note_processor(void *argument)
{
    *(uint32_t *)argument = weft_processor_id();
}

static void find_processors(struct weft_group *group)
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(group, "place", cpu, WEFT_PRIORITY_DEFAULT,
                                                    note_processor, &processors[cpu]));
        weft_group_wait(group);
    }
}

static void move(struct mover *mover)
{
    uint32_t cpu = (uint32_t)weft_random_below(&mover->random, cpu_count());
    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(cpu));
    EXPECT_EQUAL(processors[cpu], weft_processor_id());
}

static void call_and_move(void *argument)
{
    struct mover *mover = argument;
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t sent = weft_random_next(&mover->random) >> 1;
        struct weft_message message = {{sent, i}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(mover->endpoint, &message));
        EXPECT_EQUAL(sent + 1, message.words[0]);
        EXPECT_EQUAL(i, message.words[1]);
        move(mover);
    }
}

/* Moves with the caller that it holds, and answers from there. */
static void serve_and_move(void *argument)
{
    struct mover *mover = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    for (;;) {
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(mover->endpoint, &message, &badge));
        if (message.words[0] == STOP) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
            return;
        }
        message.words[0]++;
        if (weft_random_below(&mover->random, 2) == 0) {
            move(mover);
        }
    }
}

TEST(calls_find_who_moves, "clients and servers move at every turn, and each call gets its answer")
{
    static struct mover clients[CLIENTS], servers[SERVERS];
    uint64_t endpoint, seed = weft_argument_number("seed", 1);
    struct weft_group group, serving;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&serving));
    find_processors(&group);
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create((uint32_t)seed % cpu_count(), &endpoint));
    for (uint32_t i = 0; i < SERVERS; i++) {
        servers[i] = (struct mover){{seed * 100 + i}, endpoint};
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&serving, "server", i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                                         serve_and_move, &servers[i]));
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct mover){{seed * 100 + 50 + i}, endpoint};
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "client", (i + 1) % cpu_count(),
                                         WEFT_PRIORITY_DEFAULT, call_and_move, &clients[i]));
    }
    weft_group_wait(&group);
    for (unsigned i = 0; i < SERVERS; i++) {
        struct weft_message message = {{STOP}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(endpoint, &message));
    }
    weft_group_wait(&serving);
    weft_group_close(&group);
    weft_group_close(&serving);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

static void wander(void *argument)
{
    struct weft_random random = {(uint64_t)argument};
    for (;;) {
        (void)weft_thread_migrate(weft_random_below(&random, cpu_count()));
    }
}

static int role_wanders(uint64_t value)
{
    for (uint64_t i = 1; i < 3; i++) {
        (void)weft_thread_start(NULL, "wanderer", (uint32_t)i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                                wander, (void *)(value * 10 + i));
    }
    wander((void *)(value * 10));
    return 0;
}

TEST(killed_on_the_way, "a process whose threads are on their way from CPU to CPU ends when killed")
{
    struct weft_random random = {weft_argument_number("seed", 1)};
    for (unsigned i = 0; i < VICTIMS; i++) {
        struct child child;
        struct child_options options = {.value = weft_random_below(&random, 1000000)};
        REQUIRE(child_start_with(&child, "wanders", i % cpu_count(), NULL, 0, &options));
        weft_sleep_for(20 + weft_random_below(&random, 100));
        child_kill(&child);
    }
}

static const struct role roles[] = {{"wanders", role_wanders}};
ROLES_MAIN(roles)
