/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.futex_wake.{same_core,cross_core}: how soon does a sleeper run after it was woken?
 * linux.futex_wake.loaded.{same_core,cross_core}: and on a CPU that is busy?
 *
 * Timed: one way, from before FUTEX_WAKE on CPU 0 until FUTEX_WAIT has returned, on CPU 0 or on CPU 1,
 * whose only process is the sleeper. CPU 0 sleeps 50 us before each wake-up, as in Weft's
 * ipc.notify.cross_core, so that the sleeper sleeps. After it the waker spins with PAUSE until the
 * sleeper has noted its time; on the sleeper's own CPU it yields instead, for the case that being
 * woken was not enough for the sleeper to run at once. Both CPUs read the same clock.
 *
 * Loaded: the sleeper's CPU has two busy processes of the default policy, and to be more urgent than
 * these the sleeper is SCHED_FIFO, as the waker is, which yields to it, as in Weft's wake.notify.
 */
#include "lab.h"

#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define GAP_NANOSECONDS 50000

static void sleep_and_stamp(void)
{
    for (uint32_t turn = 0;; turn++) {
        while (__atomic_load_n(&shared->there, __ATOMIC_ACQUIRE) == turn) {
            (void)syscall(SYS_futex, &shared->there, FUTEX_WAIT, turn, NULL, NULL, 0);
        }
        __atomic_store_n(&shared->stamps[turn % SAMPLES_MAX], timestamp(), __ATOMIC_RELEASE);
    }
}

static void sleeper(const void *loaded)
{
    if (loaded != NULL) {
        urgent(PRIORITY_SLEEPER);
    }
    __atomic_store_n(&shared->turns, 1, __ATOMIC_RELEASE);
    sleep_and_stamp();
}

static void wake_loop(struct loop *loop, unsigned cpu)
{
    static const struct timespec gap = {0, GAP_NANOSECONDS};
    for (uint32_t turn = 0; turn < loop->total; turn++) {
        must(clock_nanosleep(CLOCK_MONOTONIC, 0, &gap, NULL), "clock_nanosleep");
        uint64_t before = timestamp();
        __atomic_store_n(&shared->there, turn + 1, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &shared->there, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (__atomic_load_n(&shared->stamps[turn], __ATOMIC_ACQUIRE) == 0) {
            if (cpu == 0) {
                (void)syscall(SYS_sched_yield);
            } else {
                _mm_pause();
            }
        }
        loop->samples[turn] = before;
    }
}

static void wake_up(const char *name, unsigned cpu, unsigned busy)
{
    struct load load;
    char params[80];
    if (!asked(name, cpu + 1)) {
        return;
    }
    struct loop loop = loop_open();
    pid_t partner = partner_start(sleeper, busy > 0 ? &load : NULL, cpu);
    load_start(&load, cpu, busy);
    while (__atomic_load_n(&shared->turns, __ATOMIC_ACQUIRE) == 0) {
        (void)syscall(SYS_sched_yield); /* until the sleeper is as urgent as it shall be */
    }
    urgent(busy > 0 ? PRIORITY_WAKER : 0);
    wake_loop(&loop, cpu);
    urgent(0);
    load_end(&load);
    partner_end(partner);
    for (uint64_t i = 0; i < loop.total; i++) {
        if (shared->stamps[i] < loop.samples[i]) {
            fail("the clock of CPU 1 is behind that of CPU 0");
        }
        loop.samples[i] = shared->stamps[i] - loop.samples[i];
    }
    (void)snprintf(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u,\"gap_us\":%u,\"load\":%u",
                   cpu, GAP_NANOSECONDS / 1000, busy);
    report(name, &loop, 1, params);
}

void ask_wake_up(void)
{
    wake_up("linux.futex_wake.same_core", 0, 0);
    wake_up("linux.futex_wake.cross_core", 1, 0);
    wake_up("linux.futex_wake.loaded.same_core", 0, LOAD_PROCESSES);
    wake_up("linux.futex_wake.loaded.cross_core", 1, LOAD_PROCESSES);
}
