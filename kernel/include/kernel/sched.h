/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing the next thread. Each CPU has a run queue of its own and a policy: a table of functions
 * chosen at boot, one file each under kernel/sched/. All run on the queue's CPU, interrupts off.
 *
 * The running thread is not in the queue. schedule() puts it back (if it is still runnable), picks,
 * and leaves the kernel: it does not return, as kernel stacks hold nothing between two entries.
 */
#pragma once

#include "kernel/list.h"
#include "kernel/types.h"

struct thread;
struct run_queue;

struct sched_policy {
    const char *name;
    void (*enqueue)(struct run_queue *queue, struct thread *thread);       /* behind its equals */
    void (*enqueue_first)(struct run_queue *queue, struct thread *thread); /* before its equals */
    void (*dequeue)(struct run_queue *queue, struct thread *thread);       /* wherever it is */
    struct thread *(*pick)(struct run_queue *queue);                       /* takes it out; NULL: none */
    bool (*preempts)(const struct thread *thread, const struct thread *running);
    bool (*has_equal)(const struct run_queue *queue, const struct thread *running);
};

struct run_queue {
    const struct sched_policy *policy; /* (I) */
    uint64_t ready;                    /* (O) bit p: level p is not empty */
    struct list levels[PRIORITIES];    /* (O) */
};

extern const struct sched_policy sched_policy_round_robin;

/* True if a thread of this priority may run at once, as nothing above it is ready. One comparison:
 * the IPC fast path asks this. */
static inline bool run_queue_lets_run(const struct run_queue *queue, uint8_t priority)
{
    return (queue->ready >> priority) <= 1;
}

void run_queue_init(struct run_queue *queue, const struct sched_policy *policy);

/* Makes a thread of this CPU ready; sets need_resched when it should run before the current one. */
void sched_ready(struct thread *thread);

/* Gives the CPU to whoever should have it. The current thread goes on if it is the one. */
_Noreturn void schedule(void);

/* At the end of a system call that may have made somebody ready: returns `status` if the caller goes
 * on, otherwise stores it for the caller and gives the CPU away. */
status_t sched_preemption_point(status_t status);

/* The current thread goes behind its equals, with STATUS_OK from its system call. */
_Noreturn void sched_yield_current(void);

/* The running thread's time slice is over (timer.c). */
void sched_slice_ended(void);

/* Runs when nothing else does: polls the mailbox for a while, then halts. */
_Noreturn void idle_loop(void);
