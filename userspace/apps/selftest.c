/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test that a boot without a program runs: does every CPU of this machine do what programs
 * build on? On each of them a thread runs, calls the kernel, calls servers on its own and on another
 * CPU, is woken by notifications from another CPU, sleeps, and keeps its vector registers to itself.
 *
 * Works with 1 to 255 CPUs and little memory: CPUs are taken in waves, because a process has
 * CAPABILITY_SLOTS capabilities and every CPU needs an object or two at a time.
 */
#include "weft/atomic.h"
#include "weft/ktap.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define CPUS_MAX 256
#define WAVE 32
#define CALLS 20
#define STOP_WORD ~0ull

/* One CPU's part of a wave. */
struct post {
    uint32_t cpu;
    uint64_t endpoint;
    uint64_t notification;
    struct post *next; /* the post that this one talks to */
    uint64_t value;    /* what the thread found out */
    uint32_t served;
};

static struct post posts[CPUS_MAX];

static uint32_t cpu_count(void)
{
    return weft_startup()->cpu_count;
}

static void open_posts(void)
{
    memset(posts, 0, sizeof(posts));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        posts[cpu].cpu = cpu;
        posts[cpu].next = &posts[(cpu + 1) % cpu_count()];
    }
}

/* Runs `work` on every CPU at the same time. */
static void on_every_cpu(weft_thread_function *work)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        if (!EXPECT_STATUS(STATUS_OK,
                           weft_thread_start(&group, "selftest", cpu, WEFT_PRIORITY_DEFAULT, work,
                                             &posts[cpu]))) {
            break;
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

/* ---- every CPU runs -------------------------------------------------------------------------- */

static void call_null(void *argument)
{
    struct post *post = argument;
    uint32_t failed = 0;
    for (int i = 0; i < CALLS; i++) {
        failed += weft_null() != STATUS_OK;
    }
    EXPECT_EQUAL(0, failed);
    post->value = weft_processor_id() + 1;
}

TEST(every_cpu_runs, "a thread started on a CPU runs on that CPU and on no other")
{
    open_posts();
    on_every_cpu(call_null);
    for (uint32_t i = 0; i < cpu_count(); i++) {
        EXPECT(posts[i].value != 0);
        for (uint32_t j = 0; j < i; j++) {
            if (posts[i].value == posts[j].value) {
                ktap_note("CPU %u and CPU %u are the same processor %lu", i, j, posts[i].value - 1);
                EXPECT(posts[i].value != posts[j].value);
            }
        }
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Answers word + 1 until it is told to stop. */
static void serve(void *argument)
{
    struct post *post = argument;
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(post->endpoint, &message, &badge));
        if (message.words[0] == STOP_WORD) {
            break;
        }
        post->served++;
        for (unsigned i = 0; i < MESSAGE_WORDS; i++) {
            message.words[i] += i + 1;
        }
    }
    REQUIRE_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

static void call_server(uint64_t endpoint, uint64_t seed)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        struct weft_message message = {{seed + i, ~seed, i, seed * i}};
        REQUIRE_STATUS(STATUS_OK, weft_ipc_call(endpoint, &message));
        EXPECT_EQUAL(seed + i + 1, message.words[0]);
        EXPECT_EQUAL(~seed + 2, message.words[1]);
        EXPECT_EQUAL(i + 3, message.words[2]);
        EXPECT_EQUAL(seed * i + 4, message.words[3]);
    }
}

static void call_own_and_next(void *argument)
{
    struct post *post = argument;
    call_server(post->endpoint, post->cpu);
    call_server(post->next->endpoint, post->cpu + 1000u);
}

/* Servers and clients on the CPUs first .. first + count - 1, each client calling the server of its
 * own CPU and that of the next in the wave. */
static void message_wave(uint32_t first, uint32_t count)
{
    struct weft_group clients, servers;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&clients));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&servers));
    for (uint32_t i = first; i < first + count; i++) {
        posts[i].next = &posts[first + (i + 1 - first) % count];
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(i, &posts[i].endpoint));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&servers, "server", i, WEFT_PRIORITY_DEFAULT,
                                                    serve, &posts[i]));
    }
    for (uint32_t i = first; i < first + count; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&clients, "client", i, WEFT_PRIORITY_DEFAULT,
                                                    call_own_and_next, &posts[i]));
    }
    weft_group_wait(&clients);
    for (uint32_t i = first; i < first + count; i++) {
        struct weft_message stop = {{STOP_WORD}};
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(posts[i].endpoint, &stop));
        EXPECT_EQUAL(2 * CALLS, posts[i].served);
    }
    weft_group_wait(&servers);
    for (uint32_t i = first; i < first + count; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(posts[i].endpoint));
    }
    weft_group_close(&clients);
    weft_group_close(&servers);
}

TEST(every_cpu_answers_messages,
     "servers on every CPU answer clients on their own and on another CPU")
{
    open_posts();
    for (uint32_t first = 0; first < cpu_count(); first += WAVE) {
        uint32_t rest = cpu_count() - first;
        message_wave(first, rest < WAVE ? rest : WAVE);
    }
}

/* ---- notifications --------------------------------------------------------------------------- */

/* The baton goes round: each waits for its own notification, then signals the next one's. */
static void pass_baton(void *argument)
{
    struct post *post = argument;
    for (int i = 0; i < CALLS; i++) {
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(post->notification, 0, &bits));
        EXPECT_EQUAL(1, bits);
        post->served++;
        REQUIRE_STATUS(STATUS_OK, weft_notification_signal(post->next->notification, 1));
    }
}

static void notification_wave(uint32_t first, uint32_t count)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = first; i < first + count; i++) {
        posts[i].next = &posts[first + (i + 1 - first) % count];
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(i, &posts[i].notification));
    }
    for (uint32_t i = first; i < first + count; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "baton", i, WEFT_PRIORITY_DEFAULT,
                                                    pass_baton, &posts[i]));
    }
    REQUIRE_STATUS(STATUS_OK, weft_notification_signal(posts[first].notification, 1));
    weft_group_wait(&group);
    for (uint32_t i = first; i < first + count; i++) {
        EXPECT_EQUAL(CALLS, posts[i].served);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(posts[i].notification));
    }
    weft_group_close(&group);
}

TEST(every_cpu_is_woken, "a baton of notifications goes round all CPUs")
{
    open_posts();
    for (uint32_t first = 0; first < cpu_count(); first += WAVE) {
        uint32_t rest = cpu_count() - first;
        notification_wave(first, rest < WAVE ? rest : WAVE);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

static void sleep_a_little(void *argument)
{
    (void)argument;
    for (uint64_t microseconds = 200; microseconds <= 800; microseconds *= 2) {
        uint64_t deadline = weft_deadline(microseconds);
        EXPECT_STATUS(STATUS_OK, weft_sleep(deadline));
        EXPECT(weft_cycles() >= deadline);
    }
}

TEST(every_cpu_sleeps, "a sleeper on every CPU wakes, and not before its time")
{
    open_posts();
    on_every_cpu(sleep_a_little);
}

/* ---- vector registers ------------------------------------------------------------------------ */

/* Two threads of each CPU take turns with different values in the same registers. */
static void keep_registers(void *argument)
{
    static uint32_t turn;
    struct post *post = argument;
    uint64_t own = (uint64_t)weft_fetch_add(&turn, 1) << 32 | (post->cpu + 1);
    for (int i = 0; i < CALLS; i++) {
        EXPECT_EQUAL(0, weft_vector_registers_differ(own + (uint64_t)i, SYSCALL_YIELD, 0, 0));
    }
}

TEST(every_cpu_keeps_registers_apart, "threads of one CPU do not see each other's vector registers")
{
    struct weft_group group;
    open_posts();
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < 2 * cpu_count(); i++) {
        uint32_t cpu = i % cpu_count();
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "vectors", cpu, WEFT_PRIORITY_DEFAULT,
                                                    keep_registers, &posts[cpu]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

KTAP_MAIN
