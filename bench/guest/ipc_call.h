/* SPDX-License-Identifier: Apache-2.0
 *
 * One client and one server process that call and answer; the questions about ipc_call differ in the
 * CPUs only.
 */
#pragma once

#include "bench.h"

struct call_server {
    struct bench_partner partner;
    uint64_t endpoint;
    uint32_t cpu;
};

void call_server_start(struct call_server *server, uint32_t cpu);
void call_server_end(struct call_server *server);

/* The client's loop: calls loop->handles[0] and stores the samples. */
void call_loop(struct bench_loop *loop);

/* Times `samples` calls from a thread on `client_cpu` to the server and prints the figure and the
 * number of messages. */
void call_measure(const char *name, struct call_server *server, uint32_t client_cpu,
                  uint64_t samples);
