/* SPDX-License-Identifier: Apache-2.0
 *
 * The wait of a blocked thread, and what ends it beside what it waits for: a deadline, a notification
 * that it waits for as well, an order to die or to rest. All on the CPU that owns the thread, which is
 * the one where it waits.
 */
#pragma once

#include "kernel/thread.h"
#include "kernel/timer.h"

/* The thread begins to wait for a message or an answer: until its deadline, if it has one. */
void wait_limit(struct thread *thread);

static inline void wait_begin(struct thread *thread)
{
    if (unlikely(thread->ipc != 0)) {
        wait_limit(thread);
    }
}

/* It leaves this CPU and goes on waiting elsewhere: wait_begin() follows there. */
static inline void wait_leave(struct thread *thread)
{
    if (unlikely(thread->fast_home == FAST_NEVER)) {
        timer_cancel(&thread->timeout);
    }
}

/* The object shall not find the thread that waits for it. */
void wait_forget(struct object *object, struct thread *thread);

/* What it waited for has come: calls off all else that could end its wait, so that the fast paths may
 * switch to it again. Rare, so it keeps the registers of its callers. */
void wait_call_off(struct thread *thread) __attribute__((preserve_most));

static inline void wait_over(struct thread *thread)
{
    if (unlikely(thread->fast_home == FAST_NEVER)) {
        wait_call_off(thread);
    }
}

/* Takes a thread out of whatever it waits for, with a status. False: it does not wait. It must be woken
 * or sent on then. */
must_use bool wait_cancel(struct thread *thread, status_t status);

/* The same, and lets it go on. */
void wait_end(struct thread *thread, status_t status);
