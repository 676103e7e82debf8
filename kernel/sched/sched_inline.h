/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy's functions for the paths that count: a queue with the default policy runs its code in
 * line, any other goes through its table. One comparison decides, the result is the same.
 */
#pragma once

#include "kernel/sched/round_robin.h"

#define SCHED_CALL(queue, function, ...)                                                           \
    (likely((queue)->policy == &sched_policy_round_robin)                                          \
         ? round_robin_##function(__VA_ARGS__)                                                     \
         : (queue)->policy->function(__VA_ARGS__))

static inline void sched_enqueue(struct run_queue *queue, struct thread *thread)
{
    SCHED_CALL(queue, enqueue, queue, thread);
}

static inline struct thread *sched_pick(struct run_queue *queue)
{
    return SCHED_CALL(queue, pick, queue);
}

static inline bool sched_preempts(struct run_queue *queue, const struct thread *thread,
                                  const struct thread *running)
{
    return SCHED_CALL(queue, preempts, thread, running);
}

static inline bool sched_has_equal(struct run_queue *queue, const struct thread *running)
{
    return SCHED_CALL(queue, has_equal, queue, running);
}
