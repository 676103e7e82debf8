/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.futex_wake.cross_core: how soon does a sleeper on another CPU run after it was woken?
 *
 * Timed: one way, from before FUTEX_WAKE on CPU 0 until FUTEX_WAIT has returned on CPU 1, whose only
 * process is the sleeper. CPU 0 sleeps 50 us before each wake-up, as in Weft's
 * ipc.notify.cross_core, and spins with PAUSE after it until the sleeper has noted its time. Both CPUs
 * read the same clock.
 */
#include "lab.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define GAP_NANOSECONDS 50000

static void sleeper(const void *argument)
{
    (void)argument;
    for (uint32_t turn = 0;; turn++) {
        while (__atomic_load_n(&shared->there, __ATOMIC_ACQUIRE) == turn) {
            (void)syscall(SYS_futex, &shared->there, FUTEX_WAIT, turn, NULL, NULL, 0);
        }
        __atomic_store_n(&shared->stamps[turn % SAMPLES_MAX], timestamp(), __ATOMIC_RELEASE);
    }
}

static void wake_loop(struct loop *loop)
{
    static const struct timespec gap = {0, GAP_NANOSECONDS};
    for (uint32_t turn = 0; turn < loop->total; turn++) {
        must(clock_nanosleep(CLOCK_MONOTONIC, 0, &gap, NULL), "clock_nanosleep");
        uint64_t before = timestamp();
        __atomic_store_n(&shared->there, turn + 1, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &shared->there, FUTEX_WAKE, 1, NULL, NULL, 0);
        while (__atomic_load_n(&shared->stamps[turn], __ATOMIC_ACQUIRE) == 0) {
            _mm_pause();
        }
        loop->samples[turn] = before;
    }
}

void ask_wake_up(void)
{
    static const char name[] = "linux.futex_wake.cross_core";
    if (!asked(name, 2)) {
        return;
    }
    struct loop loop = loop_open();
    pid_t partner = partner_start(sleeper, NULL, 1);
    wake_loop(&loop);
    partner_end(partner);
    for (uint64_t i = 0; i < loop.total; i++) {
        if (shared->stamps[i] < loop.samples[i]) {
            fail("the clock of CPU 1 is behind that of CPU 0");
        }
        loop.samples[i] = shared->stamps[i] - loop.samples[i];
    }
    report(name, &loop, 1, "\"from_cpu\":0,\"to_cpu\":1,\"gap_us\":50");
}
