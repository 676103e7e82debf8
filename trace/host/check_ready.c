/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about who is ready on a CPU and who gets it:
 *
 * 1. A thread runs on the CPU on which it became ready, unless it has travelled meanwhile.
 * 2. No CPU goes idle while somebody is ready on it.
 * 3. Fixed priorities: of those who are ready on a CPU one of the highest priority is chosen, and of
 *    these the one that was woken first.
 * 4. Fixed priorities: who is interrupted, or enters the kernel, is not less urgent than somebody who is
 *    ready there: the kernel would not have let it go on.
 * 5. Who is out of budget is not woken before the refill, and leaves the CPU as one out of budget.
 *
 * Theory of operation. The ready threads of each CPU stand in lists, one for each priority. A wake-up
 * says with which priority a thread became ready: its own, or that of the client whose work it has been
 * given. What cannot be seen is not believed: who was preempted has kept its priority if it was
 * known, but stands before or behind its equals; and a thread that has spoken to others since it was
 * chosen may run on another's account by now. Such threads are ready, but with LEVEL_UNKNOWN. A call that
 * fails takes the loan from its server, wherever that stands: then all levels of the CPU are unknown.
 *
 * 3 and 4 are asked only where the capture's metadata say that no other policy was chosen.
 */
#include "check.h"

#include <string.h>

#include "weft/trace_events.h"

#define LEVEL_UNKNOWN READY_LEVELS

/* ---- the lists --------------------------------------------------------------------------------- */

static bool is_idle(const struct check *check, uint32_t thread)
{
    return check->names.threads[thread].idle_cpu != ID_NONE;
}

static void ready_add(struct check *check, uint32_t cpu, uint32_t index, unsigned level, bool turn)
{
    struct ready_list *list = &check->ready[cpu].levels[level];
    struct check_thread *thread = &check->threads[index];

    thread->ready = true;
    thread->in_turn = turn && level != LEVEL_UNKNOWN;
    thread->level = (uint8_t)level;
    thread->cpu = cpu;
    thread->ready_next = 0;
    thread->ready_before = list->last;
    if (list->last) {
        check->threads[list->last - 1].ready_next = index + 1;
    } else {
        list->first = index + 1;
    }
    list->last = index + 1;
    if (level != LEVEL_UNKNOWN) {
        check->ready[cpu].mask |= 1ull << level;
    }
}

void ready_remove(struct check *check, uint32_t index)
{
    struct check_thread *thread = &check->threads[index];
    struct ready_queue *queue = &check->ready[thread->cpu];
    struct ready_list *list = &queue->levels[thread->level];

    if (!thread->ready) {
        return;
    }
    *(thread->ready_before ? &check->threads[thread->ready_before - 1].ready_next : &list->first) =
        thread->ready_next;
    *(thread->ready_next ? &check->threads[thread->ready_next - 1].ready_before : &list->last) =
        thread->ready_before;
    if (!list->first && thread->level != LEVEL_UNKNOWN) {
        queue->mask &= ~(1ull << thread->level);
    }
    thread->ready = false;
}

void ready_forget(struct check *check)
{
    memset(check->ready, 0, check->cpu_count * sizeof *check->ready);
    for (uint32_t i = 0; i < check->cpu_count; i++) {
        check->ready[i].running = LEVEL_UNKNOWN;
    }
}

/* Nothing is known any more of the priorities of those who are ready. */
static void levels_forget(struct check *check, uint32_t cpu)
{
    struct ready_queue *queue = &check->ready[cpu];

    while (queue->mask) {
        uint32_t index = queue->levels[__builtin_ctzll(queue->mask)].first - 1;

        ready_remove(check, index);
        ready_add(check, cpu, index, LEVEL_UNKNOWN, false);
    }
    queue->running = LEVEL_UNKNOWN;
}

/* ---- the rules --------------------------------------------------------------------------------- */

void ready_woken(struct check *check, const struct trace_event *event, uint32_t index)
{
    struct check_thread *thread = &check->threads[index];
    unsigned level = event->small < READY_LEVELS ? event->small : LEVEL_UNKNOWN;

    if (thread->out && thread->out == check->ready[event->cpu].aborts + 1) {
        violation(check, event, "thread %u (%s) is woken although its budget is over",
                  event_a(event), check_name(check, index));
    }
    thread->out = 0;
    ready_remove(check, index);
    ready_add(check, event->cpu, index, level, true);
}

void ready_left(struct check *check, const struct trace_event *event, uint32_t index)
{
    struct ready_queue *queue = &check->ready[event->cpu];

    if (event->small == TRACE_THREAD_STATE_RUNNABLE && !is_idle(check, index)) {
        if (check->threads[index].out && check->threads[index].out == queue->aborts + 1) {
            violation(check, event,
                      "thread %u (%s) is out of budget, but leaves as if it was ready",
                      event_a(event), check_name(check, index));
        }
        ready_remove(check, index);
        ready_add(check, event->cpu, index, queue->running, false);
    }
    queue->running = LEVEL_UNKNOWN;
}

/* Has somebody been passed over who was woken before this one, with the same priority? */
static uint32_t passed_over(const struct check *check, const struct check_thread *chosen)
{
    for (uint32_t at = chosen->ready_before; at; at = check->threads[at - 1].ready_before) {
        if (check->threads[at - 1].in_turn) {
            return at;
        }
    }
    return 0;
}

static void check_choice(struct check *check, const struct trace_event *event, uint32_t next)
{
    const struct check_thread *thread = &check->threads[next];
    const struct ready_queue *queue = &check->ready[event->cpu];
    unsigned highest = queue->mask ? 63 - (unsigned)__builtin_clzll(queue->mask) : 0;
    uint32_t other = 0;

    if (highest > thread->level) {
        other = queue->levels[highest].first;
        violation(check, event,
                  "thread %u (%s) of priority %u is chosen, but thread %u (%s) of priority %u is "
                  "ready",
                  event_b(event), check_name(check, next), thread->level,
                  check->names.threads[other - 1].id, check_name(check, other - 1), highest);
    } else if (thread->in_turn && (other = passed_over(check, thread))) {
        violation(check, event, "thread %u (%s) is chosen, but thread %u (%s) was woken before it",
                  event_b(event), check_name(check, next), check->names.threads[other - 1].id,
                  check_name(check, other - 1));
    }
}

void ready_chosen(struct check *check, const struct trace_event *event, uint32_t next)
{
    struct check_thread *thread = &check->threads[next];
    struct ready_queue *queue = &check->ready[event->cpu];

    queue->running = LEVEL_UNKNOWN;
    if (is_idle(check, next)) {
        uint32_t waits = queue->levels[LEVEL_UNKNOWN].first;

        if (queue->mask) {
            waits = queue->levels[63 - __builtin_clzll(queue->mask)].first;
        }
        if (waits) {
            violation(check, event, "the CPU goes idle, but thread %u (%s) is ready here",
                      check->names.threads[waits - 1].id, check_name(check, waits - 1));
        }
    } else if (thread->ready && thread->cpu != event->cpu) {
        violation(check, event, "thread %u (%s) starts here, but it became ready on CPU %u",
                  event_b(event), check_name(check, next), thread->cpu);
    } else if (thread->ready && thread->level != LEVEL_UNKNOWN) {
        if (check->fixed) {
            check_choice(check, event, next);
        }
        queue->running = thread->level;
    }
    ready_remove(check, next);
}

/* The running thread has come from user space. */
static void check_urgency(struct check *check, const struct trace_event *event)
{
    const struct ready_queue *queue = &check->ready[event->cpu];
    uint32_t current = check->cpus[event->cpu].current, other;

    if (!check->fixed || queue->running == LEVEL_UNKNOWN || current == ID_NONE ||
        !(queue->mask >> queue->running >> 1) || check->cpus[event->cpu].called) {
        return;
    }
    other = queue->levels[63 - __builtin_clzll(queue->mask)].first - 1;
    violation(
        check, event,
        "thread %u (%s) of priority %u still runs, but thread %u (%s) of priority %u is ready",
        check->names.threads[current].id, check_name(check, current), queue->running,
        check->names.threads[other].id, check_name(check, other), check->threads[other].level);
}

static void budget_over(struct check *check, const struct trace_event *event)
{
    uint32_t index = check_thread_of(check, event_a(event));
    struct check_thread *thread = &check->threads[index];

    if (thread->ready) { /* it was woken, and did not get any further */
        ready_remove(check, index);
        thread->state = CHECK_BLOCKED;
        thread->blocked_as = TRACE_THREAD_STATE_OUT_OF_BUDGET;
    }
    thread->out = check->ready[event->cpu].aborts + 1;
}

void check_ready(struct check *check, const struct trace_event *event)
{
    struct ready_queue *queue = &check->ready[event->cpu];
    uint32_t current = check->cpus[event->cpu].current;

    switch (event->id) {
    case TRACE_EVENT_BUDGET_OUT:
        budget_over(check, event);
        break;
    case TRACE_EVENT_BUDGET_REFILL:
    case TRACE_EVENT_THREAD_SUSPEND: /* a new period may begin when it goes on */
        check_thread(check, check_thread_of(check, event_a(event)))->out = 0;
        break;
    case TRACE_EVENT_IPC_ABORT:
        queue->aborts++;
        levels_forget(check, event->cpu);
        break;
    case TRACE_EVENT_IPC_DELIVER:
        if (event->small == TRACE_IPC_PATH_DIRECT || current == ID_NONE ||
            check->names.threads[current].id == event_b(event)) {
            queue->running = LEVEL_UNKNOWN;
        }
        break;
    case TRACE_EVENT_SCHEDULE:
    case TRACE_EVENT_IPC_CALL:
    case TRACE_EVENT_IPC_SEND:
    case TRACE_EVENT_IPC_REPLY:
    case TRACE_EVENT_IPC_SAVE:
        queue->running = LEVEL_UNKNOWN;
        break;
    default: /* interrupts, faults and system calls */
        if (!check->cpus[event->cpu].irq_depth) {
            check_urgency(check, event);
        }
        break;
    }
}
