/* SPDX-License-Identifier: Apache-2.0
 *
 * How soon does a worker run that is woken beside load?
 *
 * wake.notify.same_core: the waker, of a lower priority than the worker, is on the worker's CPU.
 * wake.notify.cross_core: the waker is on CPU 0, the worker on CPU 1, which is busy at that moment.
 *
 * Timed: one way, from before notification_signal to after notification_wait returned in the worker, a
 * process of its own, on a CPU with LOAD_THREADS busy threads of the lowest priority. Before each signal
 * the waker sleeps GAP_MICROSECONDS, so that the busy threads run. Across cores the waker then spins with
 * PAUSE until the worker has noted its time. The second one needs two CPUs; with one there is no figure.
 * Not measured: the way back; a CPU that is idle (ipc.notify.cross_core); workers that are no more urgent
 * than the load (wake.workers).
 */
#include "load.h"
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/time.h"

#define GAP_MICROSECONDS 50
#define LOAD_THREADS 2
#define WAKER_PRIORITY 16

static void loop_wake(struct bench_loop *loop)
{
    const uint64_t *stamps = bench_shared()->stamps;
    load_set_priority(WAKER_PRIORITY, LOAD_WEIGHT);
    for (uint64_t i = 0; i < loop->total; i++) {
        weft_sleep_for(GAP_MICROSECONDS);
        uint64_t before = weft_timestamp();
        status_t status = weft_notification_signal(loop->handles[0], 1);
        while (status == STATUS_OK && weft_load64_acquire(&stamps[i]) == 0) {
            weft_pause();
        }
        loop->samples[i] = before;
        loop->failed |= (uint64_t)status;
    }
}

/* The partner's role `sleeper` (ipc_notify_cross_core.c) notes when it was woken. */
static void measure(const char *name, uint32_t cpu)
{
    char params[64];
    struct bench_partner partner;
    struct bench_loop loop = {.handles = {bench_notification(cpu)}};
    struct weft_grant grants[] = {
        {"there", loop.handles[0], RIGHT_READ, 0},
        {"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0},
    };
    stamps_clear();
    bench_partner_start(&partner, "sleeper", cpu, grants, 2);
    for (uint32_t i = 0; i < LOAD_THREADS; i++) {
        load_start(cpu, LOAD_PRIORITY_LOW);
    }
    bench_measure(&loop, "wake.notify", 0, bench_options.samples, loop_wake);
    load_end();
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    stamps_join(&loop, name);
    stamps_clear();
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u,\"load\":%u", cpu,
                LOAD_THREADS);
    bench_report(name, &loop, params);
}

static void wake_notify_same_core(void)
{
    measure("wake.notify.same_core", 0);
}
BENCHMARK("wake.notify.same_core", wake_notify_same_core);

static void wake_notify_cross_core(void)
{
    if (bench_options.cpu_count >= 2) {
        measure("wake.notify.cross_core", 1);
    }
}
BENCHMARK("wake.notify.cross_core", wake_notify_cross_core);
