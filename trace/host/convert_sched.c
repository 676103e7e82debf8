/* SPDX-License-Identifier: Apache-2.0
 *
 * Scheduling as ftrace events. What the trace processor silently drops or misreads without it:
 *
 * 1. Every event has its `pid` (the thread that runs there), even when it is 0, and every bundle
 *    its `cpu`, even CPU 0.
 * 2. A switch's previous thread is the one that the CPU's last switch started. So each CPU begins
 *    with a made-up switch to the thread that its records start with, and so does what follows a
 *    gap.
 * 3. A waking counts only for a thread that is blocked by then, and its waker is shown only if it
 *    runs at that moment, on any CPU. A thread that was woken through a mailbox is woken for the
 *    reader at the moment of the push, on the CPU that pushed, by the thread that pushed: this is
 *    who made it run, and it was running. Only when the woken thread was not yet blocked at the
 *    push, or when nobody pushed, the CPU where the wake-up was recorded is the waker's. Of two
 *    events of one nanosecond on two CPUs the reader may take either first, so the waking is one
 *    nanosecond later than the switch that blocked the thread.
 * 4. A direct switch from client to server and back has no wake-up in the kernel. In the picture
 *    it gets one, by the partner, so that critical paths lead through it.
 */
#include "convert.h"

#include <stdio.h>

#include "weft/trace_events.h"

enum ftrace_field {
    FTRACE_TIMESTAMP = 1,
    FTRACE_PID = 2,
    FTRACE_SWITCH = 4,
    FTRACE_WAKING = 20,
    FTRACE_IRQ_ENTRY = 36,
    FTRACE_IRQ_EXIT = 37,
    FTRACE_PROCESS_FREE = 240,
};

#define EVENT_SIZE_MAX 256u

static uint32_t thread_tid(const struct convert *convert, uint32_t thread)
{
    return thread == ID_NONE ? 0 : convert->names.threads[thread].id;
}

static const char *thread_comm(const struct convert *convert, uint32_t thread)
{
    return thread == ID_NONE ? "swapper" : convert->names.threads[thread].name;
}

static unsigned thread_priority(const struct convert *convert, uint32_t thread)
{
    return thread == ID_NONE ? 0 : convert->model.threads[thread].priority;
}

/* ---- bundles ----------------------------------------------------------------------------------- */

static void bundle_flush(struct convert *convert, uint32_t cpu)
{
    struct bundle *bundle = &convert->bundles[cpu];
    uint8_t head[32], *at, *content;

    if (!bundle->used) {
        return;
    }
    content = proto_open(head, 1);
    at = proto_uint(content, 1, cpu);
    if (bundle->lost) {
        at = proto_uint(at, 3, 1);
    }
    /* The nested message goes on after the head, in the bundle's own buffer. */
    {
        size_t size = (size_t)(at - content) + bundle->used;
        uint8_t outer[16];
        uint8_t *end =
            proto_varint(proto_tag(outer, 1, WIRE_BYTES), size + (size_t)(content - head));

        content[-2] = (uint8_t)(size | 0x80);
        content[-1] = (uint8_t)(size >> 7);
        output_write(convert->output, outer, (size_t)(end - outer));
        output_write(convert->output, head, (size_t)(at - head));
        output_write(convert->output, bundle->bytes, bundle->used);
    }
    bundle->used = 0;
    bundle->lost = false;
}

/* Begins an event in the CPU's bundle; returns where its content goes. */
static uint8_t *event_open(struct convert *convert, uint32_t cpu, uint64_t time, uint32_t running,
                           unsigned field, uint8_t **start)
{
    struct bundle *bundle = &convert->bundles[cpu];
    uint8_t *at;

    if (!bundle->bytes) {
        bundle->bytes = memory_new(BUNDLE_SIZE);
    }
    if (bundle->used + EVENT_SIZE_MAX > BUNDLE_SIZE) {
        bundle_flush(convert, cpu);
    }
    *start = proto_open(bundle->bytes + bundle->used, 2);
    at = proto_uint(*start, FTRACE_TIMESTAMP, time);
    at = proto_uint(at, FTRACE_PID, thread_tid(convert, running));
    return proto_open(at, field);
}

static void event_close(struct convert *convert, uint32_t cpu, uint8_t *start, uint8_t *content,
                        uint8_t *end)
{
    struct bundle *bundle = &convert->bundles[cpu];

    end = proto_close(start, proto_close(content, end));
    bundle->used = (size_t)(end - bundle->bytes);
}

/* ---- switches and wake-ups --------------------------------------------------------------------- */

/* How the trace processor is told why a thread stopped, in the codes of Linux 4.4. */
static unsigned switch_state(const struct convert *convert, uint32_t thread, uint8_t state)
{
    if (thread == ID_NONE || convert->names.threads[thread].idle_cpu != ID_NONE) {
        return 1; /* an idle thread must not count as runnable */
    }
    switch (state) {
    case TRACE_THREAD_STATE_RUNNABLE:
        return 0x800; /* preempted */
    case TRACE_THREAD_STATE_TRAVELLING:
        return 2; /* cannot be interrupted */
    case TRACE_THREAD_STATE_SUSPENDED:
        return 4; /* stopped */
    case TRACE_THREAD_STATE_OUT_OF_BUDGET:
        return 0x200; /* parked */
    case TRACE_THREAD_STATE_EXITED:
        return 0x10;
    default:
        return 1;
    }
}

void sched_switch(struct convert *convert, uint32_t cpu, uint64_t time, uint32_t previous,
                  uint32_t next, uint8_t state)
{
    uint8_t *start, *content, *at;

    if (previous != ID_NONE) {
        thread_declare(convert, previous);
    }
    if (next != ID_NONE) {
        thread_declare(convert, next);
    }
    at = content = event_open(convert, cpu, time, previous, FTRACE_SWITCH, &start);
    at = proto_string(at, 1, thread_comm(convert, previous));
    at = proto_uint(at, 2, thread_tid(convert, previous));
    at = proto_uint(at, 3, thread_priority(convert, previous));
    at = proto_uint(at, 4, switch_state(convert, previous, state));
    at = proto_string(at, 5, thread_comm(convert, next));
    at = proto_uint(at, 6, thread_tid(convert, next));
    at = proto_uint(at, 7, thread_priority(convert, next));
    event_close(convert, cpu, start, content, at);
    convert->bundles[cpu].running = next;
}

void sched_waking(struct convert *convert, uint32_t cpu, uint64_t time, uint32_t waker,
                  uint32_t wakee, uint32_t target)
{
    uint8_t *start, *content, *at;

    thread_declare(convert, wakee);
    at = content = event_open(convert, cpu, time, waker, FTRACE_WAKING, &start);
    at = proto_string(at, 1, thread_comm(convert, wakee));
    at = proto_uint(at, 2, thread_tid(convert, wakee));
    at = proto_uint(at, 3, convert->model.threads[wakee].priority);
    at = proto_uint(at, 4, 1);
    at = proto_uint(at, 5, target);
    event_close(convert, cpu, start, content, at);
}

/* Notes that the running thread gives itself away. */
void sched_push(struct convert *convert, const struct trace_event *event)
{
    uint32_t current = convert->model.cpus[event->cpu].current;

    if (current != ID_NONE && event_a(event) == thread_tid(convert, current) &&
        event_b(event) <= TRACE_TRAVEL_START) {
        convert->bundles[event->cpu].given_away = event->time;
    }
}

/* The thread is woken or runs elsewhere, and its old CPU has not yet said that it is gone. */
static void sched_leave(struct convert *convert, uint32_t thread, uint32_t cpu, uint64_t time)
{
    uint64_t given_away = cpu == ID_NONE ? 0 : convert->bundles[cpu].given_away;

    if (given_away && convert->bundles[cpu].running == thread) {
        convert->bundles[cpu].given_away = 0;
        sched_switch(convert, cpu, given_away + 1 < time ? given_away + 1 : time, thread, ID_NONE,
                     TRACE_THREAD_STATE_TRAVELLING);
    }
}

static bool waker_was_pushing(const struct convert *convert, const struct trace_event *event,
                              uint32_t wakee)
{
    const struct model_cpu *cpu = &convert->model.cpus[event->cpu];
    uint32_t cause = event_b(event);

    return cause && cause != thread_tid(convert, cpu->current) && cpu->arrival.cpu != ID_NONE &&
           cpu->arrival.pusher != ID_NONE && cause == thread_tid(convert, cpu->arrival.pusher) &&
           wakee != cpu->arrival.pusher && convert->model.threads[wakee].since <= cpu->arrival.time;
}

void sched_wakeup(struct convert *convert, const struct trace_event *event,
                  const struct model_change *change)
{
    const struct model_cpu *cpu = &convert->model.cpus[event->cpu];
    uint32_t wakee = change->other;
    uint64_t blocked = convert->model.threads[wakee].since;

    if (convert->model.threads[wakee].running) {
        sched_leave(convert, wakee, convert->model.threads[wakee].cpu, event->time);
    }
    if (waker_was_pushing(convert, event, wakee)) {
        sched_waking(convert, cpu->arrival.cpu,
                     cpu->arrival.time > blocked ? cpu->arrival.time : blocked + 1,
                     cpu->arrival.pusher, wakee, event->cpu);
    } else {
        sched_waking(convert, event->cpu, event->time, cpu->current, wakee, event->cpu);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static const char *vector_name(unsigned vector, char *text, size_t size)
{
    switch (vector) {
    case 0x20:
        return "timer";
    case 0x21:
        return "doorbell";
    case 0x22:
        return "trace categories";
    case 0xff:
        return "spurious";
    default:
        snprintf(text, size, "vector %u", vector);
        return text;
    }
}

static void irq_begin(struct convert *convert, uint32_t cpu, uint64_t time, uint8_t vector)
{
    struct bundle *bundle = &convert->bundles[cpu];
    uint8_t *start, *content, *at;
    char text[32];

    if (bundle->irq_depth == IRQ_DEPTH_MAX) {
        return;
    }
    bundle->irqs[bundle->irq_depth++] = vector;
    at = content =
        event_open(convert, cpu, time, convert->model.cpus[cpu].current, FTRACE_IRQ_ENTRY, &start);
    at = proto_uint(at, 1, vector);
    at = proto_string(at, 2, vector_name(vector, text, sizeof text));
    event_close(convert, cpu, start, content, at);
}

/* Ends the interrupt that began last; one whose beginning was lost is left out. */
static void irq_end(struct convert *convert, uint32_t cpu, uint64_t time)
{
    struct bundle *bundle = &convert->bundles[cpu];
    uint8_t *start, *content, *at;

    if (!bundle->irq_depth) {
        return;
    }
    bundle->irq_depth--;
    at = content =
        event_open(convert, cpu, time, convert->model.cpus[cpu].current, FTRACE_IRQ_EXIT, &start);
    at = proto_uint(at, 1, bundle->irqs[bundle->irq_depth]);
    at = proto_uint(at, 2, 1);
    event_close(convert, cpu, start, content, at);
}

void sched_interrupt(struct convert *convert, const struct trace_event *event)
{
    if (event->id == TRACE_EVENT_IRQ_ENTRY) {
        irq_begin(convert, event->cpu, event->time, event->small);
    } else {
        irq_end(convert, event->cpu, event->time);
    }
}

/* Ends all that are open. */
static void irqs_end(struct convert *convert, uint32_t cpu, uint64_t time)
{
    while (convert->bundles[cpu].irq_depth) {
        irq_end(convert, cpu, time);
    }
}

/* Ends open interrupts and writes what is left in the bundles. */
void sched_finish(struct convert *convert)
{
    for (uint32_t cpu = 0; cpu < CAPTURE_CPUS_MAX; cpu++) {
        irqs_end(convert, cpu, convert->end);
        bundle_flush(convert, cpu);
    }
}

/* The end of a thread. Whatever came later with its id would be another thread to the reader. */
void sched_thread_free(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    uint8_t *start, *content, *at;

    at = content = event_open(convert, event->cpu, event->time,
                              convert->model.cpus[event->cpu].current, FTRACE_PROCESS_FREE, &start);
    at = proto_string(at, 1, thread_comm(convert, thread));
    at = proto_uint(at, 2, thread_tid(convert, thread));
    event_close(convert, event->cpu, start, content, at);
}

/* Nothing is known of the CPU from here on: thread 0, which is never drawn, takes its place. */
static void sched_pause(struct convert *convert, uint32_t cpu, uint64_t time)
{
    uint32_t running = convert->bundles[cpu].running;

    irqs_end(convert, cpu, time);
    if (running != ID_NONE) {
        sched_switch(convert, cpu, time, running, ID_NONE, TRACE_THREAD_STATE_SLEEPING);
    }
}

/* From here on it is known again. Also the beginning of a CPU's records. */
static void sched_resume(struct convert *convert, uint32_t cpu, uint64_t time)
{
    uint32_t current = convert->model.cpus[cpu].current;

    if (current != ID_NONE && current != convert->bundles[cpu].running) {
        sched_switch(convert, cpu, time, convert->bundles[cpu].running, current,
                     TRACE_THREAD_STATE_SLEEPING);
    }
}

/* The CPU's first event: shows who ran from the beginning of its records. */
void sched_start(struct convert *convert, const struct trace_event *event)
{
    bool late = event->id == READER_GAP; /* earlier records were overwritten */

    sched_resume(convert, event->cpu, late ? event->time : convert->start);
}

/* The thread that the model has for this CPU has been lost or found. */
void sched_gap(struct convert *convert, const struct trace_event *event)
{
    if (event->id == READER_GAP && event->life) {
        return; /* names are not a gap in time */
    }
    if (event->id == READER_GAP && event->small == GAP_END) {
        bundle_flush(convert, event->cpu);
        convert->bundles[event->cpu].lost = true;
    }
    if (event->id == TRACE_EVENT_MASK && !(event->small & TRACE_CATEGORY_IRQ)) {
        irqs_end(convert, event->cpu, event->time); /* nobody will tell of their end */
    }
    if (convert->model.cpus[event->cpu].current == ID_NONE) {
        sched_pause(convert, event->cpu, event->time);
    } else if (!convert->model.cpus[event->cpu].late) {
        sched_resume(convert, event->cpu, event->time);
    }
}
