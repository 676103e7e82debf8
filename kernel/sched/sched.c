/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving the CPU to a thread. The header is the manual; what a CPU does when there is none: idle.c.
 */
#include "kernel/sched.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched/account.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/switch.h"

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

void schedule_to(struct thread *next, uint8_t left_state)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    cycles_t now = arch_cycles();

    switch_trace_left(left_state);
    account_settle(current(), now);
    if (unlikely(queue->ready != 0)) {
        run_queue_enqueue(queue, &next->run);
        run_next(queue, now);
    }
    run_entity(queue, &next->run, now);
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
