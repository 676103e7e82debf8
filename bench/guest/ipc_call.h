/* SPDX-License-Identifier: Apache-2.0
 *
 * A client and a server process that call and answer: what the questions about ipc_call share. They
 * differ in the CPUs, in the form of the call, and in what it carries.
 */
#pragma once

#include <stddef.h>

#include "bench.h"

struct call_server {
    struct bench_partner partner;
    uint64_t endpoint;
    uint32_t cpu;
};

/* How many places for a server are worth a figure: CPU 0, where the client is, and CPU 1 if there is one. */
uint32_t call_places(void);

/* "server" takes words only, with ipc_reply_receive; it adds one to word 0. "carrier" takes whatever
 * a message can carry, with ipc_reply_receive_with: see carry(). */
void call_server_start(struct call_server *server, uint32_t cpu);
void call_server_start_as(struct call_server *server, const char *role, uint32_t cpu);
void call_server_end(struct call_server *server);

/* The client's loop: calls loop->handles[0] and stores the samples. */
void call_loop(struct bench_loop *loop);

/* Who called whom (a server without thread is none), as parameters of a record, and `more` of them (such as `,"words":4`). */
#define CALL_PARAMS_MAX 128
void call_params(char *out, size_t size, const struct call_server *server, uint32_t client_cpu,
                 const char *more);

/* Corrects and prints what a loop of calls measured, one call per sample, and the number of messages. */
void call_report(const char *name, struct bench_loop *loop, const struct call_server *server,
                 uint32_t client_cpu, const char *more);

/* Times `samples` calls from a thread on `client_cpu` to the server and prints the figure and the
 * number of messages. */
void call_measure(const char *name, struct call_server *server, uint32_t client_cpu,
                  uint64_t samples);
