/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.halted_target: how long is a client away whose server's CPU has halted?
 *
 * Timed: as ipc.call.cross_core, but before each call the client sleeps GAP_MICROSECONDS, five times as long
 * as an idle CPU polls at most before it halts. So the call begins with a doorbell and a wake-up of CPU 1,
 * unless the machine was started with idle=poll. What CPU 0 does until the answer comes is the kernel's
 * choice: it was just woken by its timer, and polls for a while or halts as well. ipc.call.cross_core is
 * the same with a CPU that is awake. Needs two CPUs; with one there is no figure.
 */
#include "ipc_call.h"

#include "weft/time.h"

#define GAP_MICROSECONDS 1000
#define SAMPLES_MAX 1000

static void loop_after_sleep(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        weft_sleep_for(GAP_MICROSECONDS);
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(loop->handles[0], &message);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed | (message.words[0] != loop->total);
}

static void ipc_call_halted(void)
{
    if (bench_options.cpu_count < 2) {
        return;
    }
    uint64_t samples = bench_options.samples < SAMPLES_MAX ? bench_options.samples : SAMPLES_MAX;
    struct call_server server;
    call_server_start(&server, 1);
    struct bench_loop loop = {.handles = {server.endpoint}};
    bench_measure(&loop, "ipc.call.halted", 0, samples, loop_after_sleep);
    call_report("ipc.call.halted_target", &loop, &server, 0, ",\"gap_us\":1000");
    call_server_end(&server);
}
BENCHMARK("ipc.call.halted_target", ipc_call_halted);
