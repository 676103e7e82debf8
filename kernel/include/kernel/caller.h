/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that a server holds: its call was delivered, and it waits for the answer.
 *
 * server->caller and client->server point at each other. The client is owned by the server's home
 * CPU for as long as it is held, and goes where the server goes; see kernel/thread.h.
 */
#pragma once

#include "kernel/thread.h"

/* A thread that waited for a message or an answer goes on at home with a status; where capabilities came,
 * by way of its process's CPU. `cause`: the id of who gave it, for the trace. The thread's owner; it is
 * in no queue, and nobody holds it any more. */
void caller_go_on(struct thread *thread, uint32_t cause, status_t status);

/* Takes its client from the server, which has one: the client gets back what is left of its time, and goes on
 * waiting. The server's home CPU. */
struct thread *caller_take(struct thread *server);

/* Lets the server's client go, with a status. The server's home CPU. */
void caller_release(struct thread *server, status_t status);

/* The server has come home, perhaps with a fresh client: that one is this CPU's now. */
void caller_arrived(struct thread *server);

/* The server moves to another CPU, and its client with it: the server's mail, which must follow, carries
 * both. */
void caller_follows(struct thread *server, cpu_t cpu);

/* The server has died: its client gets STATUS_DEAD. */
void caller_bereaved(struct thread *server);
