/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel's command line said. Read once at boot, immutable afterwards.
 *
 *     trace=off|default|all|MASK     categories of trace events that are on
 *     trace_ring=BYTES               size of each CPU's ring of events
 *     trace_once=1                   a ring that is full keeps what it has (0: the newest events win)
 *     seed=N                         pauses at schedule points, test profile only (0: none)
 *     doorbell=always|elide|poll     when mail rings: each time; when the mailbox was empty; that, but an
 *                                    idle CPU polls its mailbox before it halts (the default)
 *     idle=adaptive|poll|US          with the last: for how long at most, in microseconds
 *     timeslice_us=N                 time slice among threads of equal priority
 *     policy=fixed|edf|fair          scheduling policy of all CPUs; CPU:policy is of one, and several
 *                                    come with commas in between: policy=fair,0:edf,3:fixed
 *
 * All other words are for the first process, which gets the line as it is.
 */
#pragma once

#include "kernel/policy.h"

enum doorbell { DOORBELL_ALWAYS, DOORBELL_ELIDE, DOORBELL_POLL };

struct options {
    uint64_t trace_mask; /* the low byte */
    uint64_t trace_ring; /* bytes; 0: choose by the size of memory */
    uint64_t trace_once; /* 0: the newest events win */
    uint64_t seed;
    cycles_t poll_min; /* how long an idle CPU polls at least, and at most */
    cycles_t poll_max;
    uint32_t poll_jump;   /* between two looks at the clock: somebody else had the core meanwhile */
    bool never_halt;      /* an idle CPU begins to poll again instead */
    bool never_polls;     /* an idle CPU halts at once */
    uint64_t rings_up_to; /* a push rings that has found nothing (0), or anything (UINT64_MAX) */
    uint64_t timeslice_us;
    const struct policy *policy[CPU_MAX];
};

extern struct options options;

/* Fills `options`. A word that is ours but malformed: panics with a line that says which. */
void options_parse(const char *command_line);
