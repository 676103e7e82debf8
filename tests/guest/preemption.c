/* SPDX-License-Identifier: Apache-2.0
 *
 * A wake-up preempts at once. What "at once" is can only be said where time counts instructions: a
 * host that takes the CPU away for a while would look the same.
 *
 * weft-test: cpus=1,4 accel=icount
 * weft-test: cpus=2 accel=icount append="timeslice_us=1000000"
 */
#define PROGRAM "test_preemption"
#include "child.h"

#include "weft/atomic.h"

#define LOW 10
#define HIGH 20

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

/* A spinner goes on until the sleeper, more important, has run: for PATIENCE at most. The boot whose
 * time slice is longer than that shows that no end of a time slice was needed. */
#define PATIENCE 400000

struct interruption {
    uint32_t spinning;    /* atomic */
    uint32_t sleeper_ran; /* atomic */
    _Bool interrupted;
};

static void spin_long(void *argument)
{
    struct interruption *interruption = argument;
    uint64_t deadline = weft_deadline(PATIENCE);
    weft_store_release(&interruption->spinning, 1);
    while (!interruption->interrupted && weft_cycles() < deadline) {
        spin_for(20);
        interruption->interrupted = weft_load_acquire(&interruption->sleeper_ran);
    }
}

static void sleep_and_note(void *argument)
{
    struct interruption *interruption = argument;
    weft_sleep_for(3000);
    weft_store_release(&interruption->sleeper_ran, 1);
}

TEST(a_wake_up_preempts,
     "a sleeper of higher priority runs at its time, not when the other is done")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_group group;
        struct interruption interruption = {0};
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "spinner", cpu, LOW, spin_long, &interruption));
        while (!weft_load_acquire(&interruption.spinning)) {
            weft_sleep_for(100);
        }
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sleeper", cpu, HIGH, sleep_and_note,
                                                    &interruption));
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT(interruption.interrupted);
    }
}

KTAP_MAIN
