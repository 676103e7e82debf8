/* SPDX-License-Identifier: Apache-2.0
 *
 * Notifications: bits gather and are taken whole, badges limit who can set what, one waiter at a
 * time, no signal is ever lost between CPUs, and death of either side is survived.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_notification"
#include "child.h"

#include "weft/atomic.h"

#define SIGNALS 300

static uint64_t create_on(uint32_t cpu)
{
    uint64_t handle = 0;
    EXPECT_STATUS(STATUS_OK, weft_notification_create(cpu, &handle));
    return handle;
}

/* ---- bits ------------------------------------------------------------------------------------ */

TEST(bits_gather_until_taken, "a wait takes all bits that were set, and clears them")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        uint64_t bits, handle = create_on(cpu);
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 1));
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 1ull << 61));
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 6));
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(handle, 0, &bits));
        EXPECT_EQUAL(1ull << 61 | 7, bits);
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 8));
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(handle, 0, &bits));
        EXPECT_EQUAL(8, bits);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    }
}

TEST(badge_decides_the_bits, "through a badged capability exactly the badge's bits are set")
{
    uint64_t bits, badged, handle = create_on(0);
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_WRITE, 0x10, &badged));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(badged, 0xffff));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(handle, 0, &bits));
    EXPECT_EQUAL(0x10, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(badged));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
}

TEST(rights_are_needed, "signalling needs write, waiting needs read")
{
    uint64_t bits, reader, writer, handle = create_on(0);
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_READ, 0, &reader));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, RIGHT_WRITE, 0, &writer));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_notification_signal(reader, 1));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_notification_wait(writer, 0, &bits));
    EXPECT_STATUS(STATUS_OK, weft_notification_signal(writer, 1));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(reader, 0, &bits));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_notification_signal(HANDLE_SELF, 1));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_notification_wait(HANDLE_SELF, 0, &bits));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_notification_signal(0, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(writer));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_notification_wait(handle, 0, &bits));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_notification_create(cpu_count(), &handle));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_notification_create(~0ull, &handle));
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct waiter {
    uint64_t notification;
    uint64_t bits;
    status_t status;
    uint32_t started; /* atomic */
    uint32_t done;    /* atomic */
};

static void wait_once(void *argument)
{
    struct waiter *waiter = argument;
    weft_store_release(&waiter->started, 1);
    waiter->status = weft_notification_wait(waiter->notification, 0, &waiter->bits);
    weft_store_release(&waiter->done, 1);
}

/* Two come; who comes second is refused. No time plays a part: whichever it is, the other one gets the
 * bits. */
TEST(one_thread_waits, "a second waiter is refused, the first still gets the bits")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_group group;
        uint64_t handle = create_on(other_cpu());
        struct waiter one = {.notification = handle}, two = {.notification = handle};
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "one", cpu, WEFT_PRIORITY_DEFAULT,
                                                    wait_once, &one));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "two", cpu_count() - 1 - cpu,
                                                    WEFT_PRIORITY_DEFAULT, wait_once, &two));
        while (!weft_load_acquire(&one.done) && !weft_load_acquire(&two.done)) {
            (void)weft_yield();
            weft_pause();
        }
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(handle, 0x30));
        weft_group_wait(&group);
        weft_group_close(&group);
        const struct waiter *first = one.status == STATUS_OK ? &one : &two;
        const struct waiter *second = first == &one ? &two : &one;
        EXPECT_STATUS(STATUS_OK, first->status);
        EXPECT_EQUAL(0x30, first->bits);
        EXPECT_STATUS(STATUS_BUSY, second->status);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    }
}

/* On this CPU the waiter is certain to wait, as it ran until it gave the CPU back. On another one it
 * may come too late, and then finds that the handle names nothing. */
TEST(a_waiter_sees_the_end, "who waits on a notification that nobody can name any more gets `dead`")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        int here = cpu == weft_startup()->cpu;
        struct weft_group group;
        struct waiter waiter = {.notification = create_on(cpu)};
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "waiter", cpu, WEFT_PRIORITY_DEFAULT,
                                                    wait_once, &waiter));
        while (!weft_load_acquire(&waiter.started)) {
            (void)weft_yield();
            weft_pause();
        }
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(waiter.notification));
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT(waiter.status == STATUS_DEAD || (!here && waiter.status == STATUS_BAD_HANDLE));
    }
}

/* ---- nothing is lost ------------------------------------------------------------------------- */

/* Every signaller owns one bit and a counter that it raises before it signals. The waiter sees, after
 * the bit, at least the count that was there when the bit was set; at the end all counts. */
struct storm {
    uint64_t notification;
    uint64_t acknowledged; /* notification: each signaller waits for its turn */
    uint32_t raised;       /* atomic */
    unsigned bit;
};

static void signal_storm(void *argument)
{
    struct storm *storm = argument;
    for (unsigned i = 0; i < SIGNALS; i++) {
        uint64_t bits;
        weft_fetch_add(&storm->raised, 1);
        REQUIRE_STATUS(STATUS_OK,
                       weft_notification_signal(storm->notification, 1ull << storm->bit));
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(storm->acknowledged, 0, &bits));
    }
}

#define SIGNALLERS_MAX 16

TEST(no_signal_is_lost, "signallers on all CPUs, each waiting for its answer: every signal arrives")
{
    static struct storm storms[SIGNALLERS_MAX];
    struct weft_group group;
    uint32_t count = 2 * cpu_count() < SIGNALLERS_MAX ? 2 * cpu_count() : SIGNALLERS_MAX;
    uint64_t notification = create_on(0);
    uint64_t seen[SIGNALLERS_MAX] = {0};
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < count; i++) {
        storms[i] = (struct storm){notification, create_on(i % cpu_count()), 0, i};
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "storm", i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                                         signal_storm, &storms[i]));
    }
    for (uint64_t total = 0; total < (uint64_t)count * SIGNALS;) {
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
        EXPECT(bits != 0 && bits >> count == 0);
        for (uint32_t i = 0; i < count; i++) {
            if ((bits >> i & 1) == 0) {
                continue;
            }
            total++;
            seen[i]++;
            EXPECT_EQUAL(seen[i], weft_load_acquire(&storms[i].raised));
            REQUIRE_STATUS(STATUS_OK, weft_notification_signal(storms[i].acknowledged, 1));
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < count; i++) {
        EXPECT_EQUAL(SIGNALS, seen[i]);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(storms[i].acknowledged));
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

static void signal_blindly(void *argument)
{
    struct storm *storm = argument;
    for (unsigned i = 0; i < SIGNALS; i++) {
        weft_fetch_add(&storm->raised, 1);
        REQUIRE_STATUS(STATUS_OK,
                       weft_notification_signal(storm->notification, 1ull << storm->bit));
    }
}

TEST(the_last_signal_arrives,
     "signals that overtake the waiter merge, but the last one is never lost")
{
    static struct storm storms[SIGNALLERS_MAX];
    struct weft_group group;
    uint32_t count = cpu_count() < SIGNALLERS_MAX ? cpu_count() : SIGNALLERS_MAX;
    uint64_t notification = create_on(other_cpu());
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < count; i++) {
        storms[i] = (struct storm){notification, 0, 0, i};
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "storm", i, WEFT_PRIORITY_DEFAULT,
                                                    signal_blindly, &storms[i]));
    }
    for (uint32_t finished = 0; finished < count;) { /* hangs if a last signal is lost */
        uint64_t bits;
        REQUIRE_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
        finished = 0;
        for (uint32_t i = 0; i < count; i++) {
            finished += weft_load_acquire(&storms[i].raised) == SIGNALS;
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

/* ---- signals without end --------------------------------------------------------------------- */

static uint64_t flooded;    /* a notification on the sleeper's CPU, for which nobody waits */
static uint32_t sleeper_up; /* atomic */

static void flood(void *argument)
{
    (void)argument;
    while (!weft_load_acquire(&sleeper_up)) {
        if (!EXPECT_STATUS(STATUS_OK, weft_notification_signal(flooded, 1))) {
            return;
        }
        weft_pause();
    }
}

static void sleep_in_the_flood(void *argument)
{
    (void)argument;
    uint64_t deadline = weft_deadline(500000); /* one would hope for much less */
    weft_sleep_for(2000);
    EXPECT(weft_cycles() < deadline);
    weft_store_release(&sleeper_up, 1);
}

TEST(a_flood_of_signals_lets_others_wake,
     "an idle CPU that is signalled all the time has its timers")
{
    struct weft_group group;
    if (cpu_count() < 3) {
        SKIP("needs a CPU to flood and others to do it");
    }
    flooded = create_on(1);
    weft_store_release(&sleeper_up, 0);
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sleeper", 1, WEFT_PRIORITY_DEFAULT,
                                                sleep_in_the_flood, NULL));
    for (uint32_t cpu = 2; cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "flooder", cpu, WEFT_PRIORITY_DEFAULT,
                                                    flood, NULL));
    }
    weft_group_wait(&group); /* hangs where the sleeper does not wake */
    weft_group_close(&group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(flooded));
}

/* ---- death ----------------------------------------------------------------------------------- */

static int role_waits(uint64_t value)
{
    uint64_t bits;
    (void)value;
    return weft_notification_wait(weft_capability("notification"), 0, &bits) == STATUS_OK ? 0 : 1;
}

TEST(a_killed_waiter_leaves_room, "after the waiter's process was killed another may wait")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child child;
        uint64_t bits, notification = create_on(0);
        struct weft_grant grants[] = {{"notification", notification, RIGHT_READ, 0}};
        REQUIRE(child_start(&child, "waits", cpu, grants, 1));
        weft_sleep_for(2000); /* by then it waits, as a rule; the promise holds if not */
        child_kill(&child);
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(notification, 2));
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
        EXPECT_EQUAL(2, bits);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    }
}

static const struct role roles[] = {{"waits", role_waits}};
ROLES_MAIN(roles)
