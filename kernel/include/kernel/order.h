/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to threads: die, rest, live elsewhere. See kernel/core/order.c for the theory of operation.
 */
#pragma once

#include "kernel/thread.h"
#include "smp/atomic.h"

/* Is there something to obey before it goes on? At home. Relaxed: as in thread_arrived(). */
static inline bool order_pending(struct thread *thread)
{
    return load_relaxed(&thread->stop) || load_relaxed(&thread->affinity) != thread->home;
}

/* Does what is pending with a thread that is at home, in no queue, and wants to go on: sends it away.
 * If it is the current one, follow with schedule(). */
void order_obey(struct thread *thread);

/* A thread that has arrived somewhere to act there shall rest instead: its call is cancelled and it has
 * been dealt with. Its owner. */
must_use bool order_cancels(struct thread *thread);

/* Orders a thread to die. Its process's CPU. */
void order_kill(struct thread *thread);

/* Something has become of the thread: whoever waits for that looks again, or only who waits until its
 * order has been delivered. Its process's CPU. */
void order_retry(struct thread *thread, bool delivered_only);
