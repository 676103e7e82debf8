/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed priorities, round-robin among equals: one list per priority and a bit for each list that is
 * not empty, so that every operation takes constant time. As this is the usual policy, the kernel has
 * its operations in line: kernel/sched/run_queue.h.
 */
#include "kernel/sched/run_queue.h"

const struct policy policy_fixed = {"fixed",    fixed_enqueue, fixed_dequeue,
                                    fixed_pick, fixed_beats,   fixed_shares};

void run_queue_init(struct run_queue *queue, const struct policy *policy, cycles_t slice)
{
    for (unsigned level = 0; level < PRIORITIES; level++) {
        list_init(&queue->levels[level]);
    }
    queue->policy = policy;
    queue->by_policy = policy != &policy_fixed;
    queue->slice = slice;
}
