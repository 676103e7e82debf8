/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels with a partner that is an enemy: nonsense in the shared memory is found out, and nothing but
 * the ring and the caller's buffers is ever touched. Geometries that cannot be are refused.
 *
 * weft-test: cpus=1,4
 * weft-test: cpus=2 accel=icount seed=1,2,3
 */
#define PROGRAM "test_channel_hostile"
#include "channel_link.h"

/* ---- hostile partners ------------------------------------------------------------------------ */

static struct weft_ring_shared *shared(void)
{
    return (struct weft_ring_shared *)PLACE;
}

/* Only the memory that belongs to the ring is mapped: an access outside of it is a fault. */
TEST(hostile_positions_are_refused, "each kind of nonsense in the shared words is called corrupt")
{
    static const struct {
        enum weft_ring_role role;
        uint64_t published, consumed; /* after 3 sent and 2 taken */
    } cases[] = {
        {WEFT_RING_RECEIVER, ~0ull << 2, 2 << 2},                  /* far ahead */
        {WEFT_RING_RECEIVER, (2 + CAPACITY + 1) << 2, 2 << 2},     /* one too many */
        {WEFT_RING_RECEIVER, 1 << 2, 2 << 2},                      /* back, before the receiver */
        {WEFT_RING_RECEIVER, (2 << 2) | WEFT_RING_CLOSED, 2 << 2}, /* back to where it was */
        {WEFT_RING_RECEIVER, 5 << 2, 7 << 2},                      /* the own word is not its own */
        {WEFT_RING_SENDER, 3 << 2, 4 << 2},                        /* more taken than sent */
        {WEFT_RING_SENDER, 3 << 2, 1 << 2},                        /* back */
        {WEFT_RING_SENDER, 3 << 2, 1ull << 63},                    /* far away */
        {WEFT_RING_SENDER, 9 << 2, 2 << 2},                        /* the own word is not its own */
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct link link;
        struct weft_channel other;
        struct message messages[CAPACITY];
        int64_t result;
        REQUIRE(link_open(&link, 0, WEFT_RING_SENDER));
        struct weft_channel_options options = options_at(PLACE, 0, 0);
        REQUIRE(EXPECT_EQUAL(0, weft_channel_open(&other, &options, WEFT_RING_RECEIVER)));
        memset(messages, 0, sizeof(messages));
        EXPECT_EQUAL(3, weft_channel_try_send(&link.channel, messages, 3));
        EXPECT_EQUAL(2, weft_channel_try_receive(&other, messages, 2));
        EXPECT_EQUAL(CAPACITY - 1, weft_ring_look(&link.channel.ring));
        weft_store64_release(&shared()->published, cases[i].published);
        weft_store64_release(&shared()->consumed, cases[i].consumed);
        if (cases[i].role == WEFT_RING_SENDER) {
            result = weft_channel_try_send(&link.channel, messages, CAPACITY);
            EXPECT_EQUAL(WEFT_CHANNEL_CORRUPT, weft_channel_send(&link.channel, messages, 1));
            EXPECT_EQUAL(WEFT_CHANNEL_CORRUPT, weft_channel_sleep(&link.channel));
        } else {
            result = weft_channel_try_receive(&other, messages, CAPACITY);
            EXPECT_EQUAL(WEFT_CHANNEL_CORRUPT, weft_channel_receive(&other, messages, 1));
        }
        if (!EXPECT_EQUAL(WEFT_CHANNEL_CORRUPT, result)) {
            ktap_note("case %u", i);
        }
        link_close(&link);
    }
}

/* Writes nonsense into both words of the ring, and wakes its partner for nothing, until killed. */
static int role_scribbles(uint64_t seed)
{
    struct weft_random random = {seed};
    if (!child_map()) {
        return 1;
    }
    for (;;) {
        uint64_t *word = weft_random_below(&random, 2) ? &shared()->published : &shared()->consumed;
        uint64_t value = weft_random_next(&random) >> weft_random_below(&random, 64);
        if (weft_random_below(&random, 4) == 0) {
            weft_store64_release(word, value);
        } else {
            weft_store64_release(word, weft_load64_acquire(word) + (value & 7));
        }
        weft_pause();
        if (weft_random_below(&random, 16) == 0) {
            (void)weft_notification_signal(weft_capability("theirs"), 1);
            (void)weft_yield();
        }
    }
}

/* Uses one end for a while against somebody who scribbles. True: it ended as corrupt or closed. */
static _Bool meet_hostile(struct weft_channel *channel, enum weft_ring_role role)
{
    static struct {
        struct message messages[BATCH];
        uint64_t canary;
    } buffer;
    buffer.canary = 0x5a5a;
    for (unsigned i = 0; i < 20000; i++) {
        int64_t result = role == WEFT_RING_SENDER
                             ? weft_channel_try_send(channel, buffer.messages, BATCH)
                             : weft_channel_try_receive(channel, buffer.messages, BATCH);
        EXPECT(result <= BATCH && buffer.canary == 0x5a5a);
        if (result < 0) {
            EXPECT(result == WEFT_CHANNEL_CORRUPT || result == WEFT_CHANNEL_CLOSED);
            return 1;
        }
        if (weft_channel_sleep(channel) > 0) {
            uint64_t bits; /* the scribbler wakes for nothing, again and again */
            EXPECT_STATUS(STATUS_OK, weft_notification_wait(channel->wait, 0, &bits));
        }
    }
    return 0;
}

TEST(hostile_partners_gain_nothing,
     "a partner that scribbles while the ring is used is found out, and nothing else is touched")
{
    unsigned found = 0;
    for (unsigned round = 0; round < 20; round++) {
        enum weft_ring_role role = round & 1 ? WEFT_RING_SENDER : WEFT_RING_RECEIVER;
        uint32_t cpu = round & 2 ? other_cpu() : 0;
        struct link link;
        struct child child;
        REQUIRE(link_open(&link, cpu, role));
        REQUIRE(link_start(&link, &child, "scribbles", cpu, round + 1));
        found += meet_hostile(&link.channel, role);
        child_kill(&child);
        link_close(&link);
    }
    EXPECT(found >= 15);
}

/* ---- opening --------------------------------------------------------------------------------- */

TEST(wrong_geometries_are_refused, "sizes that cannot be, or do not fit into the memory")
{
    struct link link;
    struct weft_channel channel;
    REQUIRE(link_open(&link, 0, WEFT_RING_SENDER));
    static const struct {
        uint64_t offset, bytes, capacity, size;
    } cases[] = {
        {0, 4096, 0, 8},           {0, 4096, 3, 8},     {0, 4096, 1ull << 32, 8},
        {0, 4096, 8, 0},           {0, 4096, 8, ~0ull}, {0, 4096, 1ull << 63, 2},
        {0, 4096, 512, 8},         {0, 256 + 63, 8, 8}, {8, 4000, 8, 8},
        {0, ~0ull, 2, 1ull << 40},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weft_channel_options options = {.memory = (void *)(PLACE + cases[i].offset),
                                               .bytes = cases[i].bytes,
                                               .capacity = cases[i].capacity,
                                               .message_size = cases[i].size};
        EXPECT_EQUAL(WEFT_CHANNEL_BAD, weft_channel_open(&channel, &options, WEFT_RING_SENDER));
    }
    struct weft_channel_options exact = {
        .memory = (void *)PLACE, .bytes = 256 + 64, .capacity = 8, .message_size = 8};
    EXPECT_EQUAL(0, weft_channel_open(&channel, &exact, WEFT_RING_RECEIVER));
    link_close(&link);
}

static const struct role roles[] = {{"scribbles", role_scribbles}};
ROLES_MAIN(roles)
