/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages and notifications as slices with arrows.
 *
 *     client's track   |call pong .................................. |
 *                      |send|                                  resume^
 *                           \                                   /
 *     server's track          \ |serve ping .......... |reply| /
 *
 * The viewer draws an arrow from the end of the slice that it leaves to the start of the one where
 * it arrives. So arrows leave from the short slices `send` and `reply`, which end with the next
 * event of their CPU, and never after the other side has begun. Calls nest inside services on the
 * same track (a server that calls another), because a thread does one thing at a time.
 *
 * A notification leaves from an instant on the signaller's track and arrives at an instant on the
 * waiter's, when that runs again. Signals that come together arrive together; more than FLOWS_MAX
 * of them lose their arrows, not their instants.
 */
#include "convert.h"

#include <string.h>

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static uint64_t call_flow(const struct message *message)
{
    return message->serial << 1;
}

static uint64_t reply_flow(const struct message *message)
{
    return message->serial << 1 | 1;
}

static const char *path_name(uint8_t path)
{
    return path < TRACE_IPC_PATH_COUNT ? trace_ipc_path_names[path] : "?";
}

static void slice_end(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct track_event end = {
        .time = time, .track = thread_track(convert, thread, TRACK_THREAD), .type = TRACK_END};

    track_write(convert, &end);
}

/* ---- closing ----------------------------------------------------------------------------------- */

static void short_slice_begin(struct convert *convert, uint32_t cpu, uint32_t thread, bool is_reply)
{
    convert->shorts[cpu] = (struct short_slice){.thread = thread, .is_reply = is_reply};
}

void short_slice_end(struct convert *convert, uint32_t cpu, uint64_t time)
{
    struct short_slice slice = convert->shorts[cpu];

    if (slice.thread == ID_NONE) {
        return;
    }
    convert->shorts[cpu].thread = ID_NONE;
    slice_end(convert, slice.thread, time);
    if (slice.is_reply && convert->threads[slice.thread].serve_open) {
        convert->threads[slice.thread].serve_open = false;
        slice_end(convert, slice.thread, time);
    }
}

/* Ends a short slice of this thread, wherever it was begun. */
static void thread_short_end(struct convert *convert, uint32_t thread, uint64_t time)
{
    uint32_t cpu = model_thread(&convert->model, thread)->cpu;

    if (cpu < CAPTURE_CPUS_MAX && convert->shorts[cpu].thread == thread) {
        short_slice_end(convert, cpu, time);
    }
}

static void call_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct convert_thread *state = convert_thread(convert, thread);

    thread_short_end(convert, thread, time);
    if (state->call_open) {
        state->call_open = false;
        slice_end(convert, thread, time);
    }
}

/* Ends everything that is open on the thread's track. */
void ipc_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    call_close(convert, thread, time);
    if (convert->threads[thread].serve_open) {
        convert->threads[thread].serve_open = false;
        slice_end(convert, thread, time);
    }
}

/* ---- messages ---------------------------------------------------------------------------------- */

static uint64_t call_name(struct convert *convert, uint32_t endpoint)
{
    uint32_t index = names_object(&convert->names, endpoint), process;
    const struct object_name *object = &convert->names.objects[index];

    if (!object->process) {
        return intern(convert, INTERN_CALL, endpoint, "call endpoint %u", endpoint);
    }
    process = names_process(&convert->names, object->process);
    return intern(convert, INTERN_CALL, endpoint, "call %s",
                  convert->names.processes[process].name);
}

static void call_event(struct convert *convert, const struct trace_event *event,
                       const struct message *message)
{
    uint32_t client = message->client;
    struct track_event begin = {
        .time = event->time,
        .type = TRACK_BEGIN,
        .category = CATEGORY_IPC,
        .name = call_name(convert, message->endpoint),
        .notes = {{NOTE_MESSAGE, message->id, NULL},
                  {NOTE_ENDPOINT, message->endpoint, NULL},
                  {NOTE_PATH, 0, path_name(message->path)}},
    };

    call_close(convert, client, event->time);
    begin.track = thread_track(convert, client, TRACK_THREAD);
    track_write(convert, &begin);
    begin.name = word(convert, WORD_SEND);
    begin.flows[0] = call_flow(message);
    memset(begin.notes, 0, sizeof begin.notes);
    track_write(convert, &begin);
    convert->threads[client].call_open = true;
    short_slice_begin(convert, event->cpu, client, false);
}

static void deliver_event(struct convert *convert, const struct trace_event *event,
                          const struct message *message)
{
    uint32_t server = message->server;
    struct track_event begin = {
        .time = event->time,
        .type = TRACK_BEGIN,
        .category = CATEGORY_IPC,
        .name = intern(convert, INTERN_SERVE, message->client, "serve %s",
                       convert->names.threads[message->client].name),
        .ends = {call_flow(message)},
        .notes = {{NOTE_MESSAGE, message->id, NULL}},
    };

    thread_short_end(convert, message->client, event->time);
    ipc_close(convert, server, event->time);
    begin.track = thread_track(convert, server, TRACK_THREAD);
    track_write(convert, &begin);
    convert->threads[server].serve_open = true;
    if (event->small == TRACE_IPC_PATH_DIRECT) {
        sched_waking(convert, event->cpu, event->time, convert->model.cpus[event->cpu].current,
                     server, event->cpu);
    }
}

static void reply_event(struct convert *convert, const struct trace_event *event,
                        const struct message *message)
{
    uint32_t server = message->server;
    struct track_event begin = {
        .time = event->time,
        .type = TRACK_BEGIN,
        .category = CATEGORY_IPC,
        .name = word(convert, WORD_REPLY),
        .flows = {reply_flow(message)},
    };

    if (server != ID_NONE && convert_thread(convert, server)->serve_open) {
        call_close(convert, server, event->time);
        begin.track = thread_track(convert, server, TRACK_THREAD);
        track_write(convert, &begin);
        short_slice_begin(convert, event->cpu, server, true);
    }
    if (event->small == TRACE_IPC_PATH_DIRECT) {
        sched_waking(convert, event->cpu, event->time, convert->model.cpus[event->cpu].current,
                     message->client, event->cpu);
    }
}

static void abort_event(struct convert *convert, const struct trace_event *event,
                        const struct message *message)
{
    const char *error = event->small < sizeof trace_error_names / sizeof *trace_error_names
                            ? trace_error_names[event->small]
                            : NULL;
    struct track_event instant = {
        .time = event->time,
        .track = thread_track(convert, message->client, TRACK_THREAD),
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .name = word(convert, WORD_ABORTED),
        .notes = {{NOTE_STATUS, event->small, error}},
    };

    track_write(convert, &instant);
    if (message->server != ID_NONE && convert_thread(convert, message->server)->serve_open) {
        ipc_close(convert, message->server, event->time);
    }
}

/* ---- notifications ----------------------------------------------------------------------------- */

static struct convert_object *convert_object(struct convert *convert, uint32_t id)
{
    uint32_t index = names_object(&convert->names, id);

    convert->objects = memory_grow(convert->objects, &convert->object_capacity, (size_t)index + 1,
                                   sizeof *convert->objects);
    return &convert->objects[index];
}

static void flow_add(uint64_t *flows, uint64_t flow)
{
    for (unsigned i = 0; i < FLOWS_MAX; i++) {
        if (!flows[i]) {
            flows[i] = flow;
            return;
        }
    }
}

static void signal_event(struct convert *convert, const struct trace_event *event,
                         uint32_t signaller)
{
    uint32_t id = event_a(event);
    struct convert_object *object = convert_object(convert, id);
    uint64_t flow = ++convert->model.serials << 1;
    struct track_event instant = {
        .time = event->time,
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .flows = {flow},
        .notes = {{NOTE_BITS, event_b(event), NULL}},
    };
    char label[96];

    flow_add(object->signals, flow);
    if (signaller == ID_NONE) {
        return;
    }
    names_object_label(&convert->names, id, label, sizeof label);
    instant.name = intern(convert, INTERN_SIGNAL, id, "signal %s", label);
    instant.track = thread_track(convert, signaller, TRACK_THREAD);
    track_write(convert, &instant);
}

static void notified_write(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct track_event instant = {
        .time = time,
        .track = thread_track(convert, thread, TRACK_THREAD),
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .name = word(convert, WORD_NOTIFIED),
    };
    struct convert_thread *state = &convert->threads[thread];

    memcpy(instant.ends, state->notified, sizeof instant.ends);
    memset(state->notified, 0, sizeof state->notified);
    track_write(convert, &instant);
}

static void notified_event(struct convert *convert, const struct trace_event *event,
                           uint32_t waiter)
{
    struct convert_object *object = convert_object(convert, event_a(event));
    struct convert_thread *state = convert_thread(convert, waiter);

    memcpy(state->notified, object->signals, sizeof state->notified);
    memset(object->signals, 0, sizeof object->signals);
    if (convert->model.threads[waiter].running) {
        notified_write(convert, waiter, event->time);
    }
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

void ipc_event(struct convert *convert, const struct trace_event *event,
               const struct model_change *change)
{
    switch (event->id) {
    case TRACE_EVENT_NOTIFICATION_SIGNAL:
        signal_event(convert, event, change->thread);
        return;
    case TRACE_EVENT_NOTIFICATION_DELIVER:
        notified_event(convert, event, change->other);
        return;
    default:
        break;
    }
    if (!change->message) {
        return; /* its beginning was lost */
    }
    switch (event->id) {
    case TRACE_EVENT_IPC_CALL:
        call_event(convert, event, change->message);
        break;
    case TRACE_EVENT_IPC_DELIVER:
        deliver_event(convert, event, change->message);
        break;
    case TRACE_EVENT_IPC_REPLY:
        reply_event(convert, event, change->message);
        break;
    default:
        abort_event(convert, event, change->message);
        break;
    }
}

/* A thread has begun to run: what was on its way to it arrives. */
void ipc_switched(struct convert *convert, const struct trace_event *event,
                  const struct model_change *change)
{
    const struct message *message = change->message;

    if (convert_thread(convert, change->other)->notified[0]) {
        notified_write(convert, change->other, event->time);
    }
    if (!message || !change->completed) {
        return;
    }
    if (message->server != ID_NONE) {
        thread_short_end(convert, message->server, event->time);
    }
    if (!message->aborted) {
        struct track_event resume = {
            .time = event->time,
            .track = thread_track(convert, change->other, TRACK_THREAD),
            .type = TRACK_INSTANT,
            .category = CATEGORY_IPC,
            .name = word(convert, WORD_RESUME),
            .ends = {reply_flow(message)},
        };
        track_write(convert, &resume);
    }
    call_close(convert, change->other, event->time);
}
