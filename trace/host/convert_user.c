/* SPDX-License-Identifier: Apache-2.0
 *
 * What threads say and do by themselves: user slices, marks, counters and arrows, system calls and faults.
 * User slices and system calls have tracks of their own below the thread's, because they do not nest with
 * calls and services (a server replies and receives inside one system call) nor with each other (a user
 * slice begins inside the system call that records it).
 */
#include "convert.h"

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define USER_DEPTH_MAX 512u

static uint32_t thread_process(const struct convert *convert, uint32_t thread)
{
    return convert->names.threads[thread].process;
}

static uint64_t string_name(struct convert *convert, uint32_t process, uint32_t id)
{
    uint32_t string = names_string(&convert->names, process, id);

    return intern(convert, INTERN_STRING, string, "%s", convert->names.strings[string].name);
}

static void user_counter(struct convert *convert, const struct trace_event *event, uint32_t process)
{
    uint32_t string = names_string(&convert->names, process, event_a(event));
    struct track_event value = {
        .time = event->time,
        .track = counter_track(convert, process, string, convert->names.strings[string].name),
        .type = TRACK_VALUE,
        .value = (int32_t)event_b(event),
    };

    track_write(convert, &value);
}

/* The value is the arrow's number, which may be used again when the arrow has arrived. */
static void user_flow(struct convert *convert, const struct trace_event *event,
                      struct track_event *mark)
{
    uint32_t number = event_b(event), flow = id_table_get(&convert->user_flows, number);

    if (event->id == TRACE_EVENT_USER_FLOW_OUT) {
        flow = (uint32_t)++convert->signals;
        id_table_put(&convert->user_flows, number, flow);
        mark->flows[0] = flow_id(FLOW_USER, flow);
    } else if (flow != ID_NONE) {
        id_table_remove(&convert->user_flows, number);
        mark->ends[0] = flow_id(FLOW_USER, flow);
    }
}

void user_event(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    struct track_event mark = {
        .time = event->time,
        .category = CATEGORY_USER,
        .notes = {{.name = NOTE_VALUE, .value = event_b(event)}},
    };
    uint32_t process;
    struct convert_thread *state;

    if (thread == ID_NONE) {
        return;
    }
    process = thread_process(convert, thread);
    if (event->id == TRACE_EVENT_USER_COUNTER) {
        user_counter(convert, event, process);
        return;
    }
    mark.track = thread_track(convert, thread, TRACK_USER);
    state = &convert->threads[thread];
    if (event->id == TRACE_EVENT_USER_END) {
        if (!state->user_depth) {
            return; /* its beginning was lost */
        }
        state->user_depth--;
        mark.type = TRACK_END;
    } else {
        mark.name = string_name(convert, process, event_a(event));
        mark.type = TRACK_INSTANT;
        if (event->id >= TRACE_EVENT_USER_FLOW_OUT) {
            user_flow(convert, event, &mark);
        } else if (event->id == TRACE_EVENT_USER_BEGIN) {
            if (state->user_depth == USER_DEPTH_MAX) {
                return;
            }
            state->user_depth++;
            mark.type = TRACK_BEGIN;
        }
    }
    track_write(convert, &mark);
}

void syscall_event(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    const size_t known = sizeof trace_syscall_names / sizeof *trace_syscall_names;
    struct track_event slice = {
        .time = event->time,
        .track = thread_track(convert, thread, TRACK_SYSCALLS),
        .type = TRACK_END,
    };
    struct convert_thread *state = &convert->threads[thread];

    state->faulted = false;
    if (state->syscall_open) {
        if (event->id == TRACE_EVENT_SYSCALL_EXIT && event->small == state->syscall) {
            slice.notes[0] = (struct note){.name = NOTE_STATUS,
                                           .value = (uint64_t)(int64_t)(int32_t)event_b(event)};
        }
        state->syscall_open = false;
        track_write(convert, &slice);
    }
    if (event->id == TRACE_EVENT_SYSCALL_ENTRY) {
        slice.type = TRACK_BEGIN;
        slice.category = CATEGORY_SYSCALL;
        slice.notes[0].name = 0;
        slice.name = intern(convert, INTERN_SYSCALL, event->small, "%s",
                            event->small < known ? trace_syscall_names[event->small] : "?");
        state->syscall_open = true;
        state->syscall = event->small;
        track_write(convert, &slice);
    }
}

void fault_event(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    struct track_event instant = {
        .time = event->time,
        .type = TRACK_INSTANT,
        .category = CATEGORY_FAULT,
        .notes = {{.name = NOTE_ADDRESS, .value = event->payload}},
    };

    if (thread == ID_NONE) {
        return;
    }
    instant.track = thread_track(convert, thread, TRACK_THREAD);
    convert->threads[thread].faulted = true;
    if (event->id == TRACE_EVENT_PAGE_FAULT) {
        instant.name = word(WORD_PAGE_FAULT);
        instant.notes[1] = (struct note){.name = NOTE_STATUS, .value = event->small};
    } else {
        instant.name =
            intern(convert, INTERN_EXCEPTION, event->small, "exception %u", event->small);
    }
    track_write(convert, &instant);
}

/* Ends what is open on the thread's own tracks. */
void user_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct track_event end = {.time = time, .type = TRACK_END};
    struct convert_thread *state = convert_thread(convert, thread);

    if (state->syscall_open) {
        state->syscall_open = false;
        end.track = thread_track(convert, thread, TRACK_SYSCALLS);
        track_write(convert, &end);
    }
    while (state->user_depth) {
        state->user_depth--;
        end.track = thread_track(convert, thread, TRACK_USER);
        track_write(convert, &end);
    }
}
