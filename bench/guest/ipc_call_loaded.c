/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.loaded_target: how long is a client away whose server's CPU is computing for others?
 *
 * Timed: as ipc.call.cross_core, while a thread of another process computes on the server's CPU and never
 * waits: with a lower priority than the server, which then takes the CPU from it, and with the
 * same one, where the server waits until the others' time slices are over (timeslice_us, 10 ms by
 * default; a few samples only). In icount mode what the load computes until it is interrupted is in the
 * figure, as all CPUs' work is. The CPU is awake, and interrupted by a doorbell at each call. Needs
 * two CPUs; with one there is no figure.
 */
#include "ipc_call.h"
#include "load.h"

#include "weft/print.h"
#include "weft/thread.h"

#define SLOW_SAMPLES_MAX 20
#define SLOW_WARMUP_MAX 2

static void measure(struct call_server *server, const char *load, uint32_t priority,
                    uint64_t samples)
{
    char more[24];
    struct bench_loop loop = {.handles = {server->endpoint}};
    load_start(server->cpu, priority);
    bench_measure(&loop, "ipc.call.loaded", 0, samples, call_loop);
    load_end();
    weft_format(more, sizeof(more), ",\"load\":\"%s\"", load);
    call_report("ipc.call.loaded_target", &loop, server, 0, more);
}

static void ipc_call_loaded(void)
{
    struct call_server server;
    struct bench_options asked = bench_options;
    if (bench_options.cpu_count < 2) {
        return;
    }
    call_server_start(&server, 1);
    measure(&server, "lower", LOAD_PRIORITY_LOW, bench_options.samples);
    if (bench_options.warmup > SLOW_WARMUP_MAX) {
        bench_options.warmup = SLOW_WARMUP_MAX;
    }
    measure(&server, "equal", WEFT_PRIORITY_DEFAULT,
            asked.samples < SLOW_SAMPLES_MAX ? asked.samples : SLOW_SAMPLES_MAX);
    bench_options.warmup = asked.warmup;
    call_server_end(&server);
}
BENCHMARK("ipc.call.loaded_target", ipc_call_loaded);
