/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed priorities, round-robin among equals: one list per priority and a bit for each list that is
 * not empty, so that every operation takes constant time. As this is the usual policy, the kernel has
 * its operations in line (kernel/sched/run_queue.h); these are the same ones.
 */
#include "kernel/sched/run_queue.h"

static void enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    fixed_enqueue(queue, entity, first);
}

static void dequeue(struct run_queue *queue, struct sched_entity *entity)
{
    fixed_remove(queue, entity, (unsigned)entity->sc->priority);
}

static struct sched_entity *pick(struct run_queue *queue)
{
    return fixed_pick(queue);
}

static bool beats(const struct run_queue *queue, const struct sched_context *running)
{
    return fixed_beats(queue, running);
}

static bool shares(const struct run_queue *queue, const struct sched_context *running)
{
    return fixed_has_equal(queue, running);
}

const struct policy policy_fixed = {"fixed", enqueue, dequeue, pick, beats, shares};

void run_queue_init(struct run_queue *queue, const struct policy *policy, cycles_t slice)
{
    for (unsigned level = 0; level < PRIORITIES; level++) {
        list_init(&queue->levels[level]);
    }
    queue->policy = policy;
    queue->by_policy = policy != &policy_fixed;
    queue->slice = slice;
}
