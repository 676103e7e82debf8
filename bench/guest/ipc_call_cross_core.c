/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.cross_core: how long is a client away that asks a server on another CPU?
 *
 * Timed: the whole round trip of ipc_call with four words, client on CPU 0, server process and
 * endpoint on CPU 1, the stubs of both sides included; hot. Between two calls the client goes on at
 * once, so the server's CPU has been idle for less than a round trip: whether it still polls or
 * already sleeps is the kernel's choice. Not measured: work in the server, other load on the CPUs,
 * a CPU that has slept for long. Needs two CPUs; with one there is no figure.
 */
#include "ipc_call.h"

static void ipc_call_cross_core(void)
{
    if (bench_options.cpu_count < 2) {
        return;
    }
    struct call_server server;
    call_server_start(&server, 1);
    call_measure("ipc.call.cross_core", &server, 0, bench_options.samples);
    call_server_end(&server);
}
BENCHMARK("ipc.call.cross_core", ipc_call_cross_core);
