/* SPDX-License-Identifier: Apache-2.0
 *
 * Crossings between CPUs, and nothing else: tokens go from CPU to CPU as signals, and threads as
 * system calls that are executed elsewhere, while the CPUs fall asleep in between. A wake-up that is
 * lost is a token that stops, and the test hangs.
 *
 * Made for `./weft explore`: short, and different with every seed.
 *
 * weft-test: cpus=4
 * weft-test: cpus=2 append="doorbell=elide"
 * weft-test: cpus=2 append="doorbell=always"
 * weft-test: cpus=4 accel=icount seed=1,2,3,4
 * weft-test: cpus=4 accel=icount seed=1,2 append="doorbell=elide"
 * weft-test: cpus=4 accel=icount seed=1,2 append="doorbell=always"
 */
#define PROGRAM "test_mailbox"
#include "child.h"

#include "weft/atomic.h"
#include "weft/random.h"

#define KNOTS_MAX 8 /* threads, one per CPU */
#define TOKENS 6
#define HOPS 40 /* of each token */
#define STOP (1ull << TOKENS)

struct knot {
    uint64_t notification;
    struct weft_random random;
    uint32_t *hops; /* atomic: of each token */
    uint32_t wrong;
};

static struct knot knots[KNOTS_MAX];
static uint32_t arrived; /* atomic: tokens that have made all their hops */

static uint32_t knot_count(void)
{
    return cpu_count() < KNOTS_MAX ? cpu_count() : KNOTS_MAX;
}

static void stop_all(void)
{
    for (uint32_t i = 0; i < knot_count(); i++) {
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(knots[i].notification, STOP));
    }
}

/* One more hop, to any CPU, also to this one. */
static void pass_on(struct knot *knot, unsigned token)
{
    if (weft_fetch_add(&knot->hops[token], 1) + 1 == HOPS) {
        if (weft_fetch_add(&arrived, 1) + 1 == TOKENS) {
            stop_all();
        }
        return;
    }
    const struct knot *next = &knots[weft_random_below(&knot->random, knot_count())];
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(next->notification, 1ull << token));
}

static void take_part(void *argument)
{
    struct knot *knot = argument;
    for (;;) {
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(knot->notification, 0, &bits));
        if ((bits & STOP) != 0) {
            knot->wrong += bits != STOP;
            return;
        }
        for (unsigned token = 0; token < TOKENS; token++) {
            if ((bits >> token & 1) != 0) {
                pass_on(knot, token);
            }
        }
        if (weft_random_below(&knot->random, 4) == 0) { /* this thread travels itself */
            EXPECT_EQUAL(WEFT_ALIVE, weft_process_end(HANDLE_SELF).cause);
        }
    }
}

TEST(every_crossing_arrives, "tokens that go from CPU to CPU arrive, each as often as it was sent")
{
    static uint32_t hops[TOKENS];
    uint64_t seed = weft_argument_number("seed", 1);
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < knot_count(); i++) {
        knots[i] = (struct knot){.random = {seed * KNOTS_MAX + i}, .hops = hops};
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(i, &knots[i].notification));
    }
    for (uint32_t i = 0; i < knot_count(); i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "knot", i, WEFT_PRIORITY_DEFAULT,
                                                    take_part, &knots[i]));
    }
    for (unsigned token = 0; token < TOKENS; token++) {
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(knots[token % knot_count()].notification,
                                                          1ull << token));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (unsigned token = 0; token < TOKENS; token++) {
        EXPECT_EQUAL(HOPS, hops[token]);
    }
    for (uint32_t i = 0; i < knot_count(); i++) {
        EXPECT_EQUAL(0, knots[i].wrong);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(knots[i].notification));
    }
}

KTAP_MAIN
