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
 *    push, or when nobody pushed, the CPU where the wake-up was recorded is the waker's.
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
    return thread == ID_NONE ? "" : convert->names.threads[thread].name;
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
        uint8_t *end = proto_varint(proto_tag(outer, 1, WIRE_BYTES),
                                    size + (size_t)(content - head));

        content[-2] = (uint8_t)(size | 0x80);
        content[-1] = (uint8_t)(size >> 7);
        output_write(convert->output, outer, (size_t)(end - outer));
        output_write(convert->output, head, (size_t)(at - head));
        output_write(convert->output, bundle->bytes, bundle->used);
    }
    bundle->used = 0;
    bundle->lost = false;
}

void bundles_flush(struct convert *convert)
{
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        bundle_flush(convert, i);
    }
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
    thread_declare(convert, next);
    at = content = event_open(convert, cpu, time, previous, FTRACE_SWITCH, &start);
    at = proto_string(at, 1, thread_comm(convert, previous));
    at = proto_uint(at, 2, thread_tid(convert, previous));
    at = proto_uint(at, 3, previous == ID_NONE ? 0 : convert->model.threads[previous].priority);
    at = proto_uint(at, 4, switch_state(convert, previous, state));
    at = proto_string(at, 5, thread_comm(convert, next));
    at = proto_uint(at, 6, thread_tid(convert, next));
    at = proto_uint(at, 7, convert->model.threads[next].priority);
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

void sched_wakeup(struct convert *convert, const struct trace_event *event,
                  const struct model_change *change)
{
    const struct model_cpu *cpu = &convert->model.cpus[event->cpu];
    const struct model_thread *wakee = &convert->model.threads[change->other];
    uint32_t cause = event_b(event);

    if (cause && cause != thread_tid(convert, cpu->current) && cpu->arrival.cpu != ID_NONE &&
        cpu->arrival.pusher != ID_NONE && cause == thread_tid(convert, cpu->arrival.pusher) &&
        change->other != cpu->arrival.pusher && wakee->since <= cpu->arrival.time) {
        sched_waking(convert, cpu->arrival.cpu, cpu->arrival.time, cpu->arrival.pusher,
                     change->other, event->cpu);
    } else {
        sched_waking(convert, event->cpu, event->time, cpu->current, change->other, event->cpu);
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
    case 0xff:
        return "spurious";
    default:
        snprintf(text, size, "vector %u", vector);
        return text;
    }
}

void sched_interrupt(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    bool entry = event->id == TRACE_EVENT_IRQ_ENTRY;
    uint8_t *start, *content, *at;
    char text[32];

    at = content = event_open(convert, event->cpu, event->time, thread,
                              entry ? FTRACE_IRQ_ENTRY : FTRACE_IRQ_EXIT, &start);
    at = proto_uint(at, 1, event->small);
    at = entry ? proto_string(at, 2, vector_name(event->small, text, sizeof text))
               : proto_uint(at, 2, 1);
    event_close(convert, event->cpu, start, content, at);
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

/* The CPU's first event: shows who ran from the beginning of its records. */
void sched_start(struct convert *convert, const struct trace_event *event)
{
    struct bundle *bundle = &convert->bundles[event->cpu];
    uint32_t current = convert->model.cpus[event->cpu].current;
    bool late = event->id == READER_GAP; /* earlier records were overwritten */
    uint64_t time = late ? event->time : convert->start;
    uint32_t idle = convert->model.cpus[event->cpu].idle;

    if (current != ID_NONE) {
        sched_switch(convert, event->cpu, time, idle == current ? ID_NONE : idle, current,
                     TRACE_THREAD_STATE_RUNNABLE);
    }
    bundle->time = time;
}

void sched_gap(struct convert *convert, const struct trace_event *event,
               const struct model_change *change)
{
    struct bundle *bundle = &convert->bundles[event->cpu];

    if (event->life || event->small) {
        return; /* names are not a gap in time; a late start is no gap */
    }
    bundle_flush(convert, event->cpu);
    bundle->lost = true;
    if (change->other != ID_NONE && change->other != bundle->running) {
        sched_switch(convert, event->cpu, event->time, bundle->running, change->other,
                     TRACE_THREAD_STATE_SLEEPING);
    }
}
