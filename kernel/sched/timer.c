/* SPDX-License-Identifier: Apache-2.0
 *
 * Timeouts; the header is the manual.
 */
#include "kernel/timer.h"

#include "kernel/cpu.h"
#include "trace/kernel/trace.h"

#define TIMEOUTS_PER_INTERRUPT 16

/* Arms the hardware for whichever comes first. */
static void timer_update(void)
{
    const struct tree_node *first = tree_first(&arch_this_cpu()->timer.timeouts);

    if (first != NULL && first->key != percpu(timer.armed)) {
        percpu(timer.armed) = first->key;
        design_timer_arm(first->key);
    }
}

void timer_set(struct timeout *timeout, cycles_t deadline, void (*due)(struct timeout *))
{
    timer_cancel(timeout);
    timeout->due = due;
    timeout->node.key = deadline;
    tree_insert(&arch_this_cpu()->timer.timeouts, &timeout->node);
    timer_update();
}

void timer_cancel(struct timeout *timeout)
{
    if (timer_is_set(timeout)) {
        timeout->due = NULL;
        tree_remove(&arch_this_cpu()->timer.timeouts, &timeout->node);
    }
}

void timer_expired(void)
{
    const struct tree *timeouts = &arch_this_cpu()->timer.timeouts;
    cycles_t now = arch_cycles();
    uint32_t slice_end = timer_is_set(&arch_this_cpu()->slice) && percpu(slice.node.key) <= now;
    uint32_t count = 0;
    struct tree_node *first;

    percpu(timer.armed) = 0;
    while (count < TIMEOUTS_PER_INTERRUPT && (first = tree_first(timeouts)) != NULL &&
           first->key <= now) {
        struct timeout *timeout = container_of(first, struct timeout, node);
        void (*due)(struct timeout *) = timeout->due;

        timer_cancel(timeout);
        due(timeout);
        count++;
    }
    trace_timer(count, slice_end);
    timer_update(); /* those beyond the bound wait for the next interrupt, which comes at once */
}
