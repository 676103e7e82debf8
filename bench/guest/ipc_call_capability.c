/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.capability: what does a call cost that hands capabilities over?
 *
 * Timed: the round trip of ipc_call_with whose message gives the server 0, 1 or 4 copies of a
 * notification's capability with the right to signal it; the server deletes them before it answers.
 * So making, handing over and deleting of each copy is in it. Client on CPU 0, server on CPU 0 and
 * on CPU 1; two processes; hot. Not measured: use of the capability, a table that is nearly full.
 */
#include "ipc_call.h"

#include "weft/print.h"

static void loop_capability(struct bench_loop *loop)
{
    uint32_t count = (uint32_t)loop->argument;
    struct weft_ipc ipc = {.send_count = count};
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        ipc.send_handles[i] = (uint32_t)loop->handles[1];
        ipc.send_rights[i] = RIGHT_WRITE;
    }
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call_with(loop->handles[0], &message, &ipc);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed =
        failed | (message.words[0] != loop->total) | (message.words[2] != loop->total * count);
}

static void ipc_call_capability(void)
{
    static const uint32_t counts[] = {0, 1, IPC_HANDLES_MAX};
    uint64_t given = bench_notification(0);
    for (uint32_t cpu = 0; cpu < call_places(); cpu++) {
        struct call_server server;
        call_server_start_as(&server, "carrier", cpu);
        for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            char more[32];
            struct bench_loop loop = {.handles = {server.endpoint, given}, .argument = counts[i]};
            bench_measure(&loop, "ipc.call.cap", 0, bench_options.samples, loop_capability);
            weft_format(more, sizeof(more), ",\"capabilities\":%u", counts[i]);
            call_report("ipc.call.capability", &loop, &server, 0, more);
        }
        call_server_end(&server);
    }
    (void)weft_cap_delete(given);
}
BENCHMARK("ipc.call.capability", ipc_call_capability);
