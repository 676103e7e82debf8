/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.notify.cross_core: how soon does a sleeper on another CPU run after it was signalled?
 *
 * Timed: one way, from the time stamp before notification_signal on CPU 0 to the time stamp after
 * notification_wait returned on CPU 1, whose only thread is the sleeper. Before each signal CPU 0
 * sleeps GAP_MICROSECONDS, so that the sleeper is in the kernel and its CPU has been idle for about
 * that long (whether it still polls or has halted by then is the kernel's choice). After the signal
 * CPU 0 spins with PAUSE until the sleeper has noted its time: where one host thread runs all CPUs in
 * turn, that gives the turn away at once. Both CPUs read the same clock; a figure below zero would mean that they do not, and ends the benchmark. Not measured:
 * the way back, a busy CPU 1. Needs two CPUs; with one there is no figure.
 */
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/time.h"

#define GAP_MICROSECONDS 50

static void loop_signal(struct bench_loop *loop)
{
    uint64_t there = loop->handles[0];
    uint64_t *stamps = bench_shared()->stamps;
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        weft_sleep_for(GAP_MICROSECONDS);
        uint64_t before = weft_timestamp();
        status_t signalled = weft_notification_signal(there, 1);
        while (signalled == STATUS_OK && weft_load64_acquire(&stamps[i]) == 0) {
            weft_pause();
        }
        loop->samples[i] = before;
        failed |= (uint64_t)signalled;
    }
    loop->failed = failed;
}

static _Noreturn void sleep_for_ever(void)
{
    struct bench_shared *shared = bench_shared();
    uint64_t there = weft_capability("there");
    for (uint64_t i = 0;; i++) {
        uint64_t bits;
        status_t woken = weft_notification_wait(there, 0, &bits);
        uint64_t after = weft_timestamp();
        weft_store64_release(&shared->stamps[i % BENCH_SAMPLES_MAX], after);
        if (woken != STATUS_OK) {
            weft_fail("the sleeper cannot answer");
        }
    }
}
BENCH_ROLE("sleeper", sleep_for_ever);

static void ipc_notify_cross_core(void)
{
    if (bench_options.cpu_count < 2) {
        return;
    }
    struct bench_partner partner;
    struct bench_loop loop = {.handles = {bench_notification(1)}};
    struct weft_grant grants[] = {
        {"there", loop.handles[0], RIGHT_READ, 0},
        {"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0},
    };
    stamps_clear();
    bench_partner_start(&partner, "sleeper", 1, grants, 2);
    bench_measure(&loop, "ipc.notify.cross", 0, bench_options.samples, loop_signal);
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    stamps_join(&loop, "ipc.notify.cross_core");
    bench_correct(&loop, 1);
    bench_report("ipc.notify.cross_core", &loop, "\"from_cpu\":0,\"to_cpu\":1,\"gap_us\":50");
    stamps_clear();
}
BENCHMARK("ipc.notify.cross_core", ipc_notify_cross_core);
