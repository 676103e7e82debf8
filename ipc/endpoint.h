/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: synchronous call and answer. See ipc/endpoint.c for the theory of operation.
 */
#pragma once

#include "kernel/list.h"
#include "kernel/object.h"
#include "kernel/thread.h"

struct endpoint {
    struct object object;    /* first */
    struct list receivers;   /* (O) servers that wait for a message */
    struct list callers;     /* (O) clients that wait for a server */
    uint32_t readers;        /* (A) capabilities to receive, also those that cap_keep() counts */
    bool orphaned;           /* (O) none is left, and none can come: calls fail */
    struct mail orphan_mail; /* tells the owner that the last one went */
};

/* A capability to receive from this endpoint comes into being (false: the last has gone already,
 * for good), or went away. Any CPU. */
must_use bool endpoint_reader_add(struct object *object);
void endpoint_reader_removed(struct object *object);

/* Nobody can receive any more: all that wait get STATUS_DEAD. Owner. */
void endpoint_orphan(struct endpoint *endpoint);

/* Takes a killed thread out of the endpoint, or away from the server that works on its call. */
void endpoint_forget(struct thread *thread);

/* A server has come home, perhaps with a fresh caller: the caller is this CPU's now. */
void endpoint_server_arrived(struct thread *server);

/* A server moves to another CPU: its caller goes with it. */
void endpoint_server_leaves(struct thread *server, cpu_t cpu);

/* A server has died: its caller gets STATUS_DEAD. */
void endpoint_server_died(struct thread *server);
