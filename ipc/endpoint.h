/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: synchronous messages. See ipc/endpoint.c for the theory of operation; rendezvous.c has
 * the slow paths, transfer.c what a message carries besides its words.
 */
#pragma once

#include "kernel/thread.h"

struct endpoint {
    struct object object;    /* first */
    struct list receivers;   /* (O) servers that wait for a message */
    struct list callers;     /* (O) clients that wait for a server, senders among them */
    uint32_t readers;        /* (A) capabilities to receive, also those that cap_keep() counts */
    bool orphaned;           /* (O) none is left, and none can come: calls fail */
    struct mail orphan_mail; /* tells the owner that the last one went */
};

static inline struct thread *thread_of(struct list_link *link)
{
    return container_of(link, struct thread, link);
}

/* The slow paths of the two system calls that have a fast one. */
status_t rendezvous_call(struct object *endpoint, uint64_t badge);
status_t rendezvous_reply_receive(struct object *endpoint);

/* Gives a client its answer from `server`; both are this CPU's. Returns the status with which the client
 * goes on. */
must_use status_t rendezvous_answer(struct thread *server, struct thread *client);
