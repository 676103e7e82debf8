/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.same_process: what does a call between two threads of one process cost?
 *
 * Timed: as ipc.call.same_core and ipc.call.cross_core, with a server that is another thread of the
 * client's own process, on CPU 0 and on CPU 1: no address space is changed. Not measured: work in the
 * server, other ways in which threads of one process can talk.
 */
#include "ipc_call.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

/* Until the endpoint is gone. */
static void serve(void *argument)
{
    struct call_server *server = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    while (weft_ipc_reply_receive(server->endpoint, &message, &badge) == STATUS_OK) {
        message.words[0]++;
    }
}

static void ipc_call_same_process(void)
{
    struct weft_group group;
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("ipc.call.same_process: no notification is left");
    }
    for (uint32_t cpu = 0; cpu < call_places(); cpu++) {
        struct call_server server = {.endpoint = bench_endpoint(cpu), .cpu = cpu};
        struct bench_loop loop = {.handles = {server.endpoint}};
        if (weft_thread_start_id(&group, "server", cpu, WEFT_PRIORITY_DEFAULT, serve, &server,
                                 &server.partner.thread_id) != STATUS_OK) {
            weft_fail("ipc.call.same_process: no thread is left");
        }
        bench_measure(&loop, "ipc.call.same_pr", 0, bench_options.samples, call_loop);
        (void)weft_cap_delete(server.endpoint);
        weft_group_wait(&group);
        call_report("ipc.call.same_process", &loop, &server, 0, "");
    }
    weft_group_close(&group);
}
BENCHMARK("ipc.call.same_process", ipc_call_same_process);
