/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about what crosses between CPUs and about the ways into the kernel:
 *
 * 1. What is taken from a mailbox was pushed into it before, and is taken once.
 * 2. Each push is followed at once by the doorbell for that CPU, or by the reason for which there is
 *    none; neither comes without a push. (A doorbell may say that it is for something else.)
 * 3. A doorbell that arrives was rung. (Several may arrive as one.)
 * 4. Interrupts nest: the one that ends is the one that began last.
 * 5. A device's interrupt is signalled again only after its driver has acknowledged the last one.
 * 6. A thread is in at most one system call, and leaves the one that it entered. (One that never
 *    returns is left open.)
 */
#include "check.h"

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static uint64_t travel_key(uint32_t traveller, uint32_t why, uint32_t to)
{
    return (uint64_t)(why & 0xff) << 40 | (uint64_t)(to & 0xff) << 32 | traveller;
}

static bool is_thread_travel(uint32_t why)
{
    return why <= TRACE_TRAVEL_START || why == TRACE_TRAVEL_CAPABILITY;
}

/* Does what is still owed match what is paid now: a CPU + 1, or 0 for nothing? */
static void check_owed(struct check *check, const struct trace_event *event, uint32_t paid)
{
    struct check_cpu *cpu = &check->cpus[event->cpu];

    if (cpu->owed != paid && cpu->owed) {
        violation(check, event, "a push to CPU %u without a word about its doorbell",
                  cpu->owed - 1);
    } else if (cpu->owed != paid && !check->incomplete) {
        violation(check, event, "a doorbell for CPU %u without a push", paid - 1);
    }
    cpu->owed = 0;
}

static void check_push(struct check *check, const struct trace_event *event)
{
    uint64_t key = travel_key(event_a(event), event_b(event), event->small);
    uint32_t count = id_table_get(&check->travels, key);

    count = count == ID_NONE ? 0 : count;
    check_owed(check, event, 0);
    check->cpus[event->cpu].owed = event->small + 1u;
    if (is_thread_travel(event_b(event))) {
        uint32_t index = check_thread_of(check, event_a(event));
        struct check_thread *thread = check_thread(check, index);

        if (thread->travels) {
            violation(check, event, "thread %u is pushed while it is in a mailbox already",
                      event_a(event));
        }
        thread->travels = 1;
        if (thread->state == CHECK_RUNNING && thread->cpu == event->cpu) {
            thread->state = CHECK_BLOCKED; /* it is gone, although the CPU has yet to say so */
            thread->blocked_as = TRACE_THREAD_STATE_TRAVELLING;
            check->cpus[event->cpu].left = index;
        } else if (thread->state == CHECK_RUNNABLE) { /* it was ordered away before it ran */
            ready_remove(check, index);
            thread->state = CHECK_BLOCKED;
            thread->blocked_as = TRACE_THREAD_STATE_TRAVELLING;
        }
    }
    id_table_put(&check->travels, key, count + 1);
}

static void check_take(struct check *check, const struct trace_event *event)
{
    uint64_t key = travel_key(event_a(event), event_b(event), event->cpu);
    uint32_t count = id_table_get(&check->travels, key);
    const char *why =
        event_b(event) < TRACE_TRAVEL_COUNT ? trace_travel_names[event_b(event)] : "?";

    if (is_thread_travel(event_b(event))) {
        check_thread(check, check_thread_of(check, event_a(event)))->travels = 0;
    }
    if (count == ID_NONE) {
        if (!check->incomplete) {
            violation(check, event, "%s of %u is taken without having been pushed", why,
                      event_a(event));
        }
    } else if (count > 1) {
        id_table_put(&check->travels, key, count - 1);
    } else {
        id_table_remove(&check->travels, key);
    }
}

static void check_irq(struct check *check, const struct trace_event *event)
{
    struct check_cpu *cpu = &check->cpus[event->cpu];

    if (event->id == TRACE_EVENT_IRQ_ENTRY) {
        if (cpu->irq_depth < IRQ_DEPTH_MAX) {
            cpu->irqs[cpu->irq_depth++] = event->small;
        } else {
            violation(check, event, "interrupts nest deeper than %u", IRQ_DEPTH_MAX);
            cpu->irq_depth = 0;
        }
        cpu->irq_known = true;
    } else if (cpu->irq_depth) {
        cpu->irq_depth--;
        if (cpu->irqs[cpu->irq_depth] != event->small) {
            violation(check, event, "interrupt %u ends inside interrupt %u", event->small,
                      cpu->irqs[cpu->irq_depth]);
        }
    } else if (cpu->irq_known) {
        violation(check, event, "interrupt %u ends without having begun", event->small);
    }
}

/* A driver hears of an interrupt once, until it acknowledges. */
static void check_device(struct check *check, const struct trace_event *event)
{
    struct check_object *object = check_object(check, event_a(event));

    if (event->id == TRACE_EVENT_INTERRUPT_ACK) {
        object->device = DEVICE_OPEN;
        return;
    }
    if (object->device == DEVICE_HELD) {
        violation(check, event, "interrupt object %u signals before it was acknowledged",
                  event_a(event));
    }
    object->device = DEVICE_HELD;
}

static void check_syscall(struct check *check, const struct trace_event *event)
{
    uint32_t index = check_thread_of(check, event_a(event));
    struct check_thread *thread = &check->threads[index];
    uint32_t current = check->cpus[event->cpu].current;

    if (current != ID_NONE && current != index) {
        violation(check, event, "system call of thread %u (%s), but thread %u (%s) was running",
                  event_a(event), check_name(check, index), check->names.threads[current].id,
                  check_name(check, current));
    }
    if (event->id == TRACE_EVENT_SYSCALL_ENTRY) {
        if (thread->in_syscall) {
            violation(check, event, "thread %u (%s) enters a system call inside another",
                      event_a(event), check_name(check, index));
        }
        thread->in_syscall = true;
        thread->syscall = event->small;
        return;
    }
    if (thread->in_syscall && thread->syscall != event->small) {
        violation(check, event, "thread %u (%s) leaves system call %u, but it entered %u",
                  event_a(event), check_name(check, index), event->small, thread->syscall);
    }
    thread->in_syscall = false;
}

void check_smp(struct check *check, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_MAILBOX_PUSH:
        check_push(check, event);
        break;
    case TRACE_EVENT_MAILBOX_TAKE:
        check_take(check, event);
        break;
    case TRACE_EVENT_DOORBELL_SEND:
        if (event_a(event) == 0) {
            check_owed(check, event, event->small + 1u);
        } else { /* it is for no push */
            check->cpus[event->small].called = true;
        }
        check->cpus[event->small].doorbells++;
        break;
    case TRACE_EVENT_DOORBELL_RECEIVE:
        check->cpus[event->cpu].called = false;
        if (--check->cpus[event->cpu].doorbells < 0) {
            check->cpus[event->cpu].doorbells = 0;
            if (!check->incomplete) {
                violation(check, event, "a doorbell arrives that nobody rang");
            }
        }
        break;
    case TRACE_EVENT_DOORBELL_ELIDE:
        check_owed(check, event, event->small + 1u);
        break;
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_IRQ_EXIT:
        check_irq(check, event);
        break;
    case TRACE_EVENT_INTERRUPT_SIGNAL:
    case TRACE_EVENT_INTERRUPT_ACK:
        check_device(check, event);
        break;
    default:
        check_syscall(check, event);
        break;
    }
}
