/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.pairs: how long is a client away when all CPUs talk in pairs at the same time?
 * ipc.call.pairs.share: what does one call cost then?
 *
 * Timed: as ipc.call.cross_core, by all clients at once: a client on every even CPU calls a server of
 * its own on the next CPU. All begin together; the record holds the samples of all clients. The
 * second record holds the same samples divided by the number of pairs. Where CPUs take turns (icount
 * mode), a round trip passes while every other pair makes one as well and its clock counts the work
 * of all; the share is then the work for one call, which is what may be compared between machines
 * of different size. Needs two CPUs; with one there is no figure.
 *
 * ipc.call.busy: how long is a client away when every CPU has a pair of its own?
 * ipc.call.busy.share: the same divided by the number of CPUs: time per call of the whole machine.
 *
 * Timed: as ipc.call.same_core, on every CPU (32 at most) at once. No message leaves its CPU, so what is more than on one
 * CPU is what CPUs cost each other inside the kernel: nothing, unless they share something.
 */
#include "ipc_call.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"

#define PAIRS_MAX 127
#define BUSY_MAX 32 /* servers for whose handles there is room beside all others */
#define ROOM_BASE (WEFT_FREE_BASE + (WEFT_FREE_TOP - WEFT_FREE_BASE) / 2)

struct pair {
    struct call_server server;
    struct bench_loop loop;
    uint32_t client_cpu, server_cpu;
};

static struct pair pairs[PAIRS_MAX];
static uint32_t pair_count;
static uint32_t arrived; /* atomic: clients that are ready to begin */

/* As call_loop(), with many calls to a sample: for loads that last. */
static void call_loop_batched(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (uint64_t call = 0; call < bench_options.batch; call++) {
            failed |= (uint64_t)weft_ipc_call(loop->handles[0], &message);
        }
        loop->samples[i] = weft_timestamp() - before;
    }
    loop->failed = failed | (message.words[0] != loop->total * bench_options.batch);
}

static void run_client(void *argument)
{
    struct pair *pair = argument;
    weft_fetch_add(&arrived, 1);
    while (weft_load_acquire(&arrived) < pair_count) {
        weft_pause();
    }
    if (bench_options.batch > 1) {
        call_loop_batched(&pair->loop);
    } else {
        call_loop(&pair->loop);
    }
}

static void measure_all(const char *name)
{
    struct weft_group group;
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("%s: no notification for the threads", name);
    }
    for (uint32_t i = 0; i < pair_count; i++) {
        if (weft_thread_start_id(&group, name, pairs[i].client_cpu, WEFT_PRIORITY_DEFAULT,
                                 run_client, &pairs[i], &pairs[i].loop.thread_id) != STATUS_OK) {
            weft_fail("%s: no thread on CPU %u", name, pairs[i].client_cpu);
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < pair_count; i++) {
        if (pairs[i].loop.failed != 0) {
            weft_fail("%s: a system call in the loop failed", name);
        }
    }
}

static uint64_t room_pages(uint64_t words)
{
    return (words * sizeof(uint64_t) + WEFT_PAGE_SIZE - 1) / WEFT_PAGE_SIZE;
}

/* Memory for the samples of all clients and once more for those that count; touched already. */
static uint64_t *open_room(uint64_t words)
{
    uint64_t pages = room_pages(words);
    uint64_t handle;
    if (weft_memory_create(pages, &handle) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, handle, ROOM_BASE, 0, pages, RIGHT_READ | RIGHT_WRITE) !=
            STATUS_OK ||
        weft_cap_delete(handle) != STATUS_OK) {
        weft_fail("ipc.call.pairs: no memory for %lu samples", words);
    }
    memset((void *)ROOM_BASE, 0, words * sizeof(uint64_t));
    return (uint64_t *)ROOM_BASE;
}

/* Reports the samples of all clients, each divided by `operations`. `all` has room for them. */
static void report_all(const char *name, uint64_t *all, uint64_t operations)
{
    char params[64];
    uint64_t samples = bench_options.samples;
    struct bench_loop loop = {
        .samples = all,
        .total = bench_options.warmup + pair_count * samples,
        .thread_id = pairs[0].loop.thread_id,
    };
    for (uint32_t i = 0; i < pair_count; i++) {
        memcpy(all + bench_options.warmup + i * samples,
               pairs[i].loop.samples + bench_options.warmup, samples * sizeof(uint64_t));
    }
    bench_correct(&loop, operations);
    weft_format(params, sizeof(params), "\"pairs\":%u", pair_count);
    bench_report(name, &loop, params);
}

/* `pair_count` pairs, the client and the server of each so far apart. */
static void measure_pairs(const char *name, const char *share, uint32_t cpus, uint32_t apart)
{
    uint64_t total = bench_options.warmup + bench_options.samples;
    uint64_t *room = open_room(2 * pair_count * total);
    arrived = 0;
    for (uint32_t i = 0; i < pair_count; i++) {
        pairs[i].client_cpu = cpus * i;
        pairs[i].server_cpu = cpus * i + apart;
        call_server_start(&pairs[i].server, pairs[i].server_cpu);
        pairs[i].loop = (struct bench_loop){
            .samples = room + i * total,
            .total = total,
            .handles = {pairs[i].server.endpoint},
        };
    }
    measure_all(name);
    for (uint32_t i = 0; i < pair_count && bench_options.batch == 1; i++) {
        bench_trace_samples(&pairs[i].loop);
    }
    report_all(name, room + pair_count * total, bench_options.batch);
    report_all(share, room + pair_count * total, pair_count * bench_options.batch);
    for (uint32_t i = 0; i < pair_count; i++) {
        pairs[i].loop.total *= bench_options.batch;
        bench_report_calls(name, &pairs[i].loop, pairs[i].client_cpu, pairs[i].server_cpu);
        call_server_end(&pairs[i].server);
    }
    (void)weft_memory_unmap(HANDLE_SELF, ROOM_BASE, room_pages(2 * pair_count * total));
}

static uint32_t pairs_with(uint32_t cpus)
{
    uint32_t count = bench_options.cpu_count / cpus;
    return count < PAIRS_MAX ? count : PAIRS_MAX;
}

static void ipc_call_pairs(void)
{
    pair_count = pairs_with(2);
    if (pair_count != 0) {
        measure_pairs("ipc.call.pairs", "ipc.call.pairs.share", 2, 1);
    }
}
BENCHMARK("ipc.call.pairs", ipc_call_pairs);

static void ipc_call_busy(void)
{
    pair_count = pairs_with(1) < BUSY_MAX ? pairs_with(1) : BUSY_MAX;
    measure_pairs("ipc.call.busy", "ipc.call.busy.share", 1, 0);
}
BENCHMARK("ipc.call.busy", ipc_call_busy);
