/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving the CPU to a thread, and what it does when there is none. The header is the manual.
 *
 * Idle. A halted CPU costs its waker a doorbell and itself a wake-up, tens of microseconds on an
 * emulator; a polling one costs power. So an idle CPU polls its mailbox for a bounded time before it
 * halts. The bound adapts: it doubles when something came while polling, or so soon after the halt
 * that the largest bound would have caught it; it halves when the CPU slept for longer. Where CPUs
 * share a host's core, polling can be what keeps the other side from answering: then even the largest
 * bound is in vain, and polling stays short for the next POLL_REST times.
 * The address space of who ran last stays loaded meanwhile.
 */
#include "kernel/sched.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/switch.h"
#include "smp/sched_point.h"

#define POLL_TURNS_PER_WINDOW 16
#define POLL_REST 64

void run_queue_init(struct run_queue *queue)
{
    for (unsigned level = 0; level < PRIORITIES; level++) {
        list_init(&queue->levels[level]);
    }
}

void sched_ready(struct thread *thread)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *running = current();

    run_queue_enqueue(queue, thread);
    if (run_queue_preempts(thread, running)) {
        percpu(need_resched) = 1;
    } else if (thread->priority == running->priority && percpu(timer.slice_end) == 0) {
        timer_start_slice();
    }
}

/* Gives the CPU, which nobody uses, to the best that is ready. */
static __attribute__((always_inline)) _Noreturn void run_next(struct run_queue *queue)
{
    struct thread *next = run_queue_pick(queue);

    percpu(need_resched) = 0;
    if (unlikely(next == NULL)) {
        next = &arch_this_cpu()->idle;
    }
    switch_trace(percpu(left_state), next->id);
    if (unlikely(next->idle)) {
        percpu(current) = next;
        switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
        arch_restart_stack(idle_loop);
    }
    switch_current(next);
    if (run_queue_has_equal(queue, next) && percpu(timer.slice_end) == 0) {
        timer_start_slice(); /* of `next`: it is current now */
    }
    arch_return_to_user();
}

void schedule(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *previous = current();

    if (!previous->idle) {
        /* It was preempted: it keeps its place before its equals. */
        switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
        run_queue_enqueue_first(queue, previous);
    }
    run_next(queue);
}

void schedule_blocked(uint8_t left_state)
{
    switch_trace_left(left_state);
    run_next(&arch_this_cpu()->queue);
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
    run_queue_enqueue(queue, thread);
}

void sched_slice_ended(void)
{
    if (!current()->idle && run_queue_has_equal(&arch_this_cpu()->queue, current())) {
        current_to_back();
    }
}

void sched_yield_current(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();

    thread_set_status(thread, STATUS_OK);
    run_queue_enqueue(queue, thread);
    schedule_blocked(TRACE_THREAD_STATE_RUNNABLE);
}

static void poll_bound_grow(void)
{
    cycles_t bound = percpu(poll_bound) * 2;

    percpu(poll_bound) = bound < options.poll_max ? bound : options.poll_max;
}

/* After a halt that lasted for `halted`. */
static void poll_bound_adapt(cycles_t halted)
{
    if (halted >= options.poll_max) {
        percpu(poll_bound) /= 2;
    } else if (percpu(poll_rest) > 0) {
        percpu(poll_rest)--;
    } else if (percpu(poll_bound) >= options.poll_max) {
        percpu(poll_bound) = 0;
        percpu(poll_rest) = POLL_REST;
    } else {
        poll_bound_grow();
    }
    if (percpu(poll_bound) < options.poll_min) {
        percpu(poll_bound) = options.poll_min;
    }
}

/* Polls the mailbox, with a window for interrupts now and then. True when there is something to do:
 * a mailbox_drain() must follow, which ends polling. */
static bool idle_poll(cycles_t start)
{
    struct mailbox_queue *mailbox = &arch_this_cpu()->mailbox;

    if (!mailbox_queue_poll_begin(mailbox)) {
        arch_interrupt_window(); /* the mail may be from itself (mail_again()), without end */
        return true;
    }
    while (arch_cycles() - start < percpu(poll_bound)) {
        for (unsigned turn = 0; turn < POLL_TURNS_PER_WINDOW; turn++) {
            arch_pause();
            if (mailbox_queue_has_nodes(mailbox)) {
                poll_bound_grow();
                return true;
            }
        }
        arch_interrupt_window();
        if (percpu(queue).ready != 0) {
            return true;
        }
    }
    SCHED_POINT();
    return !mailbox_queue_poll_end(mailbox) || options.never_halt;
}

void idle_loop(void)
{
    for (;;) {
        cycles_t start; /* of polling, then of the halt */

        mailbox_drain();
        if (percpu(queue).ready != 0) {
            schedule();
        }
        start = arch_cycles();
        if (idle_poll(start)) {
            continue;
        }
        trace_idle_halt((uint32_t)percpu(poll_bound));
        start = arch_cycles();
        arch_halt();
        poll_bound_adapt(arch_cycles() - start);
        if (percpu(queue).ready != 0) { /* the interrupt made somebody ready */
            schedule();
        }
    }
}
