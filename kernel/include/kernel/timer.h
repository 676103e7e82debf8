/* SPDX-License-Identifier: Apache-2.0
 *
 * Time on one CPU: sleeping threads and the time slice share its one-shot timer. No periodic tick:
 * with nobody asleep and nobody to share with, the timer is silent.
 */
#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

struct thread;

struct timer {
    struct list sleepers;  /* (O) by deadline, the first first */
    cycles_t slice_end;    /* (O) 0: nobody to share with */
    cycles_t again;        /* (O) when mail to oneself goes on (mail_again()); 0: there is none */
    cycles_t armed;        /* (O) what the hardware will fire at; 0: nothing */
    uint32_t slice_thread; /* (O) id of who ran when the slice began */
    bool spared;           /* (O) at the end of the last slice somebody else ran, and went on */
};

void timer_init(struct timer *timer);

/* Starts a time slice unless one is under way. Rare, so it keeps the registers of its callers. */
void timer_start_slice(void) __attribute__((preserve_most));

/* Puts a thread to sleep until thread->deadline. */
void timer_sleep(struct thread *thread);

/* Calls mail_again_due() at this time. */
void timer_set_again(cycles_t deadline);

/* From the timer interrupt. */
void timer_expired(void);

extern cycles_t timer_slice; /* (I) cycles of a time slice */
