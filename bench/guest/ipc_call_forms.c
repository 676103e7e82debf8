/* SPDX-License-Identifier: Apache-2.0
 *
 * What do the other forms of a call cost?
 *
 * ipc.call.timed: with a deadline that never comes. ipc.call.non_blocking: WEFT_IPC_NO_WAIT, and the
 * server waits. ipc.call.refused: the same where nobody waits, so that it ends with would_block.
 * ipc.call.timed_out: nobody waits, and the deadline of DEADLINE_MICROSECONDS comes.
 *
 * Timed: from before the stub of ipc_call_with to after it; of ipc.call.timed_out only what lies
 * behind the deadline: how late the client runs again. Four words, no bytes, no capabilities; compare
 * with ipc.call.bulk of 0 bytes, which is the same form without a condition, but for the server's. Client
 * on CPU 0, endpoint on CPU 0 and on CPU 1; hot. Not measured: work in the server.
 */
#include "ipc_call.h"

#include "weft/time.h"

#define DEADLINE_MICROSECONDS 100
#define FAR_MICROSECONDS 3600000000ull

/* Loops whose calls are answered. */
static inline __attribute__((always_inline)) void call_with(struct bench_loop *loop,
                                                            struct weft_ipc *ipc, status_t wanted)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call_with(loop->handles[0], &message, ipc);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)(status ^ wanted);
    }
    loop->failed = failed | (message.words[0] != (wanted == STATUS_OK ? loop->total : 0));
}

static void loop_timed(struct bench_loop *loop)
{
    struct weft_ipc ipc = {.deadline = weft_deadline(FAR_MICROSECONDS)};
    call_with(loop, &ipc, STATUS_OK);
}

static void loop_non_blocking(struct bench_loop *loop)
{
    struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};
    call_with(loop, &ipc, STATUS_OK);
}

static void loop_refused(struct bench_loop *loop)
{
    struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};
    call_with(loop, &ipc, STATUS_WOULD_BLOCK);
}

static void loop_timed_out(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        struct weft_ipc ipc = {.deadline = weft_deadline(DEADLINE_MICROSECONDS)};
        status_t status = weft_ipc_call_with(loop->handles[0], &message, &ipc);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - ipc.deadline;
        failed |= (uint64_t)(status ^ STATUS_TIMED_OUT) | (after < ipc.deadline);
    }
    loop->failed = failed;
}

/* One call that waits: when it is answered, the server is there. */
static void meet(const struct call_server *server)
{
    struct weft_message message = {{0}};
    if (weft_ipc_call(server->endpoint, &message) != STATUS_OK) {
        weft_fail("ipc.call.forms: the server does not answer");
    }
}

/* Without a server `role` is NULL. */
static void measure(const char *name, const char *role, bench_loop_function *function)
{
    for (uint32_t cpu = 0; cpu < call_places(); cpu++) {
        struct call_server server = {.cpu = cpu};
        if (role != NULL) {
            call_server_start_as(&server, role, cpu);
            meet(&server);
        } else {
            server.endpoint = bench_endpoint(cpu);
        }
        struct bench_loop loop = {.handles = {server.endpoint}};
        bench_measure(&loop, "ipc.call.forms", 0, bench_options.samples, function);
        if (role != NULL) {
            call_report(name, &loop, &server, 0, "");
            call_server_end(&server);
        } else {
            char params[CALL_PARAMS_MAX];
            bench_correct(&loop, 1);
            call_params(params, sizeof(params), &server, 0, "");
            bench_report(name, &loop, params);
            (void)weft_cap_delete(server.endpoint);
        }
    }
}

static void ipc_call_timed(void)
{
    measure("ipc.call.timed", "server", loop_timed);
}
BENCHMARK("ipc.call.timed", ipc_call_timed);

static void ipc_call_non_blocking(void)
{
    measure("ipc.call.non_blocking", "server", loop_non_blocking);
}
BENCHMARK("ipc.call.non_blocking", ipc_call_non_blocking);

static void ipc_call_refused(void)
{
    measure("ipc.call.refused", NULL, loop_refused);
}
BENCHMARK("ipc.call.refused", ipc_call_refused);

static void ipc_call_timed_out(void)
{
    measure("ipc.call.timed_out", NULL, loop_timed_out);
}
BENCHMARK("ipc.call.timed_out", ipc_call_timed_out);
