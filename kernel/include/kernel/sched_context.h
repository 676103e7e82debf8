/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as a value: the right to run, how urgent, and what of it has been used. Who calls a server pays
 * for it: the server runs with what is derived from its client's account. Builds on the host too.
 *
 * While an account is the one that a CPU charges, `used` is short of the time at which that began, so
 * that starting and stopping cost one subtraction and one addition (kernel/sched/account.h).
 */
#pragma once

#include "kernel/list.h"
#include "kernel/tree.h"

#define TIME_UNLIMITED (~0ull)
#define WEIGHT_DEFAULT 10

#define SCHED_CONTEXT_LENT (1ull << 48) /* the two flags in `head` */
#define SCHED_CONTEXT_RICH (1ull << 56)

struct sched_context {
    cycles_t used;  /* time it has paid for; see above */
    cycles_t limit; /* value of `used` at which the budget is over; or TIME_UNLIMITED */
    union {
        struct {
            uint32_t owner;  /* id of the thread whose time it is */
            int8_t priority; /* 0 .. PRIORITIES - 1; of an idle thread -1 */
            uint8_t weight;  /* share among others, for a fair policy */
            bool lent;       /* derived from a client's: `used` counts from there */
            bool rich;       /* there is a budget or progress: what follows means something */
        };
        uint64_t head; /* all of these at once */
    };
    cycles_t refill;   /* when the budget is full again, which is the deadline too */
    cycles_t budget;   /* time to run per period; 0: unlimited */
    cycles_t period;   /* 0: none */
    uint64_t progress; /* how far it has come in the policy's own measure, when `used` was `mark` */
    cycles_t mark;
};

/* Somebody who may be ready to run: its account, and its place in the run queue. */
struct sched_entity {
    struct sched_context *sc; /* valid while it is ready or has left its CPU in order */
    union {
        struct list_link link;
        struct tree_node node;
    };
};
