/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters of CPUs and of processes' memory, and the marks where events were lost.
 *
 * Run queue: the threads that are ready on a CPU and do not run. A thread enters when it is woken or
 * preempted, and leaves when it runs, or may run no more. Where it stands is kept with the thread, so
 * that what was lost can make the counter late and never wrong for good: a gap empties the queue.
 *
 * Mailbox depth: what was pushed to a CPU and is not yet taken. Its values ride on the marks of the
 * pushes and takes. A take may come before its push, as each CPU tells its part in its own time; only
 * where records are missing, a take without a push is of something pushed before.
 */
#include "convert.h"

#include "weft/trace_events.h"

/* ---- run queues -------------------------------------------------------------------------------- */

static void run_queue_write(struct convert *convert, uint32_t cpu, uint64_t time)
{
    struct track_event value = {
        .time = time,
        .track = cpu_track(convert, cpu, TRACK_RUN_QUEUE),
        .type = TRACK_VALUE,
        .value = convert->cpus[cpu].ready,
    };

    track_write(convert, &value);
}

/* The thread is no longer in a run queue. */
void run_queue_leave(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct convert_thread *state = convert_thread(convert, thread);
    uint32_t cpu = state->ready_on - 1;

    if (state->ready_on) {
        state->ready_on = 0;
        convert->cpus[cpu].ready--;
        run_queue_write(convert, cpu, time);
    }
}

static void run_queue_enter(struct convert *convert, uint32_t thread, uint32_t cpu, uint64_t time)
{
    if (convert->names.threads[thread].idle_cpu != ID_NONE) {
        return;
    }
    run_queue_leave(convert, thread, time);
    convert->threads[thread].ready_on = cpu + 1;
    convert->cpus[cpu].ready++;
    run_queue_write(convert, cpu, time);
}

void run_queue_woken(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    if (!model_thread(&convert->model, thread)->running) {
        run_queue_enter(convert, thread, event->cpu, event->time);
    }
}

void run_queue_switched(struct convert *convert, const struct trace_event *event,
                        const struct model_change *change)
{
    run_queue_leave(convert, change->other, event->time);
    if (event->small == TRACE_THREAD_STATE_RUNNABLE && change->thread != ID_NONE &&
        !convert->model.threads[change->thread].running) {
        run_queue_enter(convert, change->thread, event->cpu, event->time);
    }
}

/* ---- mailboxes --------------------------------------------------------------------------------- */

void mailbox_depth(struct convert *convert, const struct trace_event *event,
                   struct track_event *instant)
{
    bool push = event->id == TRACE_EVENT_MAILBOX_PUSH;
    uint32_t cpu = push ? event->small : event->cpu;
    struct convert_cpu *state;

    if (cpu >= CAPTURE_CPUS_MAX) {
        return;
    }
    state = &convert->cpus[cpu];
    if (push) {
        state->depth++;
    } else if (state->depth > 0 || !convert->lost) {
        state->depth--;
    }
    instant->extra_track = cpu_track(convert, cpu, TRACK_DEPTH);
    instant->extra_value = state->depth > 0 ? state->depth : 0;
}

/* ---- memory ------------------------------------------------------------------------------------ */

void memory_event(struct convert *convert, const struct trace_event *event)
{
    struct track_event value = {
        .time = event->time,
        .track = counter_track(convert, event_a(event), COUNTER_MEMORY, "free memory"),
        .type = TRACK_VALUE,
        .value = (int64_t)event_b(event) << 12,
    };

    track_write(convert, &value);
}

/* ---- gaps -------------------------------------------------------------------------------------- */

static void queues_forget(struct convert *convert, uint32_t cpu, uint64_t time)
{
    struct convert_cpu *state = &convert->cpus[cpu];

    for (size_t i = 0; state->ready && i < convert->thread_capacity; i++) {
        if (convert->threads[i].ready_on == cpu + 1) {
            convert->threads[i].ready_on = 0;
            state->ready--;
        }
    }
    state->depth = 0;
    run_queue_write(convert, cpu, time);
}

static void lost_begin(struct convert *convert, uint32_t cpu, uint64_t time, enum word name)
{
    struct track_event begin = {
        .time = time,
        .track = cpu_track(convert, cpu, TRACK_LOST),
        .type = TRACK_BEGIN,
        .category = CATEGORY_LOST,
        .name = word(name),
    };

    track_write(convert, &begin);
    convert->cpus[cpu].lost_open = true;
}

static void lost_end(struct convert *convert, uint32_t cpu, uint64_t time, uint64_t lost)
{
    struct track_event end = {
        .time = time,
        .track = cpu_track(convert, cpu, TRACK_LOST),
        .type = TRACK_END,
        .notes = {{.name = lost ? NOTE_LOST : 0, .value = lost}},
    };

    track_write(convert, &end);
    convert->cpus[cpu].lost_open = false;
}

void lost_close(struct convert *convert, uint32_t cpu, uint64_t time)
{
    if (convert->cpus[cpu].lost_open) {
        lost_end(convert, cpu, time, 0);
    }
}

/* Where records are missing: a slice from the last one before to the first one after. */
void lost_event(struct convert *convert, const struct trace_event *event)
{
    if (event->life) {
        return; /* names are not a gap in time */
    }
    convert->lost = true;
    if (event->small == GAP_BEGIN) {
        lost_close(convert, event->cpu, event->time);
        lost_begin(convert, event->cpu, event->time, WORD_LOST);
        queues_forget(convert, event->cpu, event->time);
        return;
    }
    if (event->small == GAP_START) {
        lost_close(convert, event->cpu, event->time);
        lost_begin(convert, event->cpu, convert->start, WORD_OVERWRITTEN);
    }
    if (convert->cpus[event->cpu].lost_open) {
        lost_end(convert, event->cpu, event->time, event->payload);
    }
}
