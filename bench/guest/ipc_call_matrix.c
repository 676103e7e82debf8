/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.matrix: does it matter which two CPUs talk?
 *
 * Timed: as ipc.call.cross_core, for every pair of client and server CPU (the same CPU twice
 * included), one pair after the other, each pair its own record. All servers exist all the time and
 * wait. Of a machine with more than BENCH_CPUS_MAX CPUs the first ones are measured.
 */
#include "ipc_call.h"

#define MATRIX_SAMPLES_MAX 1000

static void ipc_call_matrix(void)
{
    static struct call_server servers[BENCH_CPUS_MAX];
    uint32_t cpus =
        bench_options.cpu_count < BENCH_CPUS_MAX ? bench_options.cpu_count : BENCH_CPUS_MAX;
    uint64_t samples =
        bench_options.samples < MATRIX_SAMPLES_MAX ? bench_options.samples : MATRIX_SAMPLES_MAX;
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        call_server_start(&servers[cpu], cpu);
    }
    for (uint32_t client = 0; client < cpus; client++) {
        for (uint32_t server = 0; server < cpus; server++) {
            call_measure("ipc.call.matrix", &servers[server], client, samples);
        }
    }
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        call_server_end(&servers[cpu]);
    }
}
BENCHMARK("ipc.call.matrix", ipc_call_matrix);
