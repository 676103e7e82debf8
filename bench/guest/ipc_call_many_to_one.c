/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.many_to_one: how long is a client away whose server others call as well?
 * ipc.call.many_to_one.share: what is one call's share of the server's time then?
 *
 * Timed: as ipc.call.cross_core, by clients on CPUs 1, 2, ... at the same time, one on each; the server
 * is on CPU 0. 1, 2, 4, ... and as many clients as there are CPUs left. All begin together, and each goes
 * on calling until the last one has its samples. The endpoint serves them in turn, so while
 * one of them waits each other one is served once: the samples divided by the number of clients are
 * the interval between two answers, the inverse of the server's throughput; in icount mode, where the
 * clock counts the work of all, they are the work for one call. Needs two CPUs; with one there is no figure.
 */
#include "crew.h"
#include "ipc_call.h"

#include "weft/print.h"

static void run_client(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0, calls = loop->total;
    crew_begin();
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(loop->handles[0], &message);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    for (crew_finish(); crew_working(); calls++) {
        failed |= (uint64_t)weft_ipc_call(loop->handles[0], &message);
    }
    loop->argument = calls;
    loop->failed = failed | (message.words[0] != calls);
}

static void measure(struct call_server *server, uint32_t clients)
{
    char params[64];
    crew_open("ipc.call.many", clients, bench_options.samples);
    for (uint32_t i = 0; i < clients; i++) {
        crew_member(i)->cpu = i + 1;
        crew_member(i)->loop.handles[0] = server->endpoint;
    }
    crew_measure(run_client);
    weft_format(params, sizeof(params), "\"server_cpu\":%u,\"clients\":%u", server->cpu, clients);
    crew_report("ipc.call.many_to_one", 1, params);
    crew_report("ipc.call.many_to_one.share", clients, params);
    for (uint32_t i = 0; i < clients; i++) {
        crew_member(i)->loop.total = crew_member(i)->loop.argument;
        bench_report_calls("ipc.call.many_to_one", &crew_member(i)->loop, i + 1, server->cpu);
    }
    crew_close();
}

static void ipc_call_many_to_one(void)
{
    uint32_t most = bench_options.cpu_count - 1 < CREW_MAX ? bench_options.cpu_count - 1 : CREW_MAX;
    struct call_server server;
    if (most == 0) {
        return;
    }
    call_server_start(&server, 0);
    for (uint32_t clients = 1; clients < most; clients *= 2) {
        measure(&server, clients);
    }
    measure(&server, most);
    call_server_end(&server);
}
BENCHMARK("ipc.call.many_to_one", ipc_call_many_to_one);
