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

/* ---- policies ------------------------------------------------------------------------------------ */

__attribute__((preserve_most)) void
run_queue_enqueue_by_policy(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    queue->policy->enqueue(queue, entity, first);
}

/* Should the best that is ready run in the place of the current thread? */
static bool queue_beats_current(struct run_queue *queue)
{
    struct sched_context *sc = percpu(sc);
    cycles_t now = arch_cycles();
    bool beats;

    if (current()->idle) {
        return queue->ready != 0;
    }
    sc->used += now; /* it is settled for a moment */
    beats = queue->policy->beats(queue, sc);
    sc->used -= now;
    return beats;
}

__attribute__((preserve_most)) void sched_reconsider(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;

    if (queue_beats_current(queue)) {
        percpu(need_resched) = 1;
    } else if (percpu(timer.slice_end) == 0 && run_queue_shares(queue, percpu(sc))) {
        timer_start_slice();
    }
}

/* ---- budgets ------------------------------------------------------------------------------------- */

static void refill(struct sched_context *sc, const struct thread *thread)
{
    budget_refill(sc, arch_cycles());
    trace_budget_refill(thread->id, sc->owner);
}

/* The timeout of a thread that is out of budget. */
static void refill_due(struct thread *thread)
{
    struct sched_context *sc = thread->run.sc;

    refill(sc, thread);
    if (budget_is_over(sc)) { /* it had used more than one period's */
        timer_insert(thread, sc->refill, refill_due);
        return;
    }
    thread->state = TRACE_THREAD_STATE_RUNNABLE;
    trace_wakeup(sc->priority, thread->id, 0);
    sched_ready(thread);
}

__attribute__((preserve_most)) void sched_admit(struct thread *thread, bool woken)
{
    struct sched_context *sc = thread->run.sc;
    cycles_t now = arch_cycles();

    thread->state = TRACE_THREAD_STATE_RUNNABLE;
    if (sc->limit == TIME_UNLIMITED) {
        return;
    }
    if (woken) {
        budget_wake(sc, now);
    } else if (budget_is_over(sc) && now >= sc->refill) {
        refill(sc, thread);
    }
    if (budget_is_over(sc)) {
        thread->state = TRACE_THREAD_STATE_OUT_OF_BUDGET;
        trace_budget_out(thread->id, sc->owner);
        timer_insert(thread, sc->refill, refill_due);
    }
}

/* ---- the next one -------------------------------------------------------------------------------- */

static __attribute__((noinline, cold)) void ready_by_policy(struct run_queue *queue,
                                                            struct thread *thread)
{
    queue->policy->enqueue(queue, &thread->run, false);
    sched_reconsider();
}

void sched_ready(struct thread *thread)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    const struct sched_context *sc = thread->run.sc;
    int8_t running = percpu(sc)->priority;

    if (unlikely(queue->by_policy)) {
        ready_by_policy(queue, thread);
        return;
    }
    fixed_enqueue(queue, &thread->run, false);
    if (sc->priority > running) {
        percpu(need_resched) = 1;
    } else if (sc->priority == running && percpu(timer.slice_end) == 0) {
        timer_start_slice();
    }
}

/* A thread that could go on has left the CPU to others: into the queue, if it has budget. */
static inline __attribute__((always_inline)) void requeue(struct run_queue *queue,
                                                          struct thread *thread, bool first)
{
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    if (unlikely(thread->run.sc->rich)) {
        sched_admit(thread, false);
        if (thread->state == TRACE_THREAD_STATE_OUT_OF_BUDGET) {
            switch_trace_left(TRACE_THREAD_STATE_OUT_OF_BUDGET);
            return;
        }
    }
    run_queue_enqueue(queue, &thread->run, first);
}

/* Nobody is ready, and the idle thread is current. */
static __attribute__((always_inline)) _Noreturn void run_idle(void)
{
    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), current()->id);
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    arch_restart_stack(idle_loop);
}

/* Gives the CPU to one that was ready; `shares`: it must share it with others. */
static __attribute__((always_inline)) _Noreturn void run_entity(struct sched_entity *entity,
                                                                bool shares, cycles_t now)
{
    struct thread *next = container_of(entity, struct thread, run);

    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), next->id);
    account_start(entity->sc, now);
    switch_current(next);
    if (shares && percpu(timer.slice_end) == 0) {
        timer_start_slice(); /* of `next`: it is current now */
    }
    arch_return_to_user();
}

static __attribute__((noinline, cold)) _Noreturn void run_best_by_policy(struct run_queue *queue,
                                                                         cycles_t now)
{
    struct sched_entity *entity = queue->policy->pick(queue);

    run_entity(entity, queue->policy->shares(queue, entity->sc), now);
}

/* Gives the CPU to the best that is ready; there is one. */
static __attribute__((always_inline)) _Noreturn void run_best(struct run_queue *queue, cycles_t now)
{
    struct sched_entity *entity;

    if (unlikely(queue->by_policy)) {
        run_best_by_policy(queue, now);
    }
    entity = fixed_pick(queue);
    run_entity(entity, fixed_has_equal(queue, entity->sc), now);
}

/* Gives the CPU, which the current thread has left, to the best that is ready. */
static __attribute__((always_inline)) _Noreturn void run_next(struct run_queue *queue, cycles_t now)
{
    if (unlikely(queue->ready == 0)) {
        struct thread *idle = &arch_this_cpu()->idle;

        percpu(current) = idle;
        percpu(sc) = &idle->own;
        run_idle();
    }
    run_best(queue, now);
}

void schedule(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *previous = current();

    if (unlikely(!previous->idle)) {
        cycles_t now = arch_cycles();

        account_settle(previous, now);
        requeue(queue, previous, true); /* it was preempted */
        run_next(queue, now);
    }
    if (queue->ready == 0) {
        run_idle();
    }
    run_best(queue, arch_cycles());
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
    if (unlikely(next->run.sc->rich)) {
        sched_admit(next, true);
        if (next->state == TRACE_THREAD_STATE_OUT_OF_BUDGET) {
            run_next(queue, now);
        }
    }
    if (unlikely(queue->ready != 0)) {
        run_queue_enqueue(queue, &next->run, false);
        run_next(queue, now);
    }
    run_entity(&next->run, false, now);
}

status_t sched_preemption_point(status_t status)
{
    if (likely(!percpu(need_resched))) {
        return status;
    }
    thread_set_status(current(), status);
    schedule();
}

void sched_slice_ended(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();

    if (thread->idle || !run_queue_shares(queue, percpu(sc))) {
        return;
    }
    thread_leave_cpu(TRACE_THREAD_STATE_RUNNABLE);
    requeue(queue, thread, false);
}

void sched_yield_current(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();
    cycles_t now = arch_cycles();

    thread_set_status(thread, STATUS_OK);
    account_settle(thread, now);
    requeue(queue, thread, false);
    run_next(queue, now);
}
