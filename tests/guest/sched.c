/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling: the highest priority runs, equals share in turn, a wake-up of somebody more important
 * preempts, sleepers wake in the order of their times, and threads move where they want to.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=2 append="doorbell=elide"
 * weft-test: cpus=2 append="idle=poll timeslice_us=1000"
 * weft-test: cpus=4 accel=icount
 * weft-test: cpus=4 accel=icount append="policy=edf"
 * weft-test: cpus=4 accel=icount append="policy=fair"
 */
#define PROGRAM "test_sched"
#include "child.h"

#include "weft/atomic.h"

#define LOW 10
#define MIDDLE 15
#define HIGH 20

/* All CPUs have the same policy here. */
static _Bool priorities_count(void)
{
    char policy[8] = "fixed";
    (void)weft_argument("policy", policy, sizeof(policy));
    return strcmp(policy, "fair") != 0;
}

/* A thread that only counts, until it is told to stop. */
struct counter {
    uint64_t count; /* atomic */
    uint32_t stop;  /* atomic */
};

static void count_up(void *argument)
{
    struct counter *counter = argument;
    for (uint64_t i = 1; !weft_load_acquire(&counter->stop); i++) {
        weft_store64_release(&counter->count, i);
        if (i % 256 == 0) {
            weft_pause(); /* seldom, as in spin_for() */
        }
    }
}

/* Pauses seldom: an emulator that runs one CPU at a time changes the CPU at each pause. */
static void spin_for(uint64_t microseconds)
{
    uint64_t deadline = weft_deadline(microseconds);
    for (unsigned i = 1; weft_cycles() < deadline; i++) {
        if (i % 256 == 0) {
            weft_pause();
        }
    }
}

static void wait_until_counting(const struct counter *counter)
{
    while (weft_load64_acquire(&counter->count) == 0) {
        weft_sleep_for(100);
    }
}

/* ---- priorities ------------------------------------------------------------------------------ */

struct rivals {
    struct counter low;
    uint64_t go; /* notification that wakes the more important one */
    uint32_t cpu;
    uint32_t failed; /* atomic: times that the less important one ran in between */
    uint32_t woken;
};

static void hold_the_cpu(void *argument)
{
    struct rivals *rivals = argument;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(rivals->go, 0, &bits));
        uint64_t before = weft_load64_acquire(&rivals->low.count);
        spin_for(1500);
        (void)weft_yield(); /* to equals; there are none */
        spin_for(1500);
        rivals->failed += weft_load64_acquire(&rivals->low.count) != before;
        rivals->woken++;
    }
}

TEST(a_higher_priority_keeps_the_cpu,
     "while a thread of higher priority wants to run no lower one does")
{
    if (!priorities_count()) {
        SKIP("priorities mean nothing to a fair policy");
    }
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_group group;
        struct rivals rivals = {.cpu = cpu};
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(cpu, &rivals.go));
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "low", cpu, LOW, count_up, &rivals.low));
        wait_until_counting(&rivals.low);
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "high", cpu, HIGH, hold_the_cpu, &rivals));
        for (unsigned i = 0; i < 5; i++) {
            EXPECT_STATUS(STATUS_OK, weft_notification_signal(rivals.go, 1));
            weft_sleep_for(6000);
        }
        while (weft_load_acquire(&rivals.woken) < 5) {
            EXPECT_STATUS(STATUS_OK, weft_notification_signal(rivals.go, 1));
            weft_sleep_for(1000);
        }
        weft_store_release(&rivals.low.stop, 1);
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_EQUAL(0, rivals.failed);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(rivals.go));
    }
}

/* ---- equals ---------------------------------------------------------------------------------- */

#define EQUALS 3

TEST(equals_share_the_cpu, "spinners of one priority on one CPU all get on, again and again")
{
    struct weft_group group;
    struct counter counters[EQUALS] = {0};
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned i = 0; i < EQUALS; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "equal", other_cpu(), LOW, count_up,
                                                    &counters[i]));
    }
    for (unsigned round = 0; round < 3; round++) { /* hangs where one of them stands still */
        for (unsigned i = 0; i < EQUALS; i++) {
            uint64_t before = weft_load64_acquire(&counters[i].count);
            while (weft_load64_acquire(&counters[i].count) == before) {
                weft_sleep_for(1000);
            }
        }
    }
    for (unsigned i = 0; i < EQUALS; i++) {
        weft_store_release(&counters[i].stop, 1);
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

#define TURNS 200

struct turns {
    uint32_t *next;  /* atomic: place in the log */
    uint32_t *ready; /* atomic: how many have begun */
    uint8_t *log;    /* who had which turn */
    uint8_t own;
};

static void take_turns(void *argument)
{
    struct turns *turns = argument;
    weft_fetch_add(turns->ready, 1);
    while (weft_load_acquire(turns->ready) < EQUALS) {
        (void)weft_yield();
        weft_pause();
    }
    for (unsigned i = 0; i < TURNS; i++) {
        turns->log[weft_fetch_add(turns->next, 1)] = turns->own;
        (void)weft_yield();
    }
}

TEST(yields_go_round, "threads of one priority that yield run in turn")
{
    static uint8_t log[EQUALS * TURNS];
    struct weft_group group;
    struct turns turns[EQUALS];
    uint32_t next = 0, ready = 0, repeated = 0;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned i = 0; i < EQUALS; i++) {
        turns[i] = (struct turns){&next, &ready, log, (uint8_t)(i + 1)};
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "turn", other_cpu(), LOW, take_turns, &turns[i]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (unsigned i = 0; i + TURNS < EQUALS * TURNS; i++) {
        repeated += log[i] == log[i + 1];
    }
    EXPECT_EQUAL(EQUALS * TURNS, next);
    EXPECT(repeated < TURNS / 4); /* the end of a time slice may take a turn away */
}

/* ---- time ------------------------------------------------------------------------------------ */

#define SLEEPERS 8
#define USUAL_SLICE 10000 /* microseconds, where the command line names no other */

struct sleeper {
    uint64_t deadline;
    uint64_t began, woke, placed;
    uint32_t *order; /* atomic */
    uint32_t place;
};

static void sleep_until(void *argument)
{
    struct sleeper *sleeper = argument;
    sleeper->began = weft_cycles();
    EXPECT_STATUS(STATUS_OK, weft_sleep(sleeper->deadline));
    sleeper->woke = weft_cycles();
    sleeper->place = weft_fetch_add(sleeper->order, 1);
    sleeper->placed = weft_cycles();
}

/* Of two that slept when the first time came, who slept shorter is overtaken only if it was sent to the back
 * before it had noted its place. That is at the end of a slice, and the first one begins when there is somebody
 * to share with. */
static void expect_order(const struct sleeper *earlier, const struct sleeper *later, uint64_t start)
{
    uint64_t slice = weft_microseconds(weft_argument_number("timeslice_us", USUAL_SLICE));
    if (earlier->deadline < later->deadline && earlier->began < start && later->began < start &&
        earlier->placed < start + slice) {
        EXPECT(earlier->place < later->place);
    }
}

TEST(sleepers_wake_in_order, "who sleeps shorter wakes first, and nobody before its time")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_group group;
        struct sleeper sleepers[SLEEPERS];
        uint32_t order = 0;
        uint64_t start = weft_deadline(80000);
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        for (unsigned i = 0; i < SLEEPERS; i++) {
            uint32_t place = (i * 5 + 3) % SLEEPERS;
            sleepers[i] = (struct sleeper){
                .deadline = start + place * weft_microseconds(300),
                .order = &order,
            };
            REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sleeper", cpu, HIGH, sleep_until,
                                                        &sleepers[i]));
        }
        weft_group_wait(&group);
        weft_group_close(&group);
        for (unsigned i = 0; i < SLEEPERS; i++) {
            EXPECT(sleepers[i].woke >= sleepers[i].deadline);
            for (unsigned k = 0; k < SLEEPERS; k++) {
                expect_order(&sleepers[i], &sleepers[k], start);
            }
        }
    }
}

TEST(the_past_is_over, "sleeping until a time that has passed returns at once")
{
    EXPECT_STATUS(STATUS_OK, weft_sleep(0));
    EXPECT_STATUS(STATUS_OK, weft_sleep(weft_cycles()));
    EXPECT_STATUS(STATUS_OK, weft_sleep(weft_cycles() + 1));
}

/* ---- places ---------------------------------------------------------------------------------- */

struct place {
    uint32_t processor;
};

static void note_processor(void *argument)
{
    ((struct place *)argument)->processor = weft_processor_id();
}

static struct place places[256];

/* Which processor each CPU number stands for. */
static void find_processors(void)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "place", cpu, HIGH, note_processor, &places[cpu]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

static void wander(void *argument)
{
    uint64_t step = (uint64_t)argument;
    for (uint64_t i = 0; i < 100; i++) {
        uint32_t cpu = (uint32_t)(i * step % cpu_count());
        REQUIRE_STATUS(STATUS_OK, weft_thread_migrate(cpu));
        EXPECT_EQUAL(places[cpu].processor, weft_processor_id());
        if (i % 10 == 0) {
            weft_sleep_for(50);
            EXPECT_EQUAL(places[cpu].processor, weft_processor_id());
        }
    }
}

TEST(threads_move, "a thread that migrates runs on the CPU it asked for, and stays there")
{
    struct weft_group group;
    find_processors();
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t i = 0; i < 2 * cpu_count(); i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "wanderer", (uint32_t)i % cpu_count(),
                                                    LOW, wander, (void *)(i + 1)));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

/* ---- many ------------------------------------------------------------------------------------ */

#define MANY 60

static void work_a_little(void *argument)
{
    uint32_t *done = argument;
    for (unsigned i = 0; i < 5; i++) {
        spin_for(20);
        (void)weft_yield();
    }
    weft_fetch_add(done, 1);
}

TEST(many_threads_finish, "threads of all priorities on all CPUs come to their end")
{
    struct weft_group group;
    uint32_t done = 0;
    uint32_t count = MANY * (cpu_count() < 8 ? cpu_count() : 8);
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "many", i % cpu_count(),
                                         i % (WEFT_PRIORITY_DEFAULT + 1), work_a_little, &done));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_EQUAL(count, done);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* One server, and two clients that wait for it: the first is more important than the server. */
struct answers {
    uint64_t endpoint;
    uint32_t order; /* atomic */
    uint32_t client_went_on;
    uint32_t server_went_on;
};

static void call_early(void *argument)
{
    struct answers *answers = argument;
    struct weft_message message = {{0}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(answers->endpoint, &message));
    answers->client_went_on = weft_fetch_add(&answers->order, 1);
}

static void call_late(void *argument)
{
    struct answers *answers = argument;
    struct weft_message message = {{0}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(answers->endpoint, &message));
}

static void answer_both(void *argument)
{
    struct answers *answers = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(answers->endpoint, &message, &badge));
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(answers->endpoint, &message, &badge));
    answers->server_went_on = weft_fetch_add(&answers->order, 1);
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

TEST(an_answer_preempts_the_server,
     "a client more important than its server goes on at once when it is answered")
{
    if (!priorities_count()) {
        SKIP("priorities mean nothing to a fair policy");
    }
    uint32_t cpu = other_cpu();
    struct answers answers = {0};
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &answers.endpoint));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK,
                   weft_thread_start(&group, "early", cpu, MIDDLE, call_early, &answers));
    weft_sleep_for(1000);
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "late", cpu, LOW, call_late, &answers));
    weft_sleep_for(1000);
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "server", cpu, LOW, answer_both, &answers));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(answers.client_went_on < answers.server_went_on);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(answers.endpoint));
}

KTAP_MAIN
