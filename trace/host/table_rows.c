/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of each table, as events make them. Their layouts stand twice, as a C structure and as
 * NumPy's dtype in table_kinds; a test compares sizes and reads every column.
 */
#include "table.h"

#include <string.h>

#include "weft/trace_events.h"

#define STATE_RUNNING 254u
#define STATE_UNKNOWN 255u

struct __attribute__((packed)) schedule_row {
    uint64_t start, end;
    uint32_t cpu, thread, process;
    uint8_t state; /* in which it left */
};

struct __attribute__((packed)) state_row {
    uint64_t start, end;
    uint32_t thread, process, cpu;
    uint8_t state;
};

struct __attribute__((packed)) message_row {
    uint64_t stamps[STAMP_COUNT];
    uint32_t message, client, server, answerer, endpoint, client_cpu, server_cpu;
    uint8_t path, one_way, aborted, saved;
};

struct __attribute__((packed)) slice_row {
    uint64_t start, end;
    uint32_t thread, process, name, value, depth;
};

struct __attribute__((packed)) mark_row {
    uint64_t time;
    uint32_t thread, process, name;
    int32_t value;
    uint8_t counter;
};

struct __attribute__((packed)) memory_row {
    uint64_t time;
    uint32_t process, free;
};

/* ---- rows -------------------------------------------------------------------------------------- */

static void row_put(struct table *table, const void *row, size_t size)
{
    output_write(table->output, row, size);
    table->rows++;
}

static uint32_t id_of(const struct table *table, uint32_t index)
{
    return index == ID_NONE ? 0 : table->names.threads[index].id;
}

static uint32_t process_of(const struct table *table, uint32_t index)
{
    return index == ID_NONE ? 0 : table->names.threads[index].process;
}

static struct table_thread *thread_of(struct table *table, uint32_t index)
{
    table->threads = memory_grow(table->threads, &table->thread_capacity, (size_t)index + 1,
                                 sizeof(struct table_thread *));
    if (!table->threads[index]) {
        table->threads[index] = memory_new(sizeof **table->threads);
        table->threads[index]->state = STATE_UNKNOWN;
        table->threads[index]->cpu = ID_NONE;
    }
    return table->threads[index];
}

/* ---- schedule ---------------------------------------------------------------------------------- */

static void schedule_row(struct table *table, uint32_t cpu, uint32_t thread, uint64_t end,
                         uint8_t state)
{
    struct schedule_row row = {.start = table->cpus[cpu].since,
                               .end = end,
                               .cpu = cpu,
                               .thread = id_of(table, thread),
                               .process = process_of(table, thread),
                               .state = state};

    if (thread != ID_NONE && table->cpus[cpu].known) {
        row_put(table, &row, sizeof row);
    }
}

static void schedule_event(struct table *table, const struct trace_event *event,
                           const struct model_change *change)
{
    bool gap = event->id == READER_GAP && !event->life && event->small == GAP_BEGIN;

    if (event->id == TRACE_EVENT_SWITCH || gap) {
        schedule_row(table, event->cpu, change->thread, event->time,
                     gap ? STATE_UNKNOWN : event->small);
        table->cpus[event->cpu].since = event->time;
    } else if (!table->cpus[event->cpu].known || event->id == READER_GAP) {
        table->cpus[event->cpu].since = event->time;
    }
    table->cpus[event->cpu].known = true;
}

static void schedule_finish(struct table *table)
{
    for (uint32_t i = 0; i < table->model.cpu_count; i++) {
        schedule_row(table, i, table->model.cpus[i].current, table->last, STATE_RUNNING);
    }
}

/* ---- states ------------------------------------------------------------------------------------ */

static void state_set(struct table *table, uint32_t index, uint8_t state, uint32_t cpu,
                      uint64_t time)
{
    struct table_thread *thread = thread_of(table, index);
    struct state_row row = {.start = thread->since,
                            .end = time,
                            .thread = id_of(table, index),
                            .process = process_of(table, index),
                            .cpu = thread->cpu,
                            .state = thread->state};

    if (thread->state != STATE_UNKNOWN && time > thread->since) {
        row_put(table, &row, sizeof row);
    }
    thread->since = time;
    thread->state = state;
    thread->cpu = cpu;
}

static void states_event(struct table *table, const struct trace_event *event,
                         const struct model_change *change)
{
    if (event->id == TRACE_EVENT_SWITCH && change->thread != ID_NONE) {
        bool gone = event->small == TRACE_THREAD_STATE_EXITED ||
                    table->names.threads[change->thread].idle_cpu != ID_NONE;

        state_set(table, change->thread, gone ? STATE_UNKNOWN : event->small, event->cpu,
                  event->time);
        state_set(table, change->other, STATE_RUNNING, event->cpu, event->time);
    } else if (event->id == TRACE_EVENT_WAKEUP) {
        state_set(table, change->other, TRACE_THREAD_STATE_RUNNABLE, event->cpu, event->time);
    }
}

static void states_finish(struct table *table)
{
    for (uint32_t i = 0; i < table->thread_capacity; i++) {
        if (table->threads[i]) {
            state_set(table, i, STATE_UNKNOWN, ID_NONE, table->last);
        }
    }
}

/* ---- messages and interrupts ------------------------------------------------------------------- */

static void messages_event(struct table *table, const struct trace_event *event,
                           const struct model_change *change)
{
    const struct message *message = change->message;
    struct message_row row;

    (void)event;
    if (!change->completed) {
        return;
    }
    row = (struct message_row){
        .message = message->id,
        .client = id_of(table, message->client),
        .server = id_of(table, message->server),
        .answerer = id_of(table, message->answerer),
        .endpoint = message->endpoint,
        .client_cpu = message->client_cpu,
        .server_cpu = message->server_cpu,
        .path = message->path,
        .one_way = message->one_way,
        .aborted = message->aborted,
        .saved = message->saved,
    };
    memcpy(row.stamps, message->stamps, sizeof row.stamps);
    row_put(table, &row, sizeof row);
}

static void interrupts_event(struct table *table, const struct trace_event *event,
                             const struct model_change *change)
{
    unsigned *depth = &table->cpus[event->cpu].irq_depth;
    bool off = event->id == TRACE_EVENT_MASK && !(event->small & TRACE_CATEGORY_IRQ);
    struct interrupt_row *row;

    if (event->id == READER_GAP || off) {
        *depth = 0;
    } else if (event->id == TRACE_EVENT_IRQ_ENTRY && *depth < TABLE_IRQ_DEPTH) {
        table->cpus[event->cpu].irqs[(*depth)++] =
            (struct interrupt_row){.start = event->time,
                                   .cpu = event->cpu,
                                   .thread = id_of(table, change->thread),
                                   .vector = event->small};
    } else if (event->id == TRACE_EVENT_IRQ_EXIT && *depth) {
        row = &table->cpus[event->cpu].irqs[--*depth];
        row->end = event->time;
        row_put(table, row, sizeof *row);
    }
}

/* ---- what programs say ------------------------------------------------------------------------- */

static void slice_end(struct table *table, uint32_t index, uint64_t time)
{
    struct table_thread *thread = thread_of(table, index);
    const struct open_slice *slice;
    struct slice_row row;

    if (!thread->depth || --thread->depth >= TABLE_SLICE_DEPTH) {
        return;
    }
    slice = &thread->slices[thread->depth];
    row = (struct slice_row){.start = slice->start,
                             .end = time,
                             .thread = id_of(table, index),
                             .process = process_of(table, index),
                             .name = slice->name,
                             .value = slice->value,
                             .depth = thread->depth};
    row_put(table, &row, sizeof row);
}

static void slices_event(struct table *table, const struct trace_event *event,
                         const struct model_change *change)
{
    struct table_thread *thread;

    if (change->thread == ID_NONE) {
        return;
    }
    if (event->id == TRACE_EVENT_USER_BEGIN) {
        thread = thread_of(table, change->thread);
        if (thread->depth < TABLE_SLICE_DEPTH) {
            thread->slices[thread->depth] = (struct open_slice){
                .start = event->time, .name = event_a(event), .value = event_b(event)};
        }
        thread->depth++;
    } else if (event->id == TRACE_EVENT_USER_END) {
        slice_end(table, change->thread, event->time);
    }
}

static void slices_finish(struct table *table)
{
    for (uint32_t i = 0; i < table->thread_capacity; i++) {
        while (table->threads[i] && table->threads[i]->depth) {
            slice_end(table, i, table->last);
        }
    }
}

static void marks_event(struct table *table, const struct trace_event *event,
                        const struct model_change *change)
{
    struct mark_row row = {.time = event->time,
                           .thread = id_of(table, change->thread),
                           .process = process_of(table, change->thread),
                           .name = event_a(event),
                           .value = (int32_t)event_b(event),
                           .counter = event->id == TRACE_EVENT_USER_COUNTER};

    if (event->id == TRACE_EVENT_USER_INSTANT || event->id == TRACE_EVENT_USER_COUNTER) {
        row_put(table, &row, sizeof row);
    }
}

static void memory_event(struct table *table, const struct trace_event *event,
                         const struct model_change *change)
{
    struct memory_row row = {event->time, event_a(event), event_b(event)};

    (void)change;
    if (event->id == TRACE_EVENT_MEMORY) {
        row_put(table, &row, sizeof row);
    }
}

/* ---- the tables -------------------------------------------------------------------------------- */

#define U1(name) "('" name "', 'u1'), "
#define U4(name) "('" name "', '<u4'), "
#define U8(name) "('" name "', '<u8'), "

const struct table_kind table_kinds[TABLE_KINDS] = {
    {"schedule", U8("start") U8("end") U4("cpu") U4("thread") U4("process") U1("state"),
     schedule_event, schedule_finish},
    {"states", U8("start") U8("end") U4("thread") U4("process") U4("cpu") U1("state"), states_event,
     states_finish},
    {"messages",
     U8("enter") U8("call") U8("push") U8("take") U8("deliver") U8("serve") U8("reply") U8("back")
         U8("resume") U4("message") U4("client") U4("server") U4("answerer") U4("endpoint")
             U4("client_cpu") U4("server_cpu") U1("path") U1("one_way") U1("aborted") U1("saved"),
     messages_event, NULL},
    {"interrupts", U8("start") U8("end") U4("cpu") U4("thread") U1("vector"), interrupts_event,
     NULL},
    {"slices", U8("start") U8("end") U4("thread") U4("process") U4("name") U4("value") U4("depth"),
     slices_event, slices_finish},
    {"marks", U8("time") U4("thread") U4("process") U4("name") "('value', '<i4'), " U1("counter"),
     marks_event, NULL},
    {"memory", U8("time") U4("process") U4("free"), memory_event, NULL},
};
