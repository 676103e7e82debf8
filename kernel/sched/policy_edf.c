/* SPDX-License-Identifier: Apache-2.0
 *
 * Earliest deadline first: of those with a budget, the one whose period ends first. With budgets that
 * hold (kernel/policy.h) and that together are no more than the CPU, each gets its budget before its
 * deadline, whatever the others do. Those without a budget run by priority in the time that is left,
 * equals in turn.
 *
 * The tree's key is the deadline, or above all deadlines the priority turned round. The lowest bit
 * keeps who was preempted before its equals.
 */
#include "kernel/policy.h"

#define BACKGROUND (1ull << 62) /* no clock gets that far */

/* Who is less comes first. */
static uint64_t urgency(const struct sched_context *sc)
{
    return sc->budget != 0 ? sc->refill : BACKGROUND + (uint64_t)(PRIORITIES - sc->priority);
}

static void enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    ordered_enqueue(queue, entity, urgency(entity->sc) << 1 | !first);
}

static struct sched_entity *pick(struct run_queue *queue)
{
    struct sched_entity *best = container_of(tree_first(&queue->tree), struct sched_entity, node);

    ordered_dequeue(queue, best);
    return best;
}

static bool beats(const struct run_queue *queue, const struct sched_context *running)
{
    return queue->ready != 0 && tree_first(&queue->tree)->key >> 1 < urgency(running);
}

static bool shares(const struct run_queue *queue, const struct sched_context *running)
{
    return queue->ready != 0 && tree_first(&queue->tree)->key >> 1 == urgency(running);
}

const struct policy policy_edf = {"edf", enqueue, ordered_dequeue, pick, beats, shares};
