/* SPDX-License-Identifier: Apache-2.0
 *
 * The clients' and the servers' loops behind the questions about ipc_call.
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

/* A server for all that a message can carry. It tells the client in words 1 and 2 how many bytes and
 * capabilities have come in all, and sends back as many bytes as word 3 asks for. */
static _Noreturn void carry(void)
{
    static uint8_t bytes[IPC_BYTES_MAX];
    uint64_t endpoint = weft_capability("endpoint");
    struct weft_message message = {{0}};
    struct weft_ipc ipc = {
        .send_address = (uint64_t)bytes,
        .receive_address = (uint64_t)bytes,
        .receive_bytes = sizeof(bytes),
        .receive_count = IPC_HANDLES_MAX,
    };
    for (;;) {
        uint64_t badge;
        status_t status = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        if (status < 0) {
            weft_fail("the server cannot receive: status %ld", status);
        }
        for (uint32_t i = 0; i < WEFT_IPC_HANDLES(status); i++) {
            if (weft_cap_delete(ipc.receive_handles[i]) != STATUS_OK) {
                weft_fail("the server was given no capability");
            }
        }
        message.words[0]++;
        message.words[1] += WEFT_IPC_BYTES(status);
        message.words[2] += WEFT_IPC_HANDLES(status);
        ipc.send_bytes = (uint32_t)message.words[3];
    }
}
BENCH_ROLE("carrier", carry);

uint32_t call_places(void)
{
    return bench_options.cpu_count < 2 ? 1 : 2;
}

void call_server_start_as(struct call_server *server, const char *role, uint32_t cpu)
{
    server->cpu = cpu;
    server->endpoint = bench_endpoint(cpu);
    struct weft_grant grants[] = {{"endpoint", server->endpoint, RIGHT_READ, 0}};
    bench_partner_start(&server->partner, role, cpu, grants, 1);
}

void call_server_start(struct call_server *server, uint32_t cpu)
{
    call_server_start_as(server, "server", cpu);
}

void call_server_end(struct call_server *server)
{
    bench_partner_end(&server->partner);
    (void)weft_cap_delete(server->endpoint);
}

void call_params(char *out, size_t size, const struct call_server *server, uint32_t client_cpu,
                 const char *more)
{
    uint32_t thread = server->partner.thread_id;
    size_t length =
        weft_format(out, size, "\"client_cpu\":%u,\"server_cpu\":%u", client_cpu, server->cpu);
    if (thread != 0) {
        length += weft_format(out + length, size - length, ",\"server_thread\":%u", thread);
    }
    (void)weft_format(out + length, size - length, "%s", more);
}

void call_report(const char *name, struct bench_loop *loop, const struct call_server *server,
                 uint32_t client_cpu, const char *more)
{
    char params[CALL_PARAMS_MAX];
    bench_correct(loop, 1);
    call_params(params, sizeof(params), server, client_cpu, more);
    bench_report(name, loop, params);
    bench_report_calls(name, loop, client_cpu, server->cpu);
}

void call_measure(const char *name, struct call_server *server, uint32_t client_cpu,
                  uint64_t samples)
{
    struct bench_loop loop = {.handles = {server->endpoint}};
    bench_measure(&loop, name, client_cpu, samples, call_loop);
    bench_trace_samples(&loop);
    call_report(name, &loop, server, client_cpu, "");
}
