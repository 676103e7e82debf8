/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.same_core: how long is a client away that asks a server on its own CPU?
 *
 * Timed: the whole round trip of ipc_call with four words between two processes with address spaces
 * of their own, both on CPU 0, the stubs of both sides included; hot. Not measured: work in the
 * server, larger messages, several clients, a server that was not waiting yet.
 */
#include "ipc_call.h"

static void ipc_call_same_core(void)
{
    struct call_server server;
    call_server_start(&server, 0);
    call_measure("ipc.call.same_core", &server, 0, bench_options.samples);
    call_server_end(&server);
}
BENCHMARK("ipc.call.same_core", ipc_call_same_core);
