/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations on a run queue that lie on fast paths. Those of fixed priorities, the usual policy, are
 * in line; every other policy is called through its table (kernel/policy.h), and so are these elsewhere.
 */
#pragma once

#include "kernel/sched.h"

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

static inline void fixed_dequeue(struct run_queue *queue, struct sched_entity *entity)
{
    fixed_remove(queue, entity, (unsigned)entity->sc->priority);
}

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

static inline bool fixed_shares(const struct run_queue *queue, const struct sched_context *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}

/* ---- any policy ---------------------------------------------------------------------------------- */

void run_queue_enqueue_by_policy(struct run_queue *queue, struct sched_entity *entity,
                                 bool first) sched_rare;

static inline void run_queue_enqueue(struct run_queue *queue, struct sched_entity *entity,
                                     bool first)
{
    if (unlikely(queue->by_policy)) {
        run_queue_enqueue_by_policy(queue, entity, first);
    } else {
        fixed_enqueue(queue, entity, first);
    }
}
