/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon does a sleeper run after it was signalled,
 *
 * ipc.notify.halted_target: whose CPU has been idle for a millisecond, so that it has halted (unless the
 * machine was started with idle=poll)? ipc.notify.loaded_target: whose CPU is computing for a thread of
 * another process with a lower priority?
 *
 * Timed: one way, as ipc.notify.cross_core, of which these are the same with another target: from the time
 * stamp before notification_signal on CPU 0 to the one after notification_wait on CPU 1. CPU 0 sleeps
 * before each signal. In icount mode what the load computes until it is interrupted is in the figure.
 * Not measured: the way back. Need two CPUs; with one there is no figure.
 */
#include "load.h"
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/time.h"

#define HALTED_GAP_MICROSECONDS 1000
#define LOADED_GAP_MICROSECONDS 50
#define SAMPLES_MAX 1000

/* The loop's argument: how long to sleep before each signal. */
static void loop_signal(struct bench_loop *loop)
{
    const uint64_t *stamps = bench_shared()->stamps;
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        weft_sleep_for(loop->argument);
        uint64_t before = weft_timestamp();
        status_t signalled = weft_notification_signal(loop->handles[0], 1);
        while (signalled == STATUS_OK && weft_load64_acquire(&stamps[i]) == 0) {
            weft_pause();
        }
        loop->samples[i] = before;
        failed |= (uint64_t)signalled;
    }
    loop->failed = failed;
}

static void measure(const char *name, uint64_t gap, _Bool loaded)
{
    char params[64];
    uint64_t samples = bench_options.samples < SAMPLES_MAX ? bench_options.samples : SAMPLES_MAX;
    struct bench_partner partner;
    if (bench_options.cpu_count < 2) {
        return;
    }
    struct bench_loop loop = {.handles = {bench_notification(1)}, .argument = gap};
    struct weft_grant grants[] = {
        {"there", loop.handles[0], RIGHT_READ, 0},
        {"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0},
    };
    stamps_clear();
    bench_partner_start(&partner, "sleeper", 1, grants, 2);
    if (loaded) {
        load_start(1, LOAD_PRIORITY_LOW);
    }
    bench_measure(&loop, "ipc.notify.targe", 0, samples, loop_signal);
    if (loaded) {
        load_end();
    }
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    stamps_join(&loop, name);
    stamps_clear();
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":1,\"gap_us\":%lu", gap);
    bench_report(name, &loop, params);
}

static void ipc_notify_halted(void)
{
    measure("ipc.notify.halted_target", HALTED_GAP_MICROSECONDS, 0);
}
BENCHMARK("ipc.notify.halted_target", ipc_notify_halted);

static void ipc_notify_loaded(void)
{
    measure("ipc.notify.loaded_target", LOADED_GAP_MICROSECONDS, 1);
}
BENCHMARK("ipc.notify.loaded_target", ipc_notify_loaded);
