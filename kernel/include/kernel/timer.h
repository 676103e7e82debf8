/* SPDX-License-Identifier: Apache-2.0
 *
 * Time on one CPU: timeouts of threads, the time slice and the budget of who runs share its one-shot
 * timer. No periodic tick: with nobody waiting for a time and nobody to share with, it is silent.
 *
 * A thread has one timeout. It lies on the CPU that owns the thread and set it, whatever else the
 * thread waits for meanwhile; who ends that wait cancels the timeout.
 */
#pragma once

#include "kernel/tree.h"
#include "kernel/types.h"

struct sched_context;
struct thread;

struct timer {
    struct tree timeouts;  /* (O) thread.timeout, by deadline */
    cycles_t slice_end;    /* (O) 0: nobody to share with */
    cycles_t budget_end;   /* (O) of who runs; 0: it has none */
    cycles_t again;        /* (O) when mail to oneself goes on (mail_again()); 0: there is none */
    cycles_t armed;        /* (O) what the hardware will fire at; 0: nothing */
    uint32_t slice_thread; /* (O) id of who ran when the slice began */
    bool spared;           /* (O) at the end of the last slice somebody else ran, and went on */
};

/* Starts a time slice unless one is under way. Rare, so it keeps the registers of its callers. */
void timer_start_slice(void) __attribute__((preserve_most));

/* Calls `timed_out` with the thread at the deadline or soon after, on this CPU, from the timer's
 * interrupt. The thread is this CPU's, and has no timeout yet. */
void timer_insert(struct thread *thread, cycles_t deadline, void (*timed_out)(struct thread *));

/* Who runs has a budget: its account is being started. Keeps registers, as above. */
void timer_start_budget(const struct sched_context *sc, cycles_t now)
    __attribute__((preserve_most));

/* Calls its timeout off, if it has one. The CPU that set it. */
void timer_remove(struct thread *thread);

/* Puts a thread of this CPU to sleep. */
void timer_sleep(struct thread *thread, cycles_t deadline);

/* Calls mail_again_due() after a pause. */
void timer_set_again(unsigned microseconds);

/* From the timer interrupt, or instead of it from an idle CPU that saw the deadline pass. */
void timer_expired(void);

extern cycles_t timer_slice; /* (I) cycles of a time slice */
