/* SPDX-License-Identifier: Apache-2.0
 *
 * Quiescence by a walk: something visits every CPU once, through the mailboxes.
 *
 * Why that is enough to free memory. Kernel paths run with interrupts off and mail is opened only
 * between them, so a CPU that opens the visitor is in the middle of nothing: whatever pointer it had
 * found before, it has used. And if it had sent something to CPU c that refers to the visitor's
 * object, it did so before it opened the visitor; mailboxes are first-in first-out for each sender
 * and across hand-overs, so that thing reached c before the visitor does when it gets there later,
 * or comes home.
 *
 * Nobody waits: who starts a walk names the function that goes on when it is over.
 */
#pragma once

#include "smp/mailbox.h"

struct visitor {
    struct mail mail; /* first */
    cpu_t start;      /* where the walk began and ends */
    /* On every CPU; false: a piece is done, call again there after others had their turn. May be NULL. */
    bool (*visit)(struct visitor *self);
    void (*done)(struct visitor *self); /* on the CPU where the walk began */
};

/* Visits all other CPUs and in the end this one, then calls `done` here. */
void quiescence_walk(struct visitor *visitor);
