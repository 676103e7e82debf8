/* SPDX-License-Identifier: Apache-2.0
 *
 * How long does a process take to be made, to run, and to be gone?
 *
 * process.create: all of it, there and back: the loader makes the process from the boot image's program (this
 *     one), the process runs main() and exits, its creator hears of the end and forgets it.
 * process.start: of that, up to the first time stamp in the new process's main().
 * process.end: of that, from before the exit to after its creator has forgotten it.
 * process.kill: process_kill of a process whose thread sleeps, until its end is known and it is forgotten.
 *
 * On CPU 0, hot; sizes as they are: the loader copies the program's pages. Not measured: another CPU, reading the
 * program from anywhere but memory, many threads.
 */
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/time.h"

#define SAMPLES_MOST 100u
#define SETTLE_MICROSECONDS 200

static _Noreturn void live_and_die(void)
{
    uint64_t first = weft_timestamp();
    struct bench_shared *shared = bench_shared();
    shared->stamps[0] = first;
    weft_store64_release(&shared->stamps[1], weft_timestamp());
    weft_exit(0);
}
BENCH_ROLE("mayfly", live_and_die);

static _Noreturn void sleep_on(void)
{
    for (;;) {
        (void)weft_sleep(~0ull >> 1);
    }
}
BENCH_ROLE("dormouse", sleep_on);

static uint64_t forget(struct bench_loop *loop, const struct bench_partner *partner)
{
    uint64_t bits;
    loop->failed |= (uint64_t)weft_notification_wait(partner->ended, 0, &bits);
    loop->failed |= (uint64_t)weft_cap_delete(partner->process);
    uint64_t after = weft_timestamp();
    loop->failed |= (uint64_t)weft_cap_delete(partner->ended);
    return after;
}

static uint64_t started[2 * SAMPLES_MOST], ended[2 * SAMPLES_MOST];

static void loop_create(struct bench_loop *loop)
{
    struct bench_shared *shared = bench_shared();
    struct weft_grant grants[] = {{"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0}};
    for (uint64_t i = 0; i < loop->total; i++) {
        struct bench_partner partner;
        uint64_t before = weft_timestamp();
        bench_partner_start(&partner, "mayfly", 0, grants, 1);
        uint64_t after = forget(loop, &partner);
        loop->samples[i] = after - before;
        started[i] = shared->stamps[0] - before;
        ended[i] = after - shared->stamps[1];
    }
}

static void loop_kill(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        struct bench_partner partner;
        bench_partner_start(&partner, "dormouse", 0, NULL, 0);
        weft_sleep_for(SETTLE_MICROSECONDS);
        uint64_t before = weft_timestamp();
        loop->failed |= (uint64_t)weft_process_kill(partner.process);
        loop->samples[i] = forget(loop, &partner) - before;
    }
}

static void report(const char *name, struct bench_loop *loop, const uint64_t *samples)
{
    for (uint64_t i = 0; i < loop->total && samples != NULL; i++) {
        loop->samples[i] = samples[i];
    }
    bench_correct(loop, 1);
    bench_report(name, loop, "\"cpu\":0");
}

static void process(void)
{
    struct bench_loop create = {0}, kill = {0};
    uint64_t warmup = bench_options.warmup;
    uint64_t samples = bench_options.samples < SAMPLES_MOST ? bench_options.samples : SAMPLES_MOST;
    bench_options.warmup = warmup < SAMPLES_MOST / 10 ? warmup : SAMPLES_MOST / 10;
    stamps_clear();
    bench_measure(&create, "process.create", 0, samples, loop_create);
    report("process.create", &create, NULL);
    report("process.start", &create, started);
    report("process.end", &create, ended);
    stamps_clear();
    bench_measure(&kill, "process.kill", 0, samples, loop_kill);
    report("process.kill", &kill, NULL);
    bench_options.warmup = warmup;
}
BENCHMARK("process", process);
