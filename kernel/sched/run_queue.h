/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations on a run queue. Those of fixed priorities, the usual policy, are in line, because the
 * IPC paths go through them; every other policy is called through its table (kernel/policy.h).
 */
#pragma once

#include "kernel/policy.h"

/* ---- fixed priorities ---------------------------------------------------------------------------- */

static inline void fixed_enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    int8_t priority = entity->sc->priority;

    if (first) {
        list_prepend(&queue->levels[priority], &entity->link);
    } else {
        list_append(&queue->levels[priority], &entity->link);
    }
    queue->ready |= 1ull << priority;
}

static inline void fixed_remove(struct run_queue *queue, struct sched_entity *entity,
                                unsigned level)
{
    list_remove(&entity->link);
    if (list_empty(&queue->levels[level])) {
        queue->ready &= ~(1ull << level);
    }
}

/* The queue is not empty. */
static inline struct sched_entity *fixed_pick(struct run_queue *queue)
{
    unsigned level = 63 - (unsigned)__builtin_clzll(queue->ready);
    struct sched_entity *entity =
        container_of(queue->levels[level].head.next, struct sched_entity, link);

    fixed_remove(queue, entity, level);
    return entity;
}

static inline bool fixed_beats(const struct run_queue *queue, const struct sched_context *running)
{
    return queue->ready >> 1 >> running->priority != 0;
}

static inline bool fixed_has_equal(const struct run_queue *queue,
                                   const struct sched_context *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}

/* ---- any policy ---------------------------------------------------------------------------------- */

/* Through the table. Keeps the registers of its callers, whose usual way this is not. */
void run_queue_enqueue_by_policy(struct run_queue *queue, struct sched_entity *entity, bool first)
    __attribute__((preserve_most, noinline, cold));

static inline void run_queue_enqueue(struct run_queue *queue, struct sched_entity *entity,
                                     bool first)
{
    if (unlikely(queue->by_policy)) {
        run_queue_enqueue_by_policy(queue, entity, first);
    } else {
        fixed_enqueue(queue, entity, first);
    }
}

static inline void run_queue_dequeue(struct run_queue *queue, struct sched_entity *entity)
{
    queue->policy->dequeue(queue, entity);
}

static inline bool run_queue_shares(const struct run_queue *queue,
                                    const struct sched_context *running)
{
    return queue->policy->shares(queue, running);
}
