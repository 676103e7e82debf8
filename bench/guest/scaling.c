/* SPDX-License-Identifier: Apache-2.0
 *
 * Does what CPUs do for themselves cost more when all of them do it at once?
 *
 * scaling.syscall: null system calls on 1, 2, 4, ... up to all CPUs at the same time.
 * scaling.call: calls from a client thread to a server thread on the same CPU, on so many CPUs.
 * scaling.syscall.share, scaling.call.share: the time from the first one's begin to the last one's end, divided
 *     by the operations of all: what an operation of the whole machine takes, the inverse of the throughput.
 *
 * Timed: BATCH operations to a sample, divided by BATCH; for the share all samples of all CPUs, ROUNDS times. In
 * icount mode the share is the work for one operation, which should not depend on the CPUs. In the parallel
 * modes the share with one CPU divided by that with `cpus` is the speed-up, as far as the host has so many
 * cores. Parameters: cpus, those that work. Not measured: traffic between CPUs (ipc.call.pairs).
 */
#include "crew.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define BATCH 64u
#define ROUNDS 9u
#define SAMPLES_MOST 64u
#define STOP 1

struct span {
    uint64_t begin, end;
};

static struct span spans[CREW_MAX];
static uint64_t endpoints[CREW_MAX];

static void serve(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge, endpoint = *(uint64_t *)argument;
    while (weft_ipc_reply_receive(endpoint, &message, &badge) == STATUS_OK &&
           message.words[0] != STOP) {
    }
    (void)weft_ipc_reply(&message, NULL);
}

/* loop->argument: which member it is. */
static void loop_syscall(struct bench_loop *loop)
{
    crew_begin();
    spans[loop->argument].begin = weft_timestamp();
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (unsigned call = 0; call < BATCH; call++) {
            loop->failed |= (uint64_t)weft_null();
        }
        loop->samples[i] = weft_timestamp() - before;
    }
    spans[loop->argument].end = weft_timestamp();
}

static void loop_call(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    crew_begin();
    spans[loop->argument].begin = weft_timestamp();
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (unsigned call = 0; call < BATCH; call++) {
            loop->failed |= (uint64_t)weft_ipc_call(loop->handles[0], &message);
        }
        loop->samples[i] = weft_timestamp() - before;
    }
    spans[loop->argument].end = weft_timestamp();
}

/* From the first one's begin to the last one's end. */
static uint64_t elapsed(uint32_t cpus)
{
    uint64_t begin = spans[0].begin, end = spans[0].end;
    for (uint32_t i = 1; i < cpus; i++) {
        begin = spans[i].begin < begin ? spans[i].begin : begin;
        end = spans[i].end > end ? spans[i].end : end;
    }
    return end - begin;
}

static void measure(const char *name, const char *share, uint32_t cpus, bench_loop_function *loop)
{
    static uint64_t rounds[BENCH_SAMPLES_MAX];
    char params[32];
    uint64_t samples = bench_options.samples < SAMPLES_MOST ? bench_options.samples : SAMPLES_MOST;
    uint64_t operations = (bench_options.warmup + samples) * BATCH * cpus;
    struct bench_loop joint = {.samples = rounds, .total = bench_options.warmup + ROUNDS};
    weft_format(params, sizeof(params), "\"cpus\":%u", cpus);
    crew_open(name, cpus, samples);
    for (uint32_t i = 0; i < cpus; i++) {
        struct crew_member *member = crew_member(i);
        member->cpu = i;
        member->loop.argument = i;
        member->loop.handles[0] = endpoints[i];
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        crew_measure(loop);
        rounds[bench_options.warmup + round] = (elapsed(cpus) + operations / 2) / operations;
    }
    joint.thread_id = crew_member(0)->loop.thread_id;
    crew_report(name, BATCH, params);
    crew_close();
    bench_report(share, &joint, params);
}

static void scaling_syscall(void)
{
    for (uint32_t cpus = 1; cpus != 0 && cpus <= CREW_MAX; cpus = bench_cpus_after(cpus)) {
        measure("scaling.syscall", "scaling.syscall.share", cpus, loop_syscall);
    }
}
BENCHMARK("scaling.syscall", scaling_syscall);

static void scaling_call(void)
{
    uint32_t all = bench_options.cpu_count < CREW_MAX ? bench_options.cpu_count : CREW_MAX;
    struct weft_message stop = {{STOP}};
    struct weft_group group;
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("scaling.call: no notification is left");
    }
    for (uint32_t i = 0; i < all; i++) {
        endpoints[i] = bench_endpoint(i);
        if (weft_thread_start(&group, "server", i, WEFT_PRIORITY_DEFAULT, serve, &endpoints[i]) !=
            STATUS_OK) {
            weft_fail("scaling.call: no thread on CPU %u", i);
        }
    }
    for (uint32_t cpus = 1; cpus != 0 && cpus <= CREW_MAX; cpus = bench_cpus_after(cpus)) {
        measure("scaling.call", "scaling.call.share", cpus, loop_call);
    }
    for (uint32_t i = 0; i < all; i++) {
        (void)weft_ipc_call(endpoints[i], &stop);
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < all; i++) {
        (void)weft_cap_delete(endpoints[i]);
    }
}
BENCHMARK("scaling.call", scaling_call);
