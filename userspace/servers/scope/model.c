/* SPDX-License-Identifier: Apache-2.0
 *
 * The window that has just passed, read out of the kernel's rings anew each time: so what was misread once is gone with
 * the next window, and a reader that was late has nothing to catch up with.
 *
 * The window ends a moment ago, where all events are settled (weft/trace.h). Which thread ran at its beginning is known
 * from the page in which that lies; from there on each switch tells.
 */
#include "model.h"

#include "weft/string.h"
#include "weft/syscalls.h"

struct model model;

/* ---- lanes ------------------------------------------------------------------------------------------- */

static uint64_t column_start(uint32_t column)
{
    return model.start + (model.end - model.start) * column / model.columns;
}

static uint32_t column_at(uint64_t time)
{
    return (uint32_t)((time - model.start) * model.columns / (model.end - model.start));
}

static uint64_t clamped(uint64_t time)
{
    time = time > model.start ? time : model.start;
    return time < model.end ? time : model.end;
}

/* A thread ran on the CPU from here to there. */
static void add_run(struct lane *lane, uint32_t id, uint64_t from, uint64_t to)
{
    from = clamped(from);
    to = clamped(to);
    if (id == 0 || from >= to) {
        return;
    }
    struct thread *thread = thread_of(id);
    if (thread->idle) {
        return;
    }
    thread->time += to - from;
    lane->busy += to - from;
    for (uint32_t i = column_at(from); i < model.columns && column_start(i) < to; i++) {
        uint64_t begin = column_start(i), end = column_start(i + 1);
        begin = begin > from ? begin : from;
        end = end < to ? end : to;
        if (begin < end) {
            struct column *column = &lane->columns[i];
            column->ticks += end - begin;
            column->red += (thread->colour >> 16) * (end - begin);
            column->green += (thread->colour >> 8 & 0xff) * (end - begin);
            column->blue += (thread->colour & 0xff) * (end - begin);
        }
    }
}

static void add_interrupt(struct lane *lane, uint64_t time)
{
    if (time >= model.start && time < model.end) {
        lane->columns[column_at(time)].interrupts++;
    }
}

/* ---- what crosses --------------------------------------------------------------------------------- */

static void add_crossing(uint32_t cpu, const struct weft_trace_event *event)
{
    _Bool arrives = event->id == TRACE_EVENT_MAILBOX_TAKE;
    if (event->time < model.start || event->time >= model.end) {
        return;
    }
    if (model.crossing_count == CROSSINGS_MAX) {
        model.crossings_missing = 1;
        return;
    }
    model.crossings[model.crossing_count++] = (struct crossing){
        .time = event->time,
        .traveller = event->a,
        .why = (uint8_t)event->b,
        .from = (uint8_t)cpu,
        .to = arrives ? (uint8_t)cpu : event->small,
        .arrives = arrives,
    };
}

/* A heap of crossings, the latest at its top, in which one sinks to its place. */
static void sink(struct crossing *heap, uint32_t at, uint32_t count)
{
    struct crossing moved = heap[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1].time > heap[child].time) {
            child++;
        }
        if (heap[child].time <= moved.time) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void sort_crossings(void)
{
    struct crossing *heap = model.crossings;
    for (uint32_t i = model.crossing_count / 2; i-- > 0;) {
        sink(heap, i, model.crossing_count);
    }
    for (uint32_t count = model.crossing_count; count > 1; count--) {
        struct crossing latest = heap[0];
        heap[0] = heap[count - 1];
        heap[count - 1] = latest;
        sink(heap, 0, count - 1);
    }
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* Who runs behind the event; `running` where that does not change. */
static uint32_t runs_after(const struct weft_trace_event *event, uint32_t running)
{
    switch (event->id) {
    case TRACE_EVENT_SWITCH:
        return event->b;
    case TRACE_EVENT_IPC_CALL_DIRECT:
    case TRACE_EVENT_IPC_REPLY_DIRECT:
        return event->a;
    default:
        return running;
    }
}

static void read_cpu(uint32_t cpu)
{
    static struct weft_trace_walk walk;
    struct lane *lane = &model.lanes[cpu];
    struct weft_trace_event event;

    weft_trace_begin(&model.trace, &walk, cpu, WEFT_TRACE_EVENTS, model.start);
    uint64_t since = walk.opened;
    uint32_t running = walk.running, lost = 0;
    lane->unread = since > model.start ? since : 0;
    while (weft_trace_next(&walk, &event) && event.time < model.end) {
        if (walk.lost != lost) { /* what ran in between is not known */
            lost = walk.lost;
            running = walk.running;
            since = walk.opened;
        }
        uint32_t next = runs_after(&event, running);
        if (next != running) {
            add_run(lane, running, since, event.time);
            running = next;
            since = event.time;
        }
        if (event.id == TRACE_EVENT_IRQ_ENTRY) {
            add_interrupt(lane, event.time);
        } else if (event.id == TRACE_EVENT_MAILBOX_PUSH || event.id == TRACE_EVENT_MAILBOX_TAKE) {
            add_crossing(cpu, &event);
        }
        lane->events += event.time >= model.start;
    }
    add_run(lane, running, since, model.end);
}

void model_read(uint64_t ticks, uint32_t columns)
{
    model.cpus = model.trace.cpus < CPUS_MAX ? model.trace.cpus : CPUS_MAX;
    model.columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
    model.end = weft_cycles() - model.trace.settled;
    model.start = model.end - ticks;
    model.crossing_count = 0;
    model.crossings_missing = 0;
    model.turn = (model.turn + 1) % HISTORY;
    names_read(&model.trace);
    for (uint32_t cpu = 0; cpu < model.cpus; cpu++) {
        struct lane *lane = &model.lanes[cpu];
        memset(lane->columns, 0, sizeof(lane->columns));
        lane->busy = 0;
        lane->events = 0;
        read_cpu(cpu);
        lane->history[model.turn] = (uint32_t)(lane->busy * 1000 / ticks);
    }
    threads_settle(ticks * model.cpus);
    sort_crossings();
}
