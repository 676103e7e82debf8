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
#include "kernel/sched/account.h"
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
    const struct sched_context *running = percpu(sc);
    const struct sched_context *sc = thread->run.sc;

    run_queue_enqueue(queue, &thread->run);
    if (run_queue_preempts(sc, running)) {
        percpu(need_resched) = 1;
    } else if (sc->priority == running->priority && percpu(timer.slice_end) == 0) {
        timer_start_slice();
    }
}

/* Nobody is ready. */
static __attribute__((always_inline)) _Noreturn void run_idle(void)
{
    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), percpu(current)->id);
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    arch_restart_stack(idle_loop);
}

/* Gives the CPU to one that was ready. */
static __attribute__((always_inline)) _Noreturn void
run_entity(struct run_queue *queue, struct sched_entity *entity, cycles_t now)
{
    struct thread *next = container_of(entity, struct thread, run);
    struct sched_context *sc = entity->sc;

    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), next->id);
    account_start(sc, now);
    switch_current(next);
    if (run_queue_has_equal(queue, sc) && percpu(timer.slice_end) == 0) {
        timer_start_slice(); /* of `next`: it is current now */
    }
    arch_return_to_user();
}

/* Gives the CPU, which the current thread has left, to the best that is ready. */
static __attribute__((always_inline)) _Noreturn void run_next(struct run_queue *queue, cycles_t now)
{
    struct sched_entity *entity = run_queue_pick(queue);

    if (unlikely(entity == NULL)) {
        struct thread *idle = &arch_this_cpu()->idle;

        percpu(current) = idle;
        percpu(sc) = &idle->own;
        run_idle();
    }
    run_entity(queue, entity, now);
}

void schedule(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *previous = current();
    struct sched_entity *entity;

    if (unlikely(!previous->idle)) {
        cycles_t now = arch_cycles();

        /* It was preempted: it keeps its place before its equals. */
        switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
        account_settle(previous, now);
        run_queue_enqueue_first(queue, &previous->run);
        run_next(queue, now);
    }
    entity = run_queue_pick(queue);
    if (entity == NULL) {
        run_idle();
    }
    run_entity(queue, entity, arch_cycles());
}

void schedule_blocked(uint8_t left_state)
{
    cycles_t now = arch_cycles();

    switch_trace_left(left_state);
    account_settle(current(), now);
    run_next(&arch_this_cpu()->queue, now);
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
void sched_slice_ended(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();

    if (!thread->idle && run_queue_has_equal(queue, percpu(sc))) {
        thread_leave_cpu(TRACE_THREAD_STATE_RUNNABLE);
        run_queue_enqueue(queue, &thread->run);
    }
}

void sched_yield_current(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();
    cycles_t now = arch_cycles();

    thread_set_status(thread, STATUS_OK);
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    account_settle(thread, now);
    run_queue_enqueue(queue, &thread->run);
    run_next(queue, now);
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
