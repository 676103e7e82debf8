/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace convert`: a capture as a Perfetto trace. One pass over the events; what is kept
 * between them grows with the number of threads, objects and CPUs only.
 */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

#include "weft/trace_events.h"

static void convert_switch(struct convert *convert, const struct trace_event *event,
                           const struct model_change *change)
{
    uint32_t previous = change->thread;

    if (convert->bundles[event->cpu].running == ID_NONE) {
        previous = ID_NONE; /* it has left already, see sched_push() */
    }
    convert->bundles[event->cpu].given_away = 0;
    sched_switch(convert, event->cpu, event->time, previous, change->other, event->small);
    ipc_switched(convert, event, change);
    run_queue_switched(convert, event, change);
    rest_close(convert, change->other, event->time);
    convert->threads[change->other].faulted = false;
    if (convert_thread(convert, change->thread)->exiting) {
        convert->threads[change->thread].exiting = false;
        sched_thread_free(convert, event, change->thread);
    }
}

static void convert_event(struct convert *convert, const struct trace_event *event,
                          const struct model_change *change)
{
    switch (event->id) {
    case READER_GAP:
        sched_gap(convert, event);
        lost_event(convert, event);
        break;
    case TRACE_EVENT_MASK:
        sched_gap(convert, event);
        smp_event(convert, event, change);
        break;
    case TRACE_EVENT_SWITCH:
        convert_switch(convert, event, change);
        break;
    case TRACE_EVENT_WAKEUP:
        sched_wakeup(convert, event, change);
        run_queue_woken(convert, event, change->other);
        break;
    case TRACE_EVENT_IPC_CALL ... TRACE_EVENT_IPC_ABORT:
    case TRACE_EVENT_IPC_SEND:
    case TRACE_EVENT_IPC_SAVE:
        ipc_event(convert, event, change);
        break;
    case TRACE_EVENT_NOTIFICATION_SIGNAL:
    case TRACE_EVENT_NOTIFICATION_DELIVER:
        notification_event(convert, event, change);
        break;
    case TRACE_EVENT_MAILBOX_PUSH:
        sched_push(convert, event);
        smp_event(convert, event, change);
        break;
    case TRACE_EVENT_IDLE_HALT:
    case TRACE_EVENT_TIMER:
    case TRACE_EVENT_MAILBOX_TAKE ... TRACE_EVENT_CROSSING:
        smp_event(convert, event, change);
        break;
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_IRQ_EXIT:
        sched_interrupt(convert, event);
        break;
    case TRACE_EVENT_INTERRUPT_SIGNAL:
    case TRACE_EVENT_INTERRUPT_ACK:
        interrupt_event(convert, event);
        break;
    case TRACE_EVENT_PAGE_FAULT:
    case TRACE_EVENT_EXCEPTION:
        fault_event(convert, event, change->thread);
        break;
    case TRACE_EVENT_SYSCALL_ENTRY:
    case TRACE_EVENT_SYSCALL_EXIT:
        syscall_event(convert, event, change->thread);
        break;
    case TRACE_EVENT_USER_INSTANT ... TRACE_EVENT_USER_FLOW_IN:
        user_event(convert, event, change->thread);
        break;
    case TRACE_EVENT_THREAD_CREATE ... TRACE_EVENT_THREAD_IDLE:
    case TRACE_EVENT_CAP_GRANT:
    case TRACE_EVENT_CAP_REVOKE:
    case TRACE_EVENT_THREAD_SUSPEND:
    case TRACE_EVENT_MIGRATE:
    case TRACE_EVENT_BUDGET_OUT ... TRACE_EVENT_SCHEDULE:
        life_event(convert, event);
        break;
    case TRACE_EVENT_MEMORY:
        memory_event(convert, event);
        break;
    default:
        other_event(convert, event, change->thread);
        break;
    }
}

/* A time stamp that went backwards would turn slices inside out: it is held at the one before. */
static void hold_time(struct convert *convert, struct trace_event *event)
{
    struct bundle *bundle = &convert->bundles[event->cpu];

    if (event->time < bundle->time) {
        event->time = bundle->time;
    }
    bundle->time = event->time;
    if (event->time > convert->end) {
        convert->end = event->time;
    }
}

static void convert_events(struct convert *convert, struct reader *reader)
{
    struct trace_event event;
    struct model_change change;
    bool started[CAPTURE_CPUS_MAX] = {false};
    bool any = false;

    while (reader_next(reader, &event)) {
        if (!any) {
            any = true;
            convert->start = event.time;
            tracks_start(convert);
        }
        hold_time(convert, &event);
        if (!started[event.cpu] && !event.life) {
            started[event.cpu] = true;
            sched_start(convert, &event);
        }
        change = model_apply(&convert->model, &event);
        convert_event(convert, &event, &change);
    }
}

/* Ends all slices that are still open: an endless slice would hide what comes after it. */
static void convert_finish(struct convert *convert)
{
    for (uint32_t i = 0; i < convert->thread_capacity && i < convert->names.thread_count; i++) {
        ipc_close(convert, i, convert->end);
        user_close(convert, i, convert->end);
        rest_close(convert, i, convert->end);
    }
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        lost_close(convert, i, convert->end);
    }
    interrupts_close(convert, convert->end);
    sched_finish(convert);
}

static void convert_free(struct convert *convert)
{
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        free(convert->bundles[i].bytes);
    }
    free(convert->threads);
    free(convert->objects);
    id_table_free(&convert->process_declared);
    id_table_free(&convert->process_described);
    id_table_free(&convert->counter_described);
    id_table_free(&convert->interned);
    id_table_free(&convert->name_known);
    id_table_free(&convert->user_flows);
    id_table_free(&convert->ended);
    free(convert->name_text);
    free(convert->name_start);
    model_free(&convert->model);
    names_free(&convert->names);
}

bool convert_capture(const struct trace_file *file, struct output *output,
                     struct trace_error *error)
{
    struct convert *convert;
    struct reader reader;
    bool done = false;

    convert = memory_new(sizeof *convert);
    convert->output = output;
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        convert->bundles[i].running = ID_NONE;
    }
    convert->file = file;
    if (!model_start(&convert->model, file, &convert->names, error)) {
        goto free_memory;
    }
    if (!reader_start(&reader, file, READER_ALL, error)) {
        goto free_model;
    }
    convert_events(convert, &reader);
    done = !reader.failed;
    if (done) {
        convert_finish(convert);
        trigger_show(convert, file);
    }
    reader_end(&reader);
free_model:
    convert_free(convert);
free_memory:
    free(convert);
    return done;
}
