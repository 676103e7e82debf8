/* SPDX-License-Identifier: Apache-2.0
 *
 * Policy: fixed priorities, round-robin among equals. The functions themselves are in
 * kernel/sched/round_robin.h; this is their table.
 */
#include "kernel/sched/sched_inline.h"

const struct sched_policy sched_policy_round_robin = {
    .name = "round-robin",
    .enqueue = round_robin_enqueue,
    .enqueue_first = round_robin_enqueue_first,
    .dequeue = round_robin_dequeue,
    .pick = round_robin_pick,
    .preempts = round_robin_preempts,
    .has_equal = round_robin_has_equal,
};
