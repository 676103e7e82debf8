/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: what one process sends, another receives, all of it and in order, on one CPU and on two,
 * whether the partner sleeps or polls; signals are made for sleepers only; the end and the death of a
 * partner are seen.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 * weft-test: cpus=2 accel=icount seed=1,2,3
 */
#define PROGRAM "test_channel"
#include "channel_link.h"

#define MESSAGES 100000
#define ROUNDS 1000

/* ---- all arrive, in order -------------------------------------------------------------------- */

/* Sends in batches of all sizes, then closes. */
static int role_sends(uint64_t count)
{
    struct weft_channel channel;
    struct weft_random random = {count};
    struct message messages[BATCH];
    if (!child_map() || !child_open(&channel, PLACE, WEFT_RING_SENDER)) {
        return 1;
    }
    for (uint64_t sent = 0; sent < count;) {
        uint64_t batch = 1 + weft_random_below(&random, BATCH);
        batch = batch < count - sent ? batch : count - sent;
        for (uint64_t i = 0; i < batch; i++) {
            messages[i] = message_of(sent + i);
        }
        if (weft_channel_send(&channel, messages, batch) != (int64_t)batch) {
            return 2;
        }
        sent += batch;
    }
    weft_channel_close(&channel);
    return 0;
}

/* Takes until the end, with a function that takes. Returns how many came; all were right. */
static uint64_t receive_all(struct weft_channel *channel,
                            int64_t (*receive)(struct weft_channel *, void *, uint64_t))
{
    static struct message messages[BATCH];
    struct weft_random random = {7};
    for (uint64_t taken = 0;;) {
        int64_t result = receive(channel, messages, 1 + weft_random_below(&random, BATCH));
        for (int64_t i = 0; i < result; i++) {
            if (!is_message(&messages[i], taken + (uint64_t)i)) {
                ktap_note("message %lu is not what was sent", taken + (uint64_t)i);
                return 0;
            }
        }
        if (result < 0) {
            EXPECT_EQUAL(WEFT_CHANNEL_CLOSED, result);
            return taken;
        }
        taken += (uint64_t)result;
        if (result == 0) {
            weft_pause();
            (void)weft_yield();
        }
    }
}

static void check_all_arrive(uint32_t cpu)
{
    struct link link;
    struct child child;
    REQUIRE(link_open(&link, cpu, WEFT_RING_RECEIVER));
    REQUIRE(link_start(&link, &child, "sends", cpu, MESSAGES));
    EXPECT_EQUAL(MESSAGES, receive_all(&link.channel, weft_channel_receive));
    ktap_note("receiver: %lu sleeps, %lu wakes", link.channel.sleeps, link.channel.wakes);
    expect_good_end(&child);
    link_close(&link);
}

TEST(all_arrive_on_one_cpu, "100,000 messages between two processes on one CPU, in order")
{
    check_all_arrive(weft_startup()->cpu);
}

TEST(all_arrive_between_cpus, "100,000 messages between two processes on two CPUs, in order")
{
    if (cpu_count() == 1) {
        SKIP("one CPU");
    }
    check_all_arrive(other_cpu());
}

/* ---- who is awake is not signalled ----------------------------------------------------------- */

/* Both sides poll and never sleep: not one signal is made. The child says how many it made. */
static int role_sends_awake(uint64_t count)
{
    struct weft_channel channel;
    if (!child_map() || !child_open(&channel, PLACE, WEFT_RING_SENDER)) {
        return 1;
    }
    for (uint64_t sent = 0; sent < count;) {
        struct message message = message_of(sent);
        int64_t result = weft_channel_try_send(&channel, &message, 1);
        if (result < 0) {
            return 2;
        }
        sent += (uint64_t)result;
        if (result == 0) {
            weft_pause();
            (void)weft_yield();
        }
    }
    weft_channel_close(&channel);
    return channel.wakes == 0 && channel.sleeps == 0 ? 0 : 3;
}

TEST(busy_partners_need_no_signal, "between two sides that poll not one system call wakes anybody")
{
    for (uint32_t cpu = 0; cpu <= other_cpu(); cpu++) {
        struct link link;
        struct child child;
        REQUIRE(link_open(&link, cpu, WEFT_RING_RECEIVER));
        REQUIRE(link_start(&link, &child, "sends_awake", cpu, MESSAGES / 10));
        EXPECT_EQUAL(MESSAGES / 10, receive_all(&link.channel, weft_channel_try_receive));
        EXPECT_EQUAL(0, link.channel.wakes);
        expect_good_end(&child);
        link_close(&link);
    }
}

/* ---- sleepers are woken ---------------------------------------------------------------------- */

/* Sends back what comes, on the second ring. */
static int role_echoes(uint64_t value)
{
    (void)value;
    struct weft_channel in, out;
    struct message message;
    if (!child_map() || !child_open(&in, PLACE, WEFT_RING_RECEIVER) ||
        !child_open(&out, SECOND, WEFT_RING_SENDER)) {
        return 1;
    }
    for (;;) {
        int64_t result = weft_channel_receive(&in, &message, 1);
        if (result == WEFT_CHANNEL_CLOSED) {
            weft_channel_close(&out);
            return 0;
        }
        if (result != 1 || weft_channel_send(&out, &message, 1) != 1) {
            return 2;
        }
    }
}

static void check_echo(uint32_t cpu, uint32_t polls)
{
    struct link link;
    struct child child;
    struct weft_channel back;
    _Bool here = cpu == weft_startup()->cpu;
    REQUIRE(link_open(&link, cpu, WEFT_RING_SENDER));
    struct weft_channel_options options = options_at(SECOND, link.mine, link.theirs);
    options.polls = polls;
    REQUIRE(EXPECT_EQUAL(0, weft_channel_open(&back, &options, WEFT_RING_RECEIVER)));
    REQUIRE(link_start(&link, &child, "echoes", cpu, 0));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct message message = message_of(i), answer;
        REQUIRE(EXPECT_EQUAL(1, weft_channel_send(&link.channel, &message, 1)));
        REQUIRE(EXPECT_EQUAL(1, weft_channel_receive(&back, &answer, 1)));
        REQUIRE(is_message(&answer, i));
    }
    /* On one CPU the other side runs only while this one sleeps (or its time slice is over). */
    EXPECT(!here || polls > 0 || back.sleeps >= ROUNDS / 2);
    EXPECT(link.channel.wakes <= ROUNDS);
    ktap_note("cpu %u, %u polls: %lu sleeps, %lu wakes", cpu, polls, back.sleeps,
              link.channel.wakes);
    weft_channel_close(&link.channel);
    expect_good_end(&child);
    link_close(&link);
}

TEST(sleepers_are_woken,
     "a message and its answer, a thousand times, both sides asleep between them")
{
    for (uint32_t cpu = 0; cpu <= other_cpu(); cpu++) {
        check_echo(cpu, 0);
        check_echo(cpu, 50);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(the_end_comes_last, "what was sent before the sender closed is received, then comes the end")
{
    struct link link;
    struct child child;
    REQUIRE(link_open(&link, other_cpu(), WEFT_RING_RECEIVER));
    REQUIRE(link_start(&link, &child, "sends", other_cpu(), 5));
    expect_good_end(&child); /* it is gone before anything is received */
    EXPECT_EQUAL(5, receive_all(&link.channel, weft_channel_receive));
    EXPECT_EQUAL(0, weft_channel_sleep(&link.channel)); /* nobody would wake it */
    weft_channel_close(&link.channel);
    struct message message;
    EXPECT_EQUAL(WEFT_CHANNEL_CLOSED, weft_channel_receive(&link.channel, &message, 1));
    link_close(&link);
}

static int role_receives_some(uint64_t count)
{
    struct weft_channel channel;
    struct message message;
    if (!child_map() || !child_open(&channel, PLACE, WEFT_RING_RECEIVER)) {
        return 1;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (weft_channel_receive(&channel, &message, 1) != 1 || !is_message(&message, i)) {
            return 2;
        }
    }
    weft_channel_close(&channel);
    return 0;
}

TEST(a_sender_sees_the_end, "who sends to a receiver that leaves is woken and refused")
{
    for (uint32_t cpu = 0; cpu <= other_cpu(); cpu++) {
        struct link link;
        struct child child;
        int64_t result = 1;
        REQUIRE(link_open(&link, cpu, WEFT_RING_SENDER));
        REQUIRE(link_start(&link, &child, "receives_some", cpu, 100));
        for (uint64_t i = 0; result == 1; i++) {
            struct message message = message_of(i);
            result = weft_channel_send(&link.channel, &message, 1);
        }
        EXPECT_EQUAL(WEFT_CHANNEL_CLOSED, result);
        expect_good_end(&child);
        link_close(&link);
    }
}

static int role_waits_to_be_killed(uint64_t value)
{
    (void)value;
    struct weft_channel channel;
    struct message message = message_of(0);
    if (!child_map() || !child_open(&channel, PLACE, WEFT_RING_SENDER)) {
        return 1;
    }
    (void)weft_channel_send(&channel, &message, 1);
    for (;;) {
        weft_sleep_for(1000);
    }
}

/* The child's end is signalled to the channel's own notification, with another bit. */
TEST(death_is_seen, "the wait for a partner that is killed ends with `cancelled`")
{
    struct link link;
    struct weft_spawn spawn;
    struct weft_child child;
    struct message message;
    struct child_options usual = {0};
    REQUIRE(link_open(&link, other_cpu(), WEFT_RING_RECEIVER));
    struct weft_grant grants[] = {{"memory", link.memory, READ_WRITE, 0},
                                  {"mine", link.theirs, RIGHT_READ, 0},
                                  {"theirs", link.mine, RIGHT_WRITE, 0}};
    child_prepare(&spawn, "waits_to_be_killed", other_cpu(), grants, 3, &usual);
    spawn.notification = link.mine;
    spawn.bits = 2;
    REQUIRE_STATUS(STATUS_OK, weft_spawn(child_archive(), &spawn, &child));
    EXPECT_EQUAL(1, weft_channel_receive(&link.channel, &message, 1));
    EXPECT_STATUS(STATUS_OK, weft_process_kill(child.process));
    EXPECT_EQUAL(WEFT_CHANNEL_CANCELLED, weft_channel_receive(&link.channel, &message, 1));
    EXPECT_EQUAL(2, link.channel.others);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(child.process));
    link_close(&link);
}

static const struct role roles[] = {
    {"sends", role_sends},
    {"sends_awake", role_sends_awake},
    {"echoes", role_echoes},
    {"receives_some", role_receives_some},
    {"waits_to_be_killed", role_waits_to_be_killed},
};
ROLES_MAIN(roles)
