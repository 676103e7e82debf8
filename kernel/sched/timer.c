/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleepers and time slices; the header is the manual.
 *
 * Round-robin without a time stamp at every switch: when the timer fires at the end of a slice, the
 * running thread goes to the back if it was the running one when the slice began, or if nobody had to
 * at the end of the slice before. So equals wait for two slices at most, also behind threads that
 * call each other in turn.
 */
#include "kernel/timer.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "trace/kernel/trace.h"

cycles_t timer_slice;

void timer_init(struct timer *timer)
{
    list_init(&timer->sleepers);
}

static struct thread *first_sleeper(void)
{
    struct list_link *link = list_first(&arch_this_cpu()->timer.sleepers);

    return link == NULL ? NULL : container_of(link, struct thread, link);
}

/* Arms the hardware for whichever comes first. */
static void timer_update(void)
{
    struct thread *sleeper = first_sleeper();
    cycles_t next = percpu(timer.slice_end);

    if (sleeper != NULL && (next == 0 || sleeper->deadline < next)) {
        next = sleeper->deadline;
    }
    if (percpu(timer.again) != 0 && (next == 0 || percpu(timer.again) < next)) {
        next = percpu(timer.again);
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

void timer_sleep(struct thread *thread)
{
    struct list_link *head = &arch_this_cpu()->timer.sleepers.head;
    struct list_link *position = head->next;

    while (position != head &&
           container_of(position, struct thread, link)->deadline <= thread->deadline) {
        position = position->next;
    }
    list_insert_before(position, &thread->link);
    timer_update();
}

void timer_set_again(cycles_t deadline)
{
    percpu(timer.again) = deadline;
    timer_update();
}

static uint32_t wake_sleepers(cycles_t now)
{
    struct thread *sleeper;
    uint32_t count = 0;

    while ((sleeper = first_sleeper()) != NULL && sleeper->deadline <= now) {
        list_remove(&sleeper->link);
        thread_set_status(sleeper, STATUS_OK);
        thread_wake(sleeper, 0);
        count++;
    }
    return count;
}

void timer_expired(void)
{
    cycles_t now = arch_cycles();
    uint32_t woken = wake_sleepers(now);
    bool slice_ended = percpu(timer.slice_end) != 0 && percpu(timer.slice_end) <= now;

    percpu(timer.armed) = 0;
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
        if (percpu(queue).ready != 0 && !current()->idle) { /* else who comes next starts it */
            timer_start_slice();
        }
    }
    timer_update();
}
