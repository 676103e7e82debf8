/* SPDX-License-Identifier: Apache-2.0
 *
 * Timeouts and time slices; the header is the manual.
 *
 * Round-robin without a time stamp at every switch: when the timer fires at the end of a slice, the
 * running thread goes to the back if it was the running one when the slice began, or if nobody had to
 * at the end of the slice before. So equals wait for two slices at most, also behind threads that
 * call each other in turn.
 */
#include "kernel/timer.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/sched/run_queue.h"
#include "trace/kernel/trace.h"

#define TIMEOUTS_PER_INTERRUPT 16

cycles_t timer_slice;

/* The earlier of two times, of which 0 is none. */
static cycles_t earlier(cycles_t one, cycles_t other)
{
    return one == 0 || (other != 0 && other < one) ? other : one;
}

/* Arms the hardware for whichever comes first. */
static void timer_update(void)
{
    const struct tree_node *timeout = tree_first(&arch_this_cpu()->timer.timeouts);
    cycles_t next = earlier(percpu(timer.slice_end), percpu(timer.again));

    next = earlier(next, percpu(timer.budget_end));
    if (timeout != NULL) {
        next = earlier(timeout->key, next);
    }
    if (next != 0 && next != percpu(timer.armed)) {
        percpu(timer.armed) = next;
        arch_timer_arm(next);
    }
}

__attribute__((preserve_most)) void timer_start_slice(void)
{
    if (percpu(timer.slice_end) == 0) {
        percpu(timer.slice_end) = arch_cycles() + timer_slice;
        percpu(timer.slice_thread) = current()->id;
        timer_update();
    }
}

__attribute__((preserve_most)) void timer_start_budget(const struct sched_context *sc, cycles_t now)
{
    percpu(timer.budget_end) = now + (budget_is_over(sc) ? 0 : sc->limit - sc->used);
    timer_update();
}

/* The budget that ran when the timer was armed ends now. Perhaps another one runs by then. */
static void budget_ended(cycles_t now)
{
    const struct sched_context *sc = percpu(sc);

    percpu(timer.budget_end) = 0;
    if (current()->idle || sc->limit == TIME_UNLIMITED) {
        return;
    }
    if (sc->used + now >= sc->limit) {
        percpu(need_resched) = 1; /* sched_admit() does what is to be done */
    } else {
        percpu(timer.budget_end) = sc->limit - sc->used;
    }
}

void timer_insert(struct thread *thread, cycles_t deadline, void (*timed_out)(struct thread *))
{
    thread->timed_out = timed_out;
    thread->timeout.key = deadline;
    tree_insert(&arch_this_cpu()->timer.timeouts, &thread->timeout);
    timer_update();
}

void timer_remove(struct thread *thread)
{
    if (thread->timed_out != NULL) {
        thread->timed_out = NULL;
        tree_remove(&arch_this_cpu()->timer.timeouts, &thread->timeout);
    }
}

static void slept(struct thread *thread)
{
    thread_set_status(thread, STATUS_OK);
    thread_wake(thread, 0);
}

void timer_sleep(struct thread *thread, cycles_t deadline)
{
    thread->state = TRACE_THREAD_STATE_SLEEPING;
    timer_insert(thread, deadline, slept);
}

void timer_set_again(unsigned microseconds)
{
    percpu(timer.again) = arch_cycles() + arch_clock_hz / 1000000 * microseconds;
    timer_update();
}

/* How many it were. Those beyond a bound wait for the next interrupt, which comes at once. */
static uint32_t end_timeouts(cycles_t now)
{
    struct tree *timeouts = &arch_this_cpu()->timer.timeouts;
    struct tree_node *first;
    uint32_t count = 0;

    while (count < TIMEOUTS_PER_INTERRUPT && (first = tree_first(timeouts)) != NULL &&
           first->key <= now) {
        struct thread *thread = container_of(first, struct thread, timeout);
        void (*timed_out)(struct thread *) = thread->timed_out;

        timer_remove(thread);
        timed_out(thread);
        count++;
    }
    return count;
}

void timer_expired(void)
{
    cycles_t now = arch_cycles();
    uint32_t woken = end_timeouts(now);
    bool slice_ended = percpu(timer.slice_end) != 0 && percpu(timer.slice_end) <= now;

    percpu(timer.armed) = 0;
    if (percpu(timer.budget_end) != 0 && percpu(timer.budget_end) <= now) {
        budget_ended(now);
    }
    trace_timer(woken, slice_ended);
    if (percpu(timer.again) != 0 && percpu(timer.again) <= now) {
        percpu(timer.again) = 0;
        mail_again_due();
    }
    if (slice_ended) {
        percpu(timer.slice_end) = 0;
        if (percpu(timer.slice_thread) == current()->id || percpu(timer.spared)) {
            percpu(timer.spared) = false;
            sched_slice_ended();
        } else {
            percpu(timer.spared) = true;
        }
        if (!current()->idle && run_queue_shares(&arch_this_cpu()->queue,
                                                 percpu(sc))) { /* else who comes next starts it */
            timer_start_slice();
        } else {
            percpu(timer.spared) = false;
        }
    }
    timer_update();
}
