/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving the CPU to a thread. The header is the manual; what a CPU does when there is none: idle.c.
 */
#include "kernel/sched.h"

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched/account.h"
#include "kernel/sched/run_queue.h"
#include "kernel/sched/switch.h"
#include "weft/kernel_syscalls.h"

/* ---- slices -------------------------------------------------------------------------------------- */

static void slice_ended(struct timeout *slice);

/* Unless one is under way. */
static sched_rare void start_slice(void)
{
    if (!timer_is_set(&arch_this_cpu()->slice)) {
        percpu(slice_thread) = current()->id;
        timer_set(&arch_this_cpu()->slice, arch_cycles() + percpu(queue.slice), slice_ended);
    }
}

static sched_rare void enqueue_by_policy(struct run_queue *queue, struct sched_entity *entity,
                                         bool first)
{
    queue->policy->enqueue(queue, entity, first);
}

static inline void enqueue(struct run_queue *queue, struct sched_entity *entity, bool first)
{
    if (unlikely(queue->by_policy)) {
        enqueue_by_policy(queue, entity, first);
    } else {
        fixed_enqueue(queue, entity, first);
    }
}

/* Should the best that is ready run in the place of the current thread? */
static bool current_is_beaten(const struct run_queue *queue)
{
    struct sched_context *sc = percpu(sc);
    cycles_t now = arch_cycles();
    bool beaten;

    sc->used += now; /* it is settled for a moment */
    beaten = queue->policy->beats(queue, sc);
    sc->used -= now;
    return beaten;
}

sched_rare void sched_reconsider(void)
{
    const struct run_queue *queue = &arch_this_cpu()->queue;

    if (current()->idle || current_is_beaten(queue)) {
        percpu(need_resched) = 1;
    } else if (queue->policy->shares(queue, percpu(sc))) {
        start_slice();
    }
}

/* ---- budgets ------------------------------------------------------------------------------------- */

/* The budget that ran when the timer was set ends now. Perhaps another one runs by then. */
static void budget_ended(struct timeout *budget)
{
    const struct sched_context *sc = percpu(sc);

    if (sc->limit == TIME_UNLIMITED) {
        return;
    }
    if (sc->used + arch_cycles() >= sc->limit) {
        percpu(need_resched) = 1; /* sched_admit() does what is to be done */
    } else {
        timer_set(budget, sc->limit - sc->used, budget_ended);
    }
}

sched_rare void sched_start_budget(const struct sched_context *sc, cycles_t now)
{
    timer_set(&arch_this_cpu()->budget, now + budget_left(sc), budget_ended);
}

/* The timeout of a thread that is out of budget. */
static void refill_due(struct timeout *timeout)
{
    struct thread *thread = container_of(timeout, struct thread, timeout);

    if (account_admit(thread, false)) { /* else it had used more than one period's */
        trace_wakeup((uint8_t)thread->run.sc->priority, thread->id, 0);
        sched_ready(thread);
    }
}

sched_rare void sched_admit(struct thread *thread, bool woken)
{
    struct sched_context *sc = thread->run.sc;
    cycles_t now = arch_cycles();

    thread->state = TRACE_THREAD_STATE_RUNNABLE;
    if (sc->limit == TIME_UNLIMITED) {
        return;
    }
    if (woken) {
        budget_wake(sc, now);
    } else if (budget_left(sc) == 0 && now >= sc->refill) {
        budget_refill(sc, now);
        trace_budget_refill(thread->id, sc->owner);
    }
    if (budget_left(sc) == 0) {
        thread->state = TRACE_THREAD_STATE_OUT_OF_BUDGET;
        trace_budget_out(thread->id, sc->owner);
        timer_set(&thread->timeout, sc->refill, refill_due);
    }
}

/* ---- the next one -------------------------------------------------------------------------------- */

void sched_ready(struct thread *thread)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    const struct sched_context *sc = thread->run.sc;
    int8_t running = percpu(sc)->priority;

    if (unlikely(queue->by_policy)) {
        enqueue_by_policy(queue, &thread->run, false);
        sched_reconsider();
        return;
    }
    fixed_enqueue(queue, &thread->run, false);
    if (sc->priority > running) {
        percpu(need_resched) = 1;
    } else if (sc->priority == running && percpu(slice.due) == NULL) {
        start_slice();
    }
}

/* A thread that could go on has left the CPU to others: into the queue, if it has budget. */
static inline __attribute__((always_inline)) void requeue(struct run_queue *queue,
                                                          struct thread *thread, bool first)
{
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    if (!account_admit(thread, false)) {
        switch_trace_left(TRACE_THREAD_STATE_OUT_OF_BUDGET);
        return;
    }
    enqueue(queue, &thread->run, first);
}

/* Gives the CPU to one that was ready; `shares`: it must share it with others. */
static __attribute__((always_inline)) _Noreturn void run(struct sched_entity *entity, bool shares,
                                                         cycles_t now)
{
    struct thread *next = container_of(entity, struct thread, run);

    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), next->id);
    account_start(entity->sc, now);
    switch_current(next);
    if (shares && percpu(slice.due) == NULL) {
        start_slice(); /* of `next`: it is current now */
    }
    arch_return_to_user();
}

static __attribute__((noinline, cold)) _Noreturn void run_best_by_policy(struct run_queue *queue,
                                                                         cycles_t now)
{
    struct sched_entity *best = queue->policy->pick(queue);

    run(best, queue->policy->shares(queue, best->sc), now);
}

/* Gives the CPU to the best that is ready; there is one. */
static __attribute__((always_inline)) _Noreturn void run_best(struct run_queue *queue, cycles_t now)
{
    struct sched_entity *best;

    if (unlikely(queue->by_policy)) {
        run_best_by_policy(queue, now);
    }
    best = fixed_pick(queue);
    run(best, fixed_shares(queue, best->sc), now);
}

/* Nobody is ready, and the idle thread is current. */
static __attribute__((always_inline)) _Noreturn void run_idle(void)
{
    percpu(need_resched) = 0;
    switch_trace(percpu(left_state), current()->id);
    switch_trace_left(TRACE_THREAD_STATE_RUNNABLE);
    arch_restart_stack(idle_loop);
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

/* The current thread could go on; `first`: before its equals. */
static __attribute__((always_inline)) _Noreturn void give_way(struct thread *thread, bool first)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    cycles_t now = arch_cycles();

    account_settle(thread, now);
    requeue(queue, thread, first);
    run_next(queue, now);
}

void schedule(void)
{
    struct run_queue *queue = &arch_this_cpu()->queue;

    if (unlikely(!current()->idle)) {
        give_way(current(), true); /* it is preempted */
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
    if (account_admit(next, true)) {
        if (likely(queue->ready == 0)) {
            run(&next->run, false, now);
        }
        enqueue(queue, &next->run, false);
    }
    run_next(queue, now);
}

status_t sched_preemption_point(status_t status)
{
    if (likely(!percpu(need_resched))) {
        return status;
    }
    thread_set_status(current(), status);
    schedule();
}

status_t sys_yield(void)
{
    if (percpu(queue).ready != 0) {
        thread_set_status(current(), STATUS_OK);
        give_way(current(), false); /* behind its equals */
    }
    return STATUS_OK;
}

/* Round-robin without a time stamp at every switch: at the end of a slice, the running thread goes to the
 * back if it was the running one when the slice began, or if nobody had to at the end of the slice
 * before. So equals wait for two slices at most, also behind threads that call each other in turn. */
static void slice_ended(struct timeout *slice)
{
    struct run_queue *queue = &arch_this_cpu()->queue;
    struct thread *thread = current();
    bool shares = !thread->idle && queue->policy->shares(queue, percpu(sc));

    (void)slice;
    if (shares && percpu(slice_thread) != thread->id && percpu(slice_thread) != 0) {
        start_slice();
        percpu(slice_thread) = 0;
    } else if (shares) { /* who comes next starts it */
        thread_leave_cpu(TRACE_THREAD_STATE_RUNNABLE);
        requeue(queue, thread, false);
    }
}
