/* SPDX-License-Identifier: Apache-2.0
 *
 * A CPU's own data. Reached through percpu(field) on the CPU itself, with interrupts off. Other CPUs
 * touch the mailbox only, which has a cache line of its own.
 */
#pragma once

#include "arch/cpu.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "smp/mailbox.h"
#include "trace/kernel/layout.h"

#define CACHE_LINE 64

struct cpu {
    struct cpu *self;
    struct thread *current;   /* (O) who runs; its frame is where entry code saves */
    cpu_t id;                 /* (I) */
    uint8_t need_resched;     /* (O) somebody better than `current` is ready */
    uint8_t fpu_live;         /* (O) the FPU may be used without a trap */
    uint8_t left_state;       /* (O) in which state the last thread left, for the trace */
    struct sched_context *sc; /* (O) who pays: in `current`, or in a thread that switched
                                        * to it straight (kernel/sched/account.h) */
    struct weft_cpu_statistics statistics; /* (O) read anywhere as what it is: a little old */
    uint32_t running_id;                   /* (O) who runs as far as the trace knows */
    struct trace_cpu trace;                /* (O) */
    const struct process *space_owner; /* (O) whose address space is loaded; NULL: the kernel's */
    struct thread *fpu_owner;          /* (O) whose registers the FPU holds; NULL: nobody's */
    struct arch_cpu arch;              /* (O) */
    struct run_queue queue;            /* (O) */
    struct timer timer;                /* (O) */
    struct timeout slice;              /* (O) not set: nobody to share with */
    struct timeout budget;             /* (O) of who runs; not set: it has none */
    uint32_t slice_thread; /* (O) id of who shall go to the back at its end; 0: whoever runs */
    struct again again;    /* (O) */
    int64_t poll_debt;     /* (O) what polling has cost here, less what it has saved */
    uint32_t poll_rest;    /* (O) how many polls more shall be short */
    uint32_t poll_rests;   /* (O) how often this was in vain, one after the other */
    uint32_t ids;          /* (O) ids handed out here */
    struct list processes; /* (O) that this CPU owns, through process.neighbours */
    uint32_t revoking;     /* (O) id of the capability that is being revoked, or 0 */
    uint32_t greetings;    /* (O, and who has the greeting) steps of it so far */
    uint64_t random;       /* (O) state of SCHED_POINT's generator */
    struct mailbox_queue mailbox __attribute__((aligned(CACHE_LINE))); /* (A) */
    struct thread idle __attribute__((aligned(CACHE_LINE)));           /* (O) */
};

_Static_assert(offsetof(struct cpu, idle) - offsetof(struct cpu, mailbox) >= CACHE_LINE,
               "what other CPUs write stands on its own cache line");

extern struct cpu *cpu_table[CPU_MAX]; /* (I) after boot */
