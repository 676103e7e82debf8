/* SPDX-License-Identifier: Apache-2.0
 *
 * Fair shares, as in stride scheduling: everybody has a progress that grows with the time it runs,
 * more slowly the greater its weight, and who has come least far is next. Over time everybody gets the
 * share of its weight, up to the length of a slice. Priorities mean nothing.
 *
 * Who has slept does not catch up: it goes on where the others are by now. Nobody starts further ahead
 * than it could have got in two slices, so that an account that comes from another CPU does no harm.
 */
#include "kernel/policy.h"

#define SCALE 256ull /* of progress per cycle at weight 1 */

/* How much progress so much time means. */
static uint64_t progress_in(cycles_t time, const struct sched_context *sc)
{
    return time * SCALE / sc->weight;
}

static uint64_t progress_of(const struct sched_context *sc)
{
    return sc->progress + progress_in(sc->used - sc->mark, sc);
}

static void enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    struct sched_context *sc = entity->sc;
    uint64_t most = queue->progress + progress_in(2 * queue->slice, sc);

    (void)first;
    sc->progress = progress_of(sc);
    sc->mark = sc->used;
    sc->rich = true;
    if (sc->progress < queue->progress) {
        sc->progress = queue->progress;
    } else if (sc->progress > most) {
        sc->progress = most;
    }
    ordered_enqueue(queue, entity, sc->progress);
}

static struct sched_entity *pick(struct run_queue *queue)
{
    struct sched_entity *best = container_of(tree_first(&queue->tree), struct sched_entity, node);

    ordered_dequeue(queue, best);
    if (best->sc->progress > queue->progress) {
        queue->progress = best->sc->progress;
    }
    return best;
}

/* Only who is far behind interrupts: else everybody would, at each wake-up. */
static bool beats(const struct run_queue *queue, const struct sched_context *running)
{
    return queue->ready != 0 &&
           tree_first(&queue->tree)->key + progress_in(queue->slice / 4, running) <
               progress_of(running);
}

static bool shares(const struct run_queue *queue, const struct sched_context *running)
{
    (void)running;
    return queue->ready != 0;
}

const struct policy policy_fair = {"fair", enqueue, ordered_dequeue, pick, beats, shares};
