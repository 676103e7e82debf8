/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving the CPU to a thread, and what it does when there is none. The header is the manual; the
 * choice itself is the policy's.
 *
 * Idle. A halted CPU costs its waker a doorbell and itself a wake-up, tens of microseconds on an
 * emulator; a polling one costs power. So an idle CPU polls its mailbox for a bounded number of
 * turns, which adapts: it doubles when polling was rewarded and halves when it was in vain. The
 * address space of who ran last stays loaded meanwhile.
 */
#include "kernel/sched.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/sched/sched_inline.h"
#include "kernel/sched/switch.h"
#include "smp/sched_point.h"

void run_queue_init(struct run_queue *queue, const struct sched_policy *policy)
{
    queue->policy = policy;
    for (unsigned level = 0; level < PRIORITIES; level++) {
        list_init(&queue->levels[level]);
    }
}

void sched_ready(struct thread *thread)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *running = current();

    sched_enqueue(queue, thread);
    if (running->idle || sched_preempts(queue, thread, running)) {
        percpu(need_resched) = 1;
    } else if (thread->priority == running->priority) {
        timer_start_slice();
    }
}

void schedule(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *previous = current();
    struct thread *next;

    percpu(need_resched) = 0;
    if (!previous->idle) {
        /* It was preempted: it keeps its place before its equals. */
        percpu(left_state) = TRACE_THREAD_STATE_RUNNABLE;
        queue->policy->enqueue_first(queue, previous);
    }
    next = sched_pick(queue);
    if (next == NULL) {
        next = &arch_this_cpu()->idle;
    }
    if (next->id != percpu(running_id)) {
        switch_trace(percpu(left_state), next->id);
    }
    if (next->idle) {
        percpu(current) = next;
        percpu(left_state) = TRACE_THREAD_STATE_RUNNABLE;
        arch_restart_stack(idle_loop);
    }
    if (sched_has_equal(queue, next)) {
        timer_start_slice();
    }
    switch_current(next);
    arch_return_to_user();
}

status_t sched_preemption_point(status_t status)
{
    if (likely(!percpu(need_resched))) {
        return status;
    }
    thread_set_status(current(), status);
    schedule();
}

/* The current thread goes behind its equals. */
static void current_to_back(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();

    thread_leave_cpu(TRACE_THREAD_STATE_RUNNABLE);
    sched_enqueue(queue, thread);
}

void sched_slice_ended(void)
{
    if (!current()->idle && sched_has_equal(&arch_this_cpu()->queue, current())) {
        current_to_back();
    }
}

void sched_yield_current(void)
{
    thread_set_status(current(), STATUS_OK);
    current_to_back();
    schedule();
}

/* Polls the mailbox; true when something came. */
static bool idle_poll(void)
{
    struct mailbox_queue *mailbox = &arch_this_cpu()->mailbox;
    uint32_t limit = percpu(poll_limit);

    if (!mailbox_queue_poll_begin(mailbox)) {
        return true;
    }
    for (uint32_t turn = 0; turn < limit; turn++) {
        arch_pause();
        if (mailbox_queue_has_nodes(mailbox)) {
            percpu(poll_limit) = limit < options.poll_max ? limit * 2 : limit;
            return true;
        }
    }
    percpu(poll_limit) = limit > options.poll_min ? limit / 2 : limit;
    SCHED_POINT();
    return !mailbox_queue_poll_end(mailbox);
}

void idle_loop(void)
{
    for (;;) {
        mailbox_drain();
        if (percpu(queue).ready != 0) {
            schedule();
        }
        if (idle_poll()) {
            continue;
        }
        trace_idle_halt(percpu(poll_limit));
        arch_halt();
        if (percpu(queue).ready != 0) { /* the interrupt made somebody ready */
            schedule();
        }
    }
}
