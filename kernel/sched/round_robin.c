/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: fixed priorities, round-robin among equals. One list per priority and a bit for each list
 * that is not empty, so that every operation takes constant time.
 */
#include "kernel/sched.h"
#include "kernel/thread.h"

static void enqueue(struct run_queue *queue, struct thread *thread)
{
    list_append(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static void enqueue_first(struct run_queue *queue, struct thread *thread)
{
    list_prepend(&queue->levels[thread->priority], &thread->link);
    queue->ready |= 1ull << thread->priority;
}

static void dequeue(struct run_queue *queue, struct thread *thread)
{
    list_remove(&thread->link);
    if (list_empty(&queue->levels[thread->priority])) {
        queue->ready &= ~(1ull << thread->priority);
    }
}

static struct thread *pick(struct run_queue *queue)
{
    struct thread *thread;
    unsigned level;

    if (queue->ready == 0) {
        return NULL;
    }
    level = 63 - (unsigned)__builtin_clzll(queue->ready);
    thread = container_of(list_first(&queue->levels[level]), struct thread, link);
    dequeue(queue, thread);
    return thread;
}

static bool preempts(const struct thread *thread, const struct thread *running)
{
    return thread->priority > running->priority;
}

static bool has_equal(const struct run_queue *queue, const struct thread *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}

const struct sched_policy sched_policy_round_robin = {
    .name = "round-robin",
    .enqueue = enqueue,
    .enqueue_first = enqueue_first,
    .dequeue = dequeue,
    .pick = pick,
    .preempts = preempts,
    .has_equal = has_equal,
};
