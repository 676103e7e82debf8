/* SPDX-License-Identifier: Apache-2.0
 *
 * How late is a thread that sleeps until a moment? (In the manner of cyclictest.)
 *
 * wake.timer.idle: with nothing else to do on its CPU.
 * wake.timer.loaded: beside LOAD_THREADS busy threads of a lower priority on its CPU.
 *
 * Timed: one way, from the moment that a thread asked for to the first time stamp behind its sleep call,
 * every PERIOD_MICROSECONDS on CPU 0: the timer's lateness, its interrupt, the wake-up, the switch, the
 * way out of the kernel. Not measured: load on other CPUs, several sleepers for the same moment.
 */
#include "load.h"
#include "bench.h"

#include "weft/print.h"
#include "weft/time.h"

#define PERIOD_MICROSECONDS 100
#define LOAD_THREADS 2

static void loop_sleep(struct bench_loop *loop)
{
    uint64_t period = weft_microseconds(PERIOD_MICROSECONDS);
    uint64_t deadline = weft_cycles() + period;
    for (uint64_t i = 0; i < loop->total; i++) {
        status_t status = weft_sleep(deadline);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - deadline;
        loop->failed |= (uint64_t)status | (after < deadline);
        while (deadline <= after) { /* what was missed is missed: the next one counts */
            deadline += period;
        }
    }
}

static void measure(const char *name, uint32_t load)
{
    char params[64];
    struct bench_loop loop = {0};
    for (uint32_t i = 0; i < load; i++) {
        load_start(0, LOAD_PRIORITY_LOW);
    }
    bench_measure(&loop, "wake.timer", 0, bench_options.samples, loop_sleep);
    load_end();
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpu\":0,\"period_us\":%u,\"load\":%u",
                PERIOD_MICROSECONDS, load);
    bench_report(name, &loop, params);
}

static void wake_timer_idle(void)
{
    measure("wake.timer.idle", 0);
}
BENCHMARK("wake.timer.idle", wake_timer_idle);

static void wake_timer_loaded(void)
{
    measure("wake.timer.loaded", LOAD_THREADS);
}
BENCHMARK("wake.timer.loaded", wake_timer_loaded);
