/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations of fixed priorities, the usual policy, in line for the fast paths. Every other policy
 * is called through its table (kernel/policy.h), and so are these elsewhere.
 */
#pragma once

#include "kernel/sched.h"

static inline void fixed_enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    int8_t priority = entity->sc->priority;
    struct list_link *head = &queue->levels[priority].head;

    list_insert_before(first ? head->next : head, &entity->link);
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
