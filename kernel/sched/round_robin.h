/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: fixed priorities, round-robin among equals. One list per priority and a bit for each list
 * that is not empty, so that every operation takes constant time.
 *
 * It is the default policy, and small enough to be compiled into its callers (sched_inline.h).
 */
#pragma once

#include "kernel/sched.h"
#include "kernel/thread.h"

static inline void round_robin_enqueue(struct run_queue *queue, struct thread *thread)
{
    list_append(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static inline void round_robin_enqueue_first(struct run_queue *queue, struct thread *thread)
{
    list_prepend(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static inline void round_robin_dequeue(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->link);
    if (list_empty(&queue->levels[thread->priority])) {
        queue->ready &= ~(1ull << thread->priority);
    }
}

static inline struct thread *round_robin_pick(struct run_queue *queue)
{
    struct thread *thread;
    unsigned level;

    if (queue->ready == 0) {
        return NULL;
    }
    level = 63 - (unsigned)__builtin_clzll(queue->ready);
    thread = container_of(queue->levels[level].head.next, struct thread, link);
    round_robin_dequeue(queue, thread);
    return thread;
}

static inline bool round_robin_preempts(const struct thread *thread, const struct thread *running)
{
    return thread->priority > running->priority;
}

static inline bool round_robin_has_equal(const struct run_queue *queue,
                                         const struct thread *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}
