/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling policies: who of those that are ready comes next. One small table of functions per policy,
 * each in a file of its own (kernel/sched/policy_*.c). A CPU has the policy that the boot option
 * `policy=` gave it, for good.
 *
 * A policy sees entities and their accounts, and knows neither threads nor CPUs nor the time: it builds
 * on the host too, where the simulator runs it. Budgets are not its business: who is here may run.
 *
 * The running entity is in no queue, and its account is settled (kernel/sched/account.h) when a
 * function of the policy is called.
 */
#pragma once

#include "kernel/sched_context.h"

struct policy;

struct run_queue {
    uint64_t ready; /* (O) 0: nobody is. Fixed priorities: bit p: level p is not empty */
    const struct policy *policy; /* (I) */
    bool by_policy;              /* (I) it is another one than fixed priorities */
    struct tree tree;  /* (O) by whatever the policy orders by, if it does not use levels */
    uint64_t progress; /* (O) fair: how far all have come */
    cycles_t slice;    /* (I) for how long equals run in turn */
    struct list levels[PRIORITIES]; /* (O) */
};

struct policy {
    const char *name;
    /* It is ready. `first`: it was preempted and keeps its place before its equals. */
    void (*enqueue)(struct run_queue *queue, struct sched_entity *entity, bool first);
    /* It is not any more. */
    void (*dequeue)(struct run_queue *queue, struct sched_entity *entity);
    /* Takes the best out of the queue, which is not empty. */
    struct sched_entity *(*pick)(struct run_queue *queue);
    /* Should the best that is ready run now, in the place of who runs? */
    bool (*beats)(const struct run_queue *queue, const struct sched_context *running);
    /* Should somebody who is ready have a turn when the slice of who runs is over? */
    bool (*shares)(const struct run_queue *queue, const struct sched_context *running);
};

extern const struct policy policy_fixed, policy_edf, policy_fair;

void run_queue_init(struct run_queue *queue, const struct policy *policy, cycles_t slice);

/* ---- for policies that order by a key ---------------------------------------------------------- */

static inline void ordered_enqueue(struct run_queue *queue, struct sched_entity *entity,
                                   uint64_t key)
{
    entity->node.key = key;
    tree_insert(&queue->tree, &entity->node);
    queue->ready = 1;
}

static inline void ordered_dequeue(struct run_queue *queue, struct sched_entity *entity)
{
    tree_remove(&queue->tree, &entity->node);
    queue->ready = !tree_empty(&queue->tree);
}

/* ---- budgets, for all policies ------------------------------------------------------------------ */

static inline cycles_t budget_left(const struct sched_context *sc)
{
    return sc->limit > sc->used ? sc->limit - sc->used : 0;
}

/* The next period begins. What was used too much is taken from it. */
static inline void budget_refill(struct sched_context *sc, cycles_t now)
{
    sc->limit += sc->budget;
    sc->refill += sc->period;
    if (sc->refill <= now) {
        sc->refill = now + sc->period;
    }
}

/* Somebody with a budget has waited for something and is ready again. Its period begins anew if it is
 * over, or if using the rest before its end would take more than its share (the rule of the constant
 * bandwidth server). */
static inline void budget_wake(struct sched_context *sc, cycles_t now)
{
    if (now >= sc->refill || (unsigned __int128)budget_left(sc) * sc->period >
                                 (unsigned __int128)(sc->refill - now) * sc->budget) {
        sc->limit = sc->used + sc->budget;
        sc->refill = now + sc->period;
    }
}
