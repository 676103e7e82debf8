/* SPDX-License-Identifier: Apache-2.0
 *
 * wake.workers: how long do workers wait for a CPU that one message woke all at once? (In the manner of
 * schbench.)
 *
 * Timed: one way, from before a messenger signals a worker to the worker's first time stamp. The
 * messenger, on CPU 0 and more urgent, wakes WORKERS threads of equal priority on each CPU, one after the
 * other; each notes the time, computes for WORK_INSTRUCTIONS, and waits again; the last one wakes the
 * messenger for the next round. So of those on one CPU the last waits for the work of all others: the
 * distribution is the figure. Once with workers on CPU 0 alone, once on all CPUs (up to CPUS_MAX). Not
 * measured: workers that move to another CPU, which Weft leaves to user space.
 */
#include "load.h"
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define WORKERS 4u
#define CPUS_MAX 8u
#define WORK_INSTRUCTIONS 20000
#define WORKER_PRIORITY 16
#define WARMUP_ROUNDS 4

struct worker {
    uint64_t there; /* its notification */
    uint64_t sent;  /* when it was signalled; written before the signal */
    uint64_t delay;
};

static struct worker workers[WORKERS * CPUS_MAX];
static uint64_t all_done;           /* notification of the messenger */
static uint32_t worker_count, busy; /* atomic: `busy`, of this round */
static uint32_t ended;              /* atomic */

static void work(void *argument)
{
    struct worker *worker = argument;
    uint64_t bits;
    while (weft_notification_wait(worker->there, 0, &bits) == STATUS_OK &&
           weft_load_acquire(&ended) == 0) {
        worker->delay = weft_timestamp() - weft_load64_acquire(&worker->sent);
        load_work(WORK_INSTRUCTIONS);
        if (weft_fetch_add(&busy, -1u) == 1) {
            (void)weft_notification_signal(all_done, 1);
        }
    }
}

static void wake_all(struct bench_loop *loop)
{
    for (uint32_t i = 0; i < worker_count; i++) {
        weft_store64_release(&workers[i].sent, weft_timestamp());
        loop->failed |= (uint64_t)weft_notification_signal(workers[i].there, 1);
    }
}

static void loop_rounds(struct bench_loop *loop)
{
    uint64_t bits, used = bench_options.warmup;
    for (uint64_t round = 0; used + worker_count <= loop->total; round++) {
        weft_store_release(&busy, worker_count);
        wake_all(loop);
        loop->failed |= (uint64_t)weft_notification_wait(all_done, 0, &bits);
        for (uint32_t i = 0; i < worker_count && round >= WARMUP_ROUNDS; i++) {
            loop->samples[used++] = workers[i].delay;
        }
    }
    loop->total = used;
}

static void start(struct weft_group *group, uint32_t cpus)
{
    worker_count = WORKERS * cpus;
    if (weft_group_open(group) != STATUS_OK) {
        weft_fail("wake.workers: no notification for the threads");
    }
    for (uint32_t i = 0; i < worker_count; i++) {
        workers[i] = (struct worker){.there = bench_notification(i % cpus)};
        if (weft_thread_start(group, "worker", i % cpus, WORKER_PRIORITY, work, &workers[i]) !=
            STATUS_OK) {
            weft_fail("wake.workers: no thread on CPU %u", i % cpus);
        }
    }
}

static void end(struct weft_group *group)
{
    weft_store_release(&ended, 1);
    for (uint32_t i = 0; i < worker_count; i++) {
        (void)weft_notification_signal(workers[i].there, 1);
    }
    weft_group_wait(group);
    weft_group_close(group);
    load_settle();
    weft_store_release(&ended, 0);
    for (uint32_t i = 0; i < worker_count; i++) {
        (void)weft_cap_delete(workers[i].there);
    }
}

static void measure(uint32_t cpus)
{
    char params[80];
    struct bench_loop loop = {0};
    struct weft_group group;
    start(&group, cpus);
    bench_measure(&loop, "wake.workers", 0, bench_options.samples, loop_rounds);
    end(&group);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpus\":%u,\"workers\":%u,\"work\":%u", cpus, WORKERS,
                WORK_INSTRUCTIONS);
    bench_report("wake.workers", &loop, params);
}

static void wake_workers(void)
{
    uint32_t cpus = bench_options.cpu_count < CPUS_MAX ? bench_options.cpu_count : CPUS_MAX;
    all_done = bench_notification(0);
    measure(1);
    if (cpus > 1) {
        measure(cpus);
    }
    (void)weft_cap_delete(all_done);
}
BENCHMARK("wake.workers", wake_workers);
