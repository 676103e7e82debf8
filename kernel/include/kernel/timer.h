/* SPDX-License-Identifier: Apache-2.0
 *
 * Time on one CPU: timeouts of threads, the time slice and the budget of who runs share its one-shot
 * timer. No periodic tick: with nobody waiting for a time and nobody to share with, it is silent.
 *
 * A timeout lies on the CPU that set it, which must call it off or let it come before what it lies in
 * goes elsewhere. That of a thread lies where the thread waits; who ends the wait calls it off.
 */
#pragma once

#include "kernel/tree.h"

struct timeout {
    struct tree_node node;         /* (O) by deadline */
    void (*due)(struct timeout *); /* (O) what happens then; NULL: it is not set */
};

struct timer {
    struct tree timeouts; /* (O) */
    cycles_t armed;       /* (O) what the hardware will fire at; 0: nothing */
};

static inline bool timer_is_set(const struct timeout *timeout)
{
    return timeout->due != NULL;
}

/* Calls `due` at the deadline or soon after, on this CPU, from the timer's interrupt; not before, if it
 * was set already. */
void timer_set(struct timeout *timeout, cycles_t deadline, void (*due)(struct timeout *));

/* Calls it off, if it is set. */
void timer_cancel(struct timeout *timeout);

/* From the timer interrupt, or instead of it from an idle CPU that saw the deadline pass. */
void timer_expired(void);
