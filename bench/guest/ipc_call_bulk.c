/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.bulk: what does a call cost that takes bytes along?
 * ipc.call.bulk.per_kib: what does a KiB cost, in calls of that size?
 *
 * Timed: the round trip of ipc_call_with whose message carries 0 to 4096 bytes from the client's
 * memory into the server's, and whose answer is words. The kernel copies them once. The second record
 * holds the same samples times 1024 and divided by the bytes: what a stream of such calls pays for its
 * data. 0 bytes is the price of the form. Client on CPU 0, server on CPU 0 and on CPU 1; two
 * processes; hot, the same pages each time. Not measured: work with the bytes, data that is in no cache.
 */
#include "ipc_call.h"

#include "weft/print.h"

static uint8_t source[IPC_BYTES_MAX];

static void loop_bulk(struct bench_loop *loop)
{
    struct weft_ipc ipc = {
        .send_address = (uint64_t)source,
        .send_bytes = (uint32_t)loop->argument,
    };
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call_with(loop->handles[0], &message, &ipc);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed | (message.words[0] != loop->total) |
                   (message.words[1] != loop->total * loop->argument);
}

static void measure(struct call_server *server, uint32_t bytes)
{
    char more[24], params[CALL_PARAMS_MAX];
    struct bench_loop loop = {.handles = {server->endpoint}, .argument = bytes};
    bench_measure(&loop, "ipc.call.bulk", 0, bench_options.samples, loop_bulk);
    weft_format(more, sizeof(more), ",\"bytes\":%u", bytes);
    call_report("ipc.call.bulk", &loop, server, 0, more);
    if (bytes == 0) {
        return;
    }
    for (uint64_t i = 0; i < loop.total; i++) {
        loop.samples[i] = (loop.samples[i] * 1024 + bytes / 2) / bytes;
    }
    call_params(params, sizeof(params), server, 0, more);
    bench_report("ipc.call.bulk.per_kib", &loop, params);
}

static void ipc_call_bulk(void)
{
    static const uint32_t sizes[] = {0, 64, 256, 1024, IPC_BYTES_MAX};
    for (uint32_t cpu = 0; cpu < call_places(); cpu++) {
        struct call_server server;
        call_server_start_as(&server, "carrier", cpu);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            measure(&server, sizes[i]);
        }
        call_server_end(&server);
    }
}
BENCHMARK("ipc.call.bulk", ipc_call_bulk);
