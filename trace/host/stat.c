/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace stat`: the pass over a capture; see stat.h. A CPU's time runs from its first event to its
 * last, what a gap hides left out. Time in interrupts is also time of the thread that was interrupted.
 */
#include "stat.h"

#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static struct thread_stat *thread_stat(struct statistics *stat, uint32_t thread)
{
    stat->threads = memory_grow(stat->threads, &stat->thread_capacity, (size_t)thread + 1,
                                sizeof *stat->threads);
    return &stat->threads[thread];
}

static void phase_set(struct statistics *stat, uint32_t index, enum thread_phase phase,
                      uint64_t time)
{
    struct thread_stat *thread = thread_stat(stat, index);
    uint64_t length = time - thread->since;

    switch (thread->phase) {
    case PHASE_RUNNING:
        thread->running += length;
        break;
    case PHASE_RUNNABLE:
        thread->runnable += length;
        break;
    case PHASE_BLOCKED:
        thread->blocked += length;
        break;
    default:
        break;
    }
    thread->phase = phase;
    thread->since = time;
}

static bool is_idle(const struct statistics *stat, uint32_t thread)
{
    return thread == ID_NONE || stat->names.threads[thread].idle_cpu != ID_NONE;
}

static void stretch_end(struct statistics *stat, uint32_t cpu, uint32_t thread, uint64_t time)
{
    struct cpu_stat *cpu_stat = &stat->cpus[cpu];

    *(is_idle(stat, thread) ? &cpu_stat->idle : &cpu_stat->busy) += time - cpu_stat->since;
    cpu_stat->since = time;
}

/* A thread gets the CPU: how long did it wait for it? */
static void count_wait(struct statistics *stat, const struct trace_event *event, uint32_t index)
{
    struct thread_stat *thread = thread_stat(stat, index);

    if (thread->phase == PHASE_RUNNABLE && !is_idle(stat, index)) {
        histogram_add(&thread->waits, (int64_t)(event->time - thread->since));
        histogram_add(&stat->cpus[event->cpu].waits, (int64_t)(event->time - thread->since));
    }
}

static void count_switch(struct statistics *stat, const struct trace_event *event,
                         const struct model_change *change)
{
    bool runnable = event->small == TRACE_THREAD_STATE_RUNNABLE;

    stat->cpus[event->cpu].switches++;
    stretch_end(stat, event->cpu, change->thread, event->time);
    if (event->small == TRACE_THREAD_STATE_EXITED || is_idle(stat, change->thread)) {
        phase_set(stat, change->thread, PHASE_UNKNOWN, event->time);
    } else {
        phase_set(stat, change->thread, runnable ? PHASE_RUNNABLE : PHASE_BLOCKED, event->time);
        stat->threads[change->thread].preemptions += runnable;
    }
    count_wait(stat, event, change->other);
    phase_set(stat, change->other, PHASE_RUNNING, event->time);
    stat->threads[change->other].runs++;
}

/* Interrupts nest; the outermost one counts. */
static void count_irq(struct statistics *stat, const struct trace_event *event, uint32_t thread)
{
    struct cpu_stat *cpu = &stat->cpus[event->cpu];

    if (event->id == TRACE_EVENT_IRQ_ENTRY) {
        cpu->interrupts++;
        cpu->vectors[event->small]++;
        if (cpu->irq_depth++ == 0) {
            cpu->irq_since = event->time;
        }
    } else if (cpu->irq_depth && --cpu->irq_depth == 0) {
        cpu->irq += event->time - cpu->irq_since;
        if (thread != ID_NONE) {
            thread_stat(stat, thread)->irq += event->time - cpu->irq_since;
        }
    }
}

static void count_message(struct statistics *stat, const struct trace_event *event,
                          const struct model_change *change)
{
    switch (event->id) {
    case TRACE_EVENT_IPC_CALL:
    case TRACE_EVENT_IPC_SEND:
        stat->cpus[event->cpu].messages++;
        if (change->thread != ID_NONE && event->id == TRACE_EVENT_IPC_CALL) {
            thread_stat(stat, change->thread)->calls++;
        } else if (change->thread != ID_NONE) {
            thread_stat(stat, change->thread)->sends++;
        }
        break;
    case TRACE_EVENT_IPC_DELIVER:
        thread_stat(stat, change->other)->serves++;
        break;
    case TRACE_EVENT_IPC_REPLY:
        if (change->actor != ID_NONE) {
            thread_stat(stat, change->actor)->replies++;
        }
        break;
    case TRACE_EVENT_NOTIFICATION_SIGNAL:
        if (change->actor != ID_NONE) {
            thread_stat(stat, change->actor)->signals++;
        }
        break;
    case TRACE_EVENT_NOTIFICATION_DELIVER:
        thread_stat(stat, change->other)->notified++;
        break;
    default:
        break;
    }
}

/* What ran before a gap counts up to its beginning, what runs after it from its end on. */
static void gap_before(struct statistics *stat, const struct trace_event *event)
{
    uint32_t current = stat->model.cpus[event->cpu].current;

    if (event->small == GAP_BEGIN) {
        stretch_end(stat, event->cpu, current, event->time);
    }
    if (current != ID_NONE) {
        struct thread_stat *thread = thread_stat(stat, current);

        if (event->small != GAP_BEGIN) {
            thread->phase = PHASE_UNKNOWN;
        }
        phase_set(stat, current, PHASE_UNKNOWN, event->time);
    }
}

static void count_event(struct statistics *stat, const struct trace_event *event,
                        const struct model_change *change)
{
    struct cpu_stat *cpu = &stat->cpus[event->cpu];

    switch (event->id) {
    case READER_GAP:
        cpu->lost += event->payload;
        cpu->since = event->time;
        cpu->irq_depth = 0;
        if (stat->model.cpus[event->cpu].current != ID_NONE) {
            phase_set(stat, stat->model.cpus[event->cpu].current, PHASE_RUNNING, event->time);
        }
        break;
    case TRACE_EVENT_SWITCH:
        count_switch(stat, event, change);
        break;
    case TRACE_EVENT_WAKEUP:
        cpu->wakeups++;
        phase_set(stat, change->other, PHASE_RUNNABLE, event->time);
        stat->threads[change->other].wakeups++;
        break;
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_IRQ_EXIT:
        count_irq(stat, event, change->thread);
        break;
    case TRACE_EVENT_MASK:
        if (!(event->small & TRACE_CATEGORY_IRQ)) {
            cpu->irq_depth = 0; /* nobody will tell of their end */
        }
        break;
    case TRACE_EVENT_IPC_CALL ... TRACE_EVENT_IPC_SAVE:
        count_message(stat, event, change);
        break;
    default:
        cpu->pushes += event->id == TRACE_EVENT_MAILBOX_PUSH;
        cpu->takes += event->id == TRACE_EVENT_MAILBOX_TAKE;
        cpu->doorbells_sent += event->id == TRACE_EVENT_DOORBELL_SEND;
        cpu->doorbells_elided += event->id == TRACE_EVENT_DOORBELL_ELIDE;
        cpu->doorbells_received += event->id == TRACE_EVENT_DOORBELL_RECEIVE;
        break;
    }
}

static void count_all(struct statistics *stat, struct reader *reader)
{
    struct trace_event event;
    bool any = false;

    while (reader_next(reader, &event)) {
        struct cpu_stat *cpu = &stat->cpus[event.cpu];
        struct model_change change;

        if (!any) {
            stat->first = event.time;
            any = true;
        }
        stat->last = event.time > stat->last ? event.time : stat->last;
        if (!cpu->any) {
            cpu->any = true;
            cpu->first = cpu->since = cpu->last = event.time;
            if (stat->model.cpus[event.cpu].current != ID_NONE) {
                phase_set(stat, stat->model.cpus[event.cpu].current, PHASE_RUNNING, event.time);
            }
        }
        event.time = event.time < cpu->last ? cpu->last : event.time;
        cpu->last = event.time;
        stat->counts[event.id]++;
        cpu->events += event.id != READER_GAP;
        if (event.id == READER_GAP) {
            gap_before(stat, &event);
        }
        change = model_apply(&stat->model, &event);
        count_event(stat, &event, &change);
    }
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        stretch_end(stat, i, stat->model.cpus[i].current, stat->cpus[i].last);
    }
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        struct thread_stat *thread = &stat->threads[i];
        uint64_t end = stat->last > thread->since ? stat->last : thread->since;

        phase_set(stat, i, PHASE_UNKNOWN, end);
        histogram_finish(&thread->waits);
    }
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        histogram_finish(&stat->cpus[i].waits);
    }
}

void stat_free(struct statistics *stat)
{
    for (size_t i = 0; i < stat->thread_capacity; i++) {
        histogram_free(&stat->threads[i].waits);
    }
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        histogram_free(&stat->cpus[i].waits);
    }
    free(stat->cpus);
    free(stat->threads);
    model_free(&stat->model);
    names_free(&stat->names);
}

bool stat_collect(struct statistics *stat, const struct trace_file *file, struct trace_error *error)
{
    struct reader reader;
    bool done = false;

    memset(stat, 0, sizeof *stat);
    stat->file = file;
    if (!model_start(&stat->model, file, &stat->names, error)) {
        return false;
    }
    stat->cpus = memory_new(stat->model.cpu_count * sizeof *stat->cpus);
    if (reader_start(&reader, file, READER_ALL, error)) {
        count_all(stat, &reader);
        done = !reader.failed;
        reader_end(&reader);
    }
    if (!done) {
        stat_free(stat);
    }
    return done;
}

bool stat_capture(const struct trace_file *file, bool json, struct output *output,
                  struct trace_error *error)
{
    struct statistics *stat = memory_new(sizeof *stat);
    bool done = stat_collect(stat, file, error);

    if (done) {
        (json ? stat_json : stat_text)(stat, output);
        stat_free(stat);
    }
    free(stat);
    return done;
}
