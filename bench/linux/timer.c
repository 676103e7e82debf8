/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.timer.idle, linux.timer.loaded: how late is a process that sleeps until a moment, with nothing
 * else to do on its CPU, and beside two busy processes? (In the manner of cyclictest.)
 *
 * Timed: one way, from the moment asked for by clock_nanosleep with TIMER_ABSTIME until the clock is
 * read behind it, every 100 us on CPU 0. The sleeper is SCHED_FIFO, the load has the default policy,
 * and the slack of timers is off. The clock is read by clock_gettime without a system call, which
 * takes some forty instructions of the figure; its nanoseconds become cycles by the clock's frequency.
 */
#include "lab.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NANOSECONDS 100000
#define SECOND 1000000000

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static void sleep_loop(struct loop *loop)
{
    uint64_t deadline = now() + PERIOD_NANOSECONDS;
    for (uint64_t i = 0; i < loop->total; i++) {
        struct timespec time = {(time_t)(deadline / SECOND), (long)(deadline % SECOND)};
        int result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
        uint64_t after = now();
        if (result != 0 || after < deadline) {
            fail("clock_nanosleep");
        }
        loop->samples[i] = (after - deadline) * options.clock_hz / SECOND;
        while (deadline <= after) { /* what was missed is missed: the next one counts */
            deadline += PERIOD_NANOSECONDS;
        }
    }
}

static void timer(const char *name, unsigned busy)
{
    struct load load;
    char params[64];
    if (!asked(name, 1)) {
        return;
    }
    struct loop loop = loop_open();
    load_start(&load, 0, busy);
    urgent(PRIORITY_SLEEPER);
    sleep_loop(&loop);
    urgent(0);
    load_end(&load);
    (void)snprintf(params, sizeof(params), "\"cpu\":0,\"period_us\":%u,\"load\":%u",
                   PERIOD_NANOSECONDS / 1000, busy);
    report(name, &loop, 1, params);
}

void ask_timer(void)
{
    timer("linux.timer.idle", 0);
    timer("linux.timer.loaded", LOAD_PROCESSES);
}
