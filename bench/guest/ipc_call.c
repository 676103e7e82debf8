/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's and the server's loop behind all questions about ipc_call.
 *
 * Timed: from before the client's ipc_call stub to after it. The server adds one to the first word
 * and answers; the client checks at the end that every call was counted.
 */
#include "ipc_call.h"

#include "weft/print.h"
#include "weft/startup.h"

void call_loop(struct bench_loop *loop)
{
    struct weft_message message = {{0, 1, 2, 3}};
    uint64_t endpoint = loop->handles[0];
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(endpoint, &message);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed | (message.words[0] != loop->total) | (message.words[3] != 3);
}

static _Noreturn void serve(void)
{
    uint64_t endpoint = weft_capability("endpoint");
    struct weft_message message = {{0}};
    for (;;) {
        uint64_t badge;
        if (weft_ipc_reply_receive(endpoint, &message, &badge) != STATUS_OK) {
            weft_fail("the server cannot receive");
        }
        message.words[0]++;
    }
}
BENCH_ROLE("server", serve);

void call_server_start(struct call_server *server, uint32_t cpu)
{
    server->cpu = cpu;
    server->endpoint = bench_endpoint(cpu);
    struct weft_grant grants[] = {{"endpoint", server->endpoint, RIGHT_READ, 0}};
    bench_partner_start(&server->partner, "server", cpu, grants, 1);
}

void call_server_end(struct call_server *server)
{
    bench_partner_end(&server->partner);
    (void)weft_cap_delete(server->endpoint);
}

void call_measure(const char *name, struct call_server *server, uint32_t client_cpu,
                  uint64_t samples)
{
    char params[80];
    struct bench_loop loop = {.handles = {server->endpoint}};
    bench_measure(&loop, name, client_cpu, samples, call_loop);
    bench_trace_samples(&loop);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"client_cpu\":%u,\"server_cpu\":%u,\"server_thread\":%u",
                client_cpu, server->cpu, server->partner.thread_id);
    bench_report(name, &loop, params);
    bench_report_calls(name, &loop, client_cpu, server->cpu);
}
