/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing the next thread. Each CPU has a run queue of its own, ordered by the CPU's policy
 * (kernel/policy.h). All run on the queue's CPU, interrupts off.
 *
 * The running thread is not in the queue. schedule() puts it back (if it is still runnable), picks,
 * and leaves the kernel: it does not return, as kernel stacks hold nothing between two entries.
 *
 * A thread whose budget is over waits for its refill, in state out_of_budget. It gets there when it
 * would otherwise be put into the run queue: then, and at a timer's interrupt when the budget ends, it
 * is looked at, so that budgets cost nothing where there are none.
 */
#pragma once

#include "kernel/policy.h"

/* What is rare on a fast path: it keeps the registers of its callers, and lies out of their way. */
#define sched_rare __attribute__((preserve_most, noinline, cold))

struct thread;

/* Makes a thread of this CPU ready; sets need_resched when it should run before the current one. */
void sched_ready(struct thread *thread);

/* A thread of this CPU, whose account is `rich`, wants to be ready; `woken`: after a wait. Its state is
 * runnable or out_of_budget afterwards; then it waits for its refill. */
void sched_admit(struct thread *thread, bool woken) sched_rare;

/* Sets need_resched when somebody who is ready should run in the place of the current thread, which
 * goes on with another account. */
void sched_reconsider(void) sched_rare;

/* Gives the CPU to whoever should have it. The current thread goes on if it is the one. */
_Noreturn void schedule(void);

/* The same when the current thread has been queued somewhere as blocked, by this CPU for this CPU: it
 * needs no thread_leave_cpu(). */
_Noreturn void schedule_blocked(uint8_t left_state);

/* The same, and `next`, which is this CPU's, has become ready at this moment and is in no queue: with
 * nobody else there it runs at once, past the queue. */
_Noreturn void schedule_to(struct thread *next, uint8_t left_state);

/* At the end of a system call that may have made somebody ready: returns `status` if the caller goes
 * on, otherwise stores it for the caller and gives the CPU away. */
must_use status_t sched_preemption_point(status_t status);

/* Who runs has a budget: its account is being started. */
void sched_start_budget(const struct sched_context *sc, cycles_t now) sched_rare;

/* Runs when nothing else does: polls the mailbox for a while, then halts. */
_Noreturn void idle_loop(void);
