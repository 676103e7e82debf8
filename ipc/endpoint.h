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
