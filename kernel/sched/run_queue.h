/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations on a run queue, in line because the IPC paths go through them. This file and nothing
 * else knows the policy: a queue is touched only through these functions.
 */
#pragma once

#include "kernel/sched.h"
#include "kernel/sched_context.h"

static inline void run_queue_enqueue(struct run_queue *queue, struct sched_entity *entity)
{
    int8_t priority = entity->sc->priority;

    list_append(&queue->levels[priority], &entity->link);
    queue->ready |= 1ull << priority;
}

static inline void run_queue_enqueue_first(struct run_queue *queue, struct sched_entity *entity)
{
    int8_t priority = entity->sc->priority;

    list_prepend(&queue->levels[priority], &entity->link);
    queue->ready |= 1ull << priority;
}

static inline void run_queue_remove(struct run_queue *queue, struct sched_entity *entity,
                                    unsigned level)
{
    list_remove(&entity->link);
    if (list_empty(&queue->levels[level])) {
        queue->ready &= ~(1ull << level);
    }
}

static inline void run_queue_dequeue(struct run_queue *queue, struct sched_entity *entity)
{
    run_queue_remove(queue, entity, (unsigned)entity->sc->priority);
}

static inline struct sched_entity *run_queue_pick(struct run_queue *queue)
{
    struct sched_entity *entity;
    unsigned level;

    if (queue->ready == 0) {
        return NULL;
    }
    level = 63 - (unsigned)__builtin_clzll(queue->ready);
    entity = container_of(queue->levels[level].head.next, struct sched_entity, link);
    run_queue_remove(queue, entity, level);
    return entity;
}

static inline bool run_queue_preempts(const struct sched_context *sc,
                                      const struct sched_context *running)
{
    return sc->priority > running->priority;
}

/* The first that is ready should run before `running`. */
static inline bool run_queue_beats(const struct run_queue *queue,
                                   const struct sched_context *running)
{
    return queue->ready >> 1 >> running->priority != 0;
}

static inline bool run_queue_has_equal(const struct run_queue *queue,
                                       const struct sched_context *running)
{
    return (queue->ready >> running->priority & 1) != 0;
}
