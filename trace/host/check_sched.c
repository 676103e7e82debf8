/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about threads and CPUs:
 *
 * 1. A switch leaves the thread that runs on this CPU.
 * 2. The thread that it starts runs on no other CPU, has not ended, and is runnable: it was woken
 *    since it blocked, or the message system handed the CPU over to it (direct switch).
 * 3. A client does not run again before its message was answered, a sender not before it was delivered.
 * 4. Only a thread that is blocked is woken, and not while it is on its way to another CPU.
 * 5. A thread ends once.
 * 6. A suspended thread is neither woken nor does it run before it was resumed.
 * 7. Nobody is switched to inside an interrupt: that comes when it is over.
 *
 * A thread that pushes itself into another CPU's mailbox is gone from that moment on: the other CPU
 * may run it before this one knows who comes next and records the switch.
 */
#include "check.h"

#include "weft/trace_events.h"

static void check_previous(struct check *check, const struct trace_event *event, uint32_t previous)
{
    struct check_cpu *cpu = &check->cpus[event->cpu];
    struct check_thread *thread = &check->threads[previous];

    if (cpu->current != ID_NONE && cpu->current != previous) {
        violation(check, event, "switch from thread %u (%s), but thread %u (%s) was running",
                  event_a(event), check_name(check, previous),
                  check->names.threads[cpu->current].id, check_name(check, cpu->current));
    }
    if (cpu->left == previous) {
        cpu->left = ID_NONE;
        return; /* it was gone with the push, and may have been on many CPUs since */
    }
    if (cpu->current == ID_NONE) {
        return; /* so it may have been before events were missing */
    }
    ready_left(check, event, previous);
    if (thread->state == CHECK_RUNNING && thread->cpu != event->cpu) {
        violation(check, event, "thread %u (%s) leaves this CPU but runs on CPU %u", event_a(event),
                  check_name(check, previous), thread->cpu);
    }
    thread->blocked_as = event->small;
    thread->handed_over = false;
    switch (event->small) {
    case TRACE_THREAD_STATE_RUNNABLE:
        thread->state = CHECK_RUNNABLE;
        break;
    case TRACE_THREAD_STATE_EXITED:
        thread->state = CHECK_EXITED;
        break;
    default:
        thread->state = CHECK_BLOCKED;
        break;
    }
}

static bool is_idle(const struct check *check, uint32_t thread)
{
    return check->names.threads[thread].idle_cpu != ID_NONE;
}

static void check_next(struct check *check, const struct trace_event *event, uint32_t next)
{
    struct check_thread *thread = &check->threads[next];
    uint32_t id = event_b(event);

    if (thread->state == CHECK_RUNNING && check->cpus[thread->cpu].current == next &&
        (thread->cpu != event->cpu || event_a(event) != id)) {
        violation(check, event, "thread %u (%s) starts here while it runs on CPU %u", id,
                  check_name(check, next), thread->cpu);
    } else if (thread->state == CHECK_EXITED) {
        violation(check, event, "thread %u (%s) runs after its end", id, check_name(check, next));
    } else if (thread->state == CHECK_BLOCKED && !thread->handed_over && !is_idle(check, next)) {
        violation(check, event, "thread %u (%s) runs without having been woken", id,
                  check_name(check, next));
    }
    if (thread->suspended) {
        violation(check, event, "thread %u (%s) runs while it is suspended", id,
                  check_name(check, next));
    }
    ready_chosen(check, event, next);
    if (is_idle(check, next) && check->names.threads[next].idle_cpu != event->cpu) {
        violation(check, event, "the idle thread of CPU %u runs here",
                  check->names.threads[next].idle_cpu);
    }
    if (thread->progress == PROGRESS_CALLED || thread->progress == PROGRESS_DELIVERED) {
        if (thread->state == CHECK_BLOCKED &&
            (thread->blocked_as == TRACE_THREAD_STATE_BLOCKED_CALL ||
             thread->blocked_as == TRACE_THREAD_STATE_BLOCKED_SEND)) {
            violation(check, event, "thread %u (%s) runs before its message was %s", id,
                      check_name(check, next), thread->one_way ? "delivered" : "answered");
        }
    } else if (thread->progress == PROGRESS_ANSWERED) {
        thread->progress = PROGRESS_NONE;
    }
    thread->state = CHECK_RUNNING;
    thread->cpu = event->cpu;
    thread->handed_over = false;
}

static void check_wakeup(struct check *check, const struct trace_event *event)
{
    uint32_t index = check_thread_of(check, event_a(event));
    struct check_thread *thread = &check->threads[index];

    if (thread->state == CHECK_RUNNING) {
        violation(check, event, "thread %u (%s) is woken while it runs on CPU %u", event_a(event),
                  check_name(check, index), thread->cpu);
        return;
    }
    if (thread->state == CHECK_EXITED) {
        violation(check, event, "thread %u (%s) is woken after its end", event_a(event),
                  check_name(check, index));
        return;
    }
    if (thread->state == CHECK_RUNNABLE) {
        violation(check, event, "thread %u (%s) is woken while it is runnable", event_a(event),
                  check_name(check, index));
    }
    if (thread->suspended) {
        violation(check, event, "thread %u (%s) is woken while it is suspended", event_a(event),
                  check_name(check, index));
    }
    if (thread->travels) {
        violation(check, event, "thread %u (%s) is woken while it is in a mailbox", event_a(event),
                  check_name(check, index));
    }
    thread->state = CHECK_RUNNABLE;
    ready_woken(check, event, index);
}

static void check_exit(struct check *check, const struct trace_event *event)
{
    uint32_t index = check_thread_of(check, event_a(event));

    if (check->threads[index].state == CHECK_EXITED) {
        violation(check, event, "thread %u (%s) ends twice", event_a(event),
                  check_name(check, index));
    } else if (check->threads[index].state != CHECK_RUNNING) {
        ready_remove(check, index);
        check->threads[index].state = CHECK_EXITED; /* a running thread still has to switch away */
    }
}

static void check_suspend(struct check *check, const struct trace_event *event)
{
    uint32_t index = check_thread_of(check, event_a(event));
    struct check_thread *thread = &check->threads[index];

    if (event->small && (thread->state == CHECK_RUNNING || thread->state == CHECK_EXITED)) {
        violation(check, event, "thread %u (%s) rests while it runs or after its end",
                  event_a(event), check_name(check, index));
    }
    ready_remove(check, index);
    thread->suspended = event->small != 0;
    thread->in_syscall = false; /* its registers may be set: it need not leave the call it is in */
}

void check_sched(struct check *check, const struct trace_event *event)
{
    uint32_t previous, next;

    switch (event->id) {
    case TRACE_EVENT_SWITCH:
        previous = check_thread_of(check, event_a(event));
        next = check_thread_of(check, event_b(event));
        if (check->cpus[event->cpu].irq_depth) {
            violation(check, event, "switch inside interrupt %u",
                      check->cpus[event->cpu].irqs[check->cpus[event->cpu].irq_depth - 1]);
        }
        check_previous(check, event, previous);
        check_next(check, event, next);
        check->cpus[event->cpu].current = next;
        break;
    case TRACE_EVENT_WAKEUP:
        check_wakeup(check, event);
        break;
    case TRACE_EVENT_THREAD_SUSPEND:
        check_suspend(check, event);
        break;
    default:
        check_exit(check, event);
        break;
    }
}
