/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations on a run queue, in line because the IPC paths go through them. This file and nothing
 * else knows the policy: a queue is touched only through these functions.
 */
#pragma once

#include "kernel/sched.h"
#include "kernel/thread.h"

static inline void run_queue_enqueue(struct run_queue *queue, struct thread *thread)
{
    list_append(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static inline void run_queue_enqueue_first(struct run_queue *queue, struct thread *thread)
{
    list_prepend(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static inline void run_queue_remove(struct run_queue *queue, struct thread *thread, unsigned level)
{
    list_remove(&thread->link);
    if (list_empty(&queue->levels[level])) {
        queue->ready &= ~(1ull << level);
    }
}

static inline void run_queue_dequeue(struct run_queue *queue, struct thread *thread)
{
    run_queue_remove(queue, thread, (unsigned)thread->priority);
}

static inline struct thread *run_queue_pick(struct run_queue *queue)
{
    struct thread *thread;
    unsigned level;

    if (queue->ready == 0) {
        return NULL;
    }
    level = 63 - (unsigned)__builtin_clzll(queue->ready);
    thread = container_of(queue->levels[level].head.next, struct thread, link);
    run_queue_remove(queue, thread, level);
    return thread;
}

static inline bool run_queue_preempts(const struct thread *thread, const struct thread *running)
{
    return thread->priority > running->priority;
}

static inline bool run_queue_has_equal(const struct run_queue *queue, const struct thread *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}
