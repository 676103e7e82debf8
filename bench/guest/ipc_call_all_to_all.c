/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.all_to_all: how long is a client away when every CPU calls every CPU?
 * ipc.call.all_to_all.share: what does one call cost then?
 *
 * Timed: a client and a server on each CPU; each client calls the servers in turn, the one on its own CPU
 * too, beginning with the next CPU's; all at once, and each goes on until the last one has its
 * samples. A server may be busy with another client, and a client's CPU with serving. The second
 * record holds the samples divided by the number of CPUs: how often somebody gets an answer, and in
 * icount mode, where the clock counts the work of all, the work for one call, in the middle of the
 * two kinds. Of a machine with more than BENCH_CPUS_MAX CPUs the first ones take part. Needs two
 * CPUs; with one there is no figure.
 */
#include "crew.h"
#include "ipc_call.h"

#include "weft/print.h"

static struct call_server servers[BENCH_CPUS_MAX];
static uint32_t cpus;

/* The loop's argument is the client's CPU. */
static void run_client(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint32_t target = (uint32_t)loop->argument;
    uint64_t failed = 0, calls = 0;
    crew_begin();
    for (_Bool finished = 0; !finished || crew_working(); calls++) {
        target = target + 1 == cpus ? 0 : target + 1;
        uint64_t endpoint = servers[target].endpoint;
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(endpoint, &message);
        uint64_t after = weft_timestamp();
        failed |= (uint64_t)status;
        if (calls < loop->total) {
            loop->samples[calls] = after - before;
        } else if (!finished) {
            finished = 1;
            crew_finish();
        }
    }
    loop->failed = failed | (message.words[0] != calls);
}

static void ipc_call_all_to_all(void)
{
    char params[32];
    cpus = bench_options.cpu_count < BENCH_CPUS_MAX ? bench_options.cpu_count : BENCH_CPUS_MAX;
    if (cpus < 2) {
        return;
    }
    crew_open("ipc.call.all", cpus, bench_options.samples);
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        call_server_start(&servers[cpu], cpu);
        crew_member(cpu)->cpu = cpu;
        crew_member(cpu)->loop.argument = cpu;
    }
    crew_measure(run_client);
    weft_format(params, sizeof(params), "\"clients\":%u,\"servers\":%u", cpus, cpus);
    crew_report("ipc.call.all_to_all", 1, params);
    crew_report("ipc.call.all_to_all.share", cpus, params);
    crew_close();
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        call_server_end(&servers[cpu]);
    }
}
BENCHMARK("ipc.call.all_to_all", ipc_call_all_to_all);
