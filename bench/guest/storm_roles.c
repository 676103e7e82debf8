/* SPDX-License-Identifier: Apache-2.0
 *
 * The senders and receivers of a message storm; storm.c says what they are for.
 *
 * A sender waits for its bit STORM_GO, sends a round, and waits again. A receiver counts: when it has the
 * messages of a round from all of its senders it says so, and the last one of all wakes who measures. The
 * first word of a message is its number on its way from this sender to this receiver; a receiver checks that
 * none is missing.
 */
#include "storm.h"

#include "weft/atomic.h"
#include "weft/startup.h"

#define ROUND (STORM_SIDE * STORM_LOOPS) /* messages to a receiver */

const char *const storm_others[STORM_SIDE] = {"to0", "to1", "to2", "to3"};

struct storm *storm_map(uint64_t memory, uint64_t groups)
{
    if (weft_memory_map(HANDLE_SELF, memory, STORM_BASE, 0, storm_pages(groups),
                        RIGHT_READ | RIGHT_WRITE) != STATUS_OK) {
        weft_fail("the storm's memory cannot be mapped");
    }
    return (struct storm *)STORM_BASE;
}

static uint32_t own_number(void)
{
    return (uint32_t)weft_argument_number("n", 0);
}

/* Maps no more than its own group and those before it. */
static struct storm *map_own(void)
{
    return storm_map(weft_capability("storm"), own_number() / STORM_SIDE + 1);
}

static void wait_for_go(uint64_t wake)
{
    uint64_t bits = 0;
    while ((bits & STORM_GO) == 0) { /* a channel's bit may come late, when nobody needs it */
        if (weft_notification_wait(wake, 0, &bits) != STATUS_OK) {
            weft_fail("the sender cannot wait");
        }
    }
}

/* This receiver has the round's messages. */
static void round_done(struct storm *storm, uint64_t done)
{
    if (weft_fetch_add(&storm->done, 1) + 1 == storm->receivers &&
        weft_notification_signal(done, 1) != STATUS_OK) {
        weft_fail("the receiver cannot say that it is done");
    }
}

static void check(uint64_t number, uint64_t *next)
{
    if (number != (*next)++) {
        weft_fail("message %lu came instead of %lu", number, *next - 1);
    }
}

/* ---- messages ------------------------------------------------------------------------------------ */

static _Noreturn void send_messages(void)
{
    uint64_t wake = weft_capability("wait"), endpoints[STORM_SIDE];
    uint64_t own = own_number() % STORM_SIDE;
    for (unsigned to = 0; to < STORM_SIDE; to++) {
        endpoints[to] = weft_capability(storm_others[to]);
    }
    for (uint64_t next = 0;;) {
        wait_for_go(wake);
        for (unsigned loop = 0; loop < STORM_LOOPS; loop++, next++) {
            const struct weft_message message = {{next, own, 2, 3}};
            for (unsigned to = 0; to < STORM_SIDE; to++) {
                if (weft_ipc_send(endpoints[to], &message, NULL) != STATUS_OK) {
                    weft_fail("the sender cannot send");
                }
            }
        }
    }
}
BENCH_ROLE("ipc_tx", send_messages);

static _Noreturn void receive_messages(void)
{
    struct storm *storm = map_own();
    uint64_t endpoint = weft_capability("endpoint"), done = weft_capability("done");
    uint64_t next[STORM_SIDE] = {0};
    for (;;) {
        for (unsigned count = 0; count < ROUND; count++) {
            struct weft_message message = {{0}};
            uint64_t badge;
            if (weft_ipc_receive(endpoint, &message, &badge, NULL) != STATUS_OK) {
                weft_fail("the receiver cannot receive");
            }
            check(message.words[0], &next[message.words[1] % STORM_SIDE]);
        }
        round_done(storm, done);
    }
}
BENCH_ROLE("ipc_rx", receive_messages);

/* ---- channels ------------------------------------------------------------------------------------ */

/* The channel from a sender of the own group to a receiver of it. */
static void open_channel(struct weft_channel *channel, unsigned sender, unsigned receiver,
                         const char *partner, enum weft_ring_role role)
{
    uint64_t group = own_number() / STORM_SIDE;
    uint64_t ring = (group * STORM_SIDE + sender) * STORM_SIDE + receiver;
    struct weft_channel_options options = {
        .memory = (void *)(STORM_BASE + WEFT_PAGE_SIZE + ring * storm_ring_bytes()),
        .bytes = storm_ring_bytes(),
        .capacity = STORM_CAPACITY,
        .message_size = sizeof(struct storm_message),
        .wait = weft_capability("wait"),
        .signal = weft_capability(partner),
    };
    if (weft_channel_open(channel, &options, role) != 0) {
        weft_fail("a channel cannot be opened");
    }
}

static _Noreturn void send_through_rings(void)
{
    struct weft_channel channels[STORM_SIDE];
    uint64_t wake = weft_capability("wait"), own = own_number() % STORM_SIDE;
    (void)map_own();
    for (unsigned to = 0; to < STORM_SIDE; to++) {
        open_channel(&channels[to], (unsigned)own, to, storm_others[to], WEFT_RING_SENDER);
    }
    for (uint64_t next = 0;;) {
        wait_for_go(wake);
        for (unsigned loop = 0; loop < STORM_LOOPS; loop++, next++) {
            const struct storm_message message = {{next, own, 2, 3}};
            for (unsigned to = 0; to < STORM_SIDE; to++) {
                if (weft_channel_send(&channels[to], &message, 1) != 1) {
                    weft_fail("the sender cannot send");
                }
            }
        }
    }
}
BENCH_ROLE("ring_tx", send_through_rings);

/* Takes what is in any of the channels; how many messages that was. */
static unsigned take(struct weft_channel *channels, uint64_t *next)
{
    unsigned taken = 0;
    for (unsigned from = 0; from < STORM_SIDE; from++) {
        struct storm_message messages[STORM_CAPACITY];
        int64_t count = weft_channel_try_receive(&channels[from], messages, STORM_CAPACITY);
        if (count < 0) {
            weft_fail("the receiver cannot receive: %ld", count);
        }
        for (int64_t i = 0; i < count; i++) {
            check(messages[i].words[0], &next[from]);
        }
        taken += (unsigned)count;
    }
    return taken;
}

/* Sleeps until there may be something in one of them. */
static void sleep_on_all(struct weft_channel *channels, uint64_t wake)
{
    uint64_t bits;
    for (unsigned from = 0; from < STORM_SIDE; from++) {
        int64_t asleep = weft_channel_sleep(&channels[from]);
        if (asleep < 0) {
            weft_fail("the receiver cannot sleep: %ld", asleep);
        }
        if (asleep == 0) {
            return;
        }
    }
    if (weft_notification_wait(wake, 0, &bits) != STATUS_OK) {
        weft_fail("the receiver cannot wait");
    }
}

static _Noreturn void receive_from_rings(void)
{
    struct weft_channel channels[STORM_SIDE];
    struct storm *storm = map_own();
    uint64_t wake = weft_capability("wait"), done = weft_capability("done");
    uint64_t next[STORM_SIDE] = {0};
    unsigned own = own_number() % STORM_SIDE;
    for (unsigned from = 0; from < STORM_SIDE; from++) {
        open_channel(&channels[from], from, own, storm_others[from], WEFT_RING_RECEIVER);
    }
    for (unsigned count = 0;;) {
        unsigned taken = take(channels, next);
        if (taken == 0) {
            sleep_on_all(channels, wake);
            continue;
        }
        count += taken;
        if (count == ROUND) {
            count = 0;
            round_done(storm, done);
        }
    }
}
BENCH_ROLE("ring_rx", receive_from_rings);
