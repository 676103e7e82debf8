/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.pipeline: how long is a client away whose server asks a server that asks a server?
 * ipc.pipeline.stage: what does one stage of that cost?
 *
 * Timed: the round trip of ipc_call to the first of 1, 2, 4 or 8 server processes. Each adds one to a word
 * and calls the next one before it answers; the last one answers at once. Client on CPU 0; the servers
 * all on CPU 0 (`server_cpus` 1), or one after the other on CPUs 1, 2, ..., 0, 1, ... (`server_cpus`: how many
 * there are). The second record holds the samples divided by the number of servers. Hot. Not
 * measured: work in the servers, several requests at once.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"

#define STAGES_MAX 8

static _Noreturn void serve(void)
{
    uint64_t endpoint = weft_capability("endpoint"), next = weft_capability("next");
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        if (weft_ipc_reply_receive(endpoint, &message, &badge) != STATUS_OK) {
            weft_fail("a stage cannot receive");
        }
        message.words[0]++;
        if (next != 0 && weft_ipc_call(next, &message) != STATUS_OK) {
            weft_fail("a stage cannot ask the next one");
        }
    }
}
BENCH_ROLE("stage", serve);

static void loop_calls(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(loop->handles[0], &message);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed | (message.words[0] != loop->total * loop->argument);
}

static void report(struct bench_loop *loop, uint32_t stages, uint32_t cpus)
{
    char params[48];
    weft_format(params, sizeof(params), "\"stages\":%u,\"server_cpus\":%u", stages, cpus);
    bench_correct(loop, 1);
    bench_report("ipc.pipeline", loop, params);
    for (uint64_t i = 0; i < loop->total; i++) {
        loop->samples[i] = (loop->samples[i] + stages / 2) / stages;
    }
    bench_report("ipc.pipeline.stage", loop, params);
}

static void measure(uint32_t stages, uint32_t cpus)
{
    struct bench_partner servers[STAGES_MAX];
    uint64_t endpoints[STAGES_MAX];
    for (uint32_t i = 0; i < stages; i++) {
        endpoints[i] = bench_endpoint((i + 1) % cpus);
    }
    for (uint32_t i = 0; i < stages; i++) {
        struct weft_grant grants[] = {
            {"endpoint", endpoints[i], RIGHT_READ, 0},
            {"next", i + 1 < stages ? endpoints[i + 1] : 0, RIGHT_WRITE, 0},
        };
        bench_partner_start(&servers[i], "stage", (i + 1) % cpus, grants, i + 1 < stages ? 2 : 1);
    }
    struct bench_loop loop = {.handles = {endpoints[0]}, .argument = stages};
    bench_measure(&loop, "ipc.pipeline", 0, bench_options.samples, loop_calls);
    report(&loop, stages, cpus);
    for (uint32_t i = 0; i < stages; i++) {
        bench_partner_end(&servers[i]);
        (void)weft_cap_delete(endpoints[i]);
    }
}

static void ipc_pipeline(void)
{
    for (uint32_t stages = 1; stages <= STAGES_MAX; stages *= 2) {
        measure(stages, 1);
        if (bench_options.cpu_count > 1) {
            measure(stages, bench_options.cpu_count);
        }
    }
}
BENCHMARK("ipc.pipeline", ipc_pipeline);
