/* SPDX-License-Identifier: Apache-2.0
 *
 * How exactly is a budget kept, and what does keeping it cost?
 *
 * A thread with a budget of BUDGET_MICROSECONDS per PERIOD_MICROSECONDS, and one without, less urgent,
 * spin on CPU 0. Each writes down the clock all the time and looks whether the other one has done so
 * meanwhile: then it has just begun to run, and the other one's last time is when that stopped.
 *
 * budget.run: from the first to the last time stamp of the limited thread in each period.
 * budget.overrun: by how much a run was longer than the budget; 0 where it was not.
 * budget.enforce: from its last time stamp to the first one of the other thread: the timer's lateness,
 *     its interrupt, the accounts, the switch.
 * budget.replenish: from the other's last time stamp to its own first one, at the new period: the same.
 *
 * One loop takes about LOOP_INSTRUCTIONS, by which each figure may be too long. What a run was too long
 * is taken from the next one by the kernel, so the mean of all runs is the budget less what the kernel
 * needs on the thread's account. Not measured: several budgets at the same time, budgets that are lent.
 */
#include "load.h"
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"
#include "weft/time.h"

#define BUDGET_MICROSECONDS 100
#define PERIOD_MICROSECONDS 250
#define LOOP_INSTRUCTIONS 10
#define WEIGHT_MOST 255 /* where a policy shares by weight: nearly everything for the limited one */
#define WEIGHT_LEAST 1

/* Written by the limited thread and by the other one; both run on one CPU. */
struct spinner {
    uint64_t now;    /* its clock; 0 before it runs */
    uint64_t *began; /* how long after the other one's last time it began, in each period */
    uint64_t *ran;   /* for how long it ran; NULL: not asked for */
};

static struct spinner limited, other;
static uint32_t ended; /* atomic */

/* Takes turns with `partner` `total` times. */
static void take_turns(struct spinner *own, const struct spinner *partner, uint64_t total)
{
    uint64_t seen = weft_load64_acquire(&partner->now), start = weft_cycles();
    for (uint64_t i = 0; i < total && weft_load_acquire(&ended) == 0;) {
        uint64_t last = weft_load64_acquire(&partner->now);
        uint64_t now = weft_cycles();
        if (weft_load64_acquire(&partner->now) != last) {
            continue; /* it has run between the two */
        }
        if (last != seen) { /* it has run since the last time, so this is a new run */
            own->began[i] = now - last;
            if (own->ran != NULL && i > 0) {
                own->ran[i - 1] = weft_load64_acquire(&own->now) - start;
            }
            start = now;
            seen = last;
            i++;
        }
        weft_store64_release(&own->now, now);
    }
}

static void loop_limited(struct bench_loop *loop)
{
    loop->failed = (uint64_t)weft_thread_schedule(
        0, WEFT_PRIORITY_DEFAULT | WEIGHT_MOST << 8, weft_microseconds(BUDGET_MICROSECONDS),
        weft_microseconds(PERIOD_MICROSECONDS), weft_startup()->cpus);
    limited.ran = loop->samples;
    take_turns(&limited, &other, loop->total + 1);
    weft_store_release(&ended, 1);
    loop->failed |=
        (uint64_t)weft_thread_schedule(0, WEFT_PRIORITY_DEFAULT | LOAD_WEIGHT << 8, 0, 0, 0);
}

static void spin(void *total)
{
    load_set_priority(LOAD_PRIORITY_LOW, WEIGHT_LEAST);
    take_turns(&other, &limited, (uint64_t)total);
    while (weft_load_acquire(&ended) == 0) {
        weft_store64_release(&other.now, weft_cycles());
    }
}

/* `loop` with its own samples, or those of a spinner. */
static void report(const char *name, struct bench_loop *loop, const uint64_t *samples)
{
    char params[80];
    for (uint64_t i = 0; i < loop->total && samples != NULL; i++) {
        loop->samples[i] = samples[i];
    }
    weft_format(params, sizeof(params), "\"cpu\":0,\"budget\":%lu,\"period\":%lu",
                weft_microseconds(BUDGET_MICROSECONDS), weft_microseconds(PERIOD_MICROSECONDS));
    bench_report(name, loop, params);
}

static void budget(void)
{
    uint64_t total = bench_options.warmup + bench_options.samples;
    uint64_t most = weft_microseconds(BUDGET_MICROSECONDS);
    struct bench_shared *shared = bench_shared();
    struct weft_group group;
    struct bench_loop loop = {0};
    memset(shared, 0, sizeof(*shared));
    limited = (struct spinner){.began = shared->stamps};
    other = (struct spinner){.began = shared->stamps + BENCH_SAMPLES_MAX};
    weft_store_release(&ended, 0);
    if (weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "unlimited", 0, WEFT_PRIORITY_DEFAULT, spin, (void *)total) !=
            STATUS_OK) {
        weft_fail("budget: no thread is left");
    }
    bench_measure(&loop, "limited", 0, bench_options.samples, loop_limited);
    weft_group_wait(&group);
    weft_group_close(&group);
    load_settle();
    report("budget.run", &loop, NULL);
    for (uint64_t i = 0; i < total; i++) {
        loop.samples[i] = loop.samples[i] > most ? loop.samples[i] - most : 0;
    }
    report("budget.overrun", &loop, NULL);
    report("budget.enforce", &loop, other.began);
    report("budget.replenish", &loop, limited.began);
    memset(shared, 0, sizeof(*shared));
}
BENCHMARK("budget", budget);
