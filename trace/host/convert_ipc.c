/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as slices with arrows.
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
 * A caller that is set aside leaves its server's slice at the instant `set aside`; an arrow leads from
 * there to the short slice `reply` of whoever answers, and on to the client.
 *
 * What is sent one way arrives at an instant `receive`, and the sender's slice ends when it goes on.
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

static uint64_t save_flow(const struct message *message)
{
    return 1ull << 61 | message->serial;
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

/* Ends a call that was answered; its stages become arguments of its slice. */
static void call_done(struct convert *convert, const struct message *message, uint64_t time)
{
    struct note stages[STAGE_COUNT + 1];
    struct track_event end = {
        .time = time, .type = TRACK_END, .more = stages, .more_count = STAGE_COUNT + 1};

    thread_short_end(convert, message->client, time);
    if (!convert_thread(convert, message->client)->call_open) {
        return;
    }
    convert->threads[message->client].call_open = false;
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        stages[i] = (struct note){.name = (enum note_name)(NOTE_STAGE + i),
                                  .value = message->stamps[i + 1] - message->stamps[i]};
    }
    stages[STAGE_COUNT] = (struct note){
        .name = NOTE_SERVER,
        .value = message->server == ID_NONE ? 0 : convert->names.threads[message->server].id};
    end.track = thread_track(convert, message->client, TRACK_THREAD);
    track_write(convert, &end);
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

static uint64_t call_name(struct convert *convert, const struct message *message)
{
    uint32_t endpoint = message->endpoint, process;
    uint32_t index = names_object(&convert->names, endpoint);
    const struct object_name *object = &convert->names.objects[index];
    bool fault = convert_thread(convert, message->client)->faulted;
    const char *verb = fault ? "fault to" : message->one_way ? "send to" : "call";
    enum intern_kind kind = fault ? INTERN_FAULT : message->one_way ? INTERN_SEND : INTERN_CALL;

    if (!object->process) {
        return intern(convert, kind, endpoint, "%s endpoint %u", verb, endpoint);
    }
    process = names_process(&convert->names, object->process);
    return intern(convert, kind, endpoint, "%s %s", verb, convert->names.processes[process].name);
}

static void call_event(struct convert *convert, const struct trace_event *event,
                       const struct message *message)
{
    uint32_t client = message->client;
    struct track_event begin = {
        .time = event->time,
        .type = TRACK_BEGIN,
        .category = CATEGORY_IPC,
        .name = call_name(convert, message),
        .notes = {{.name = NOTE_MESSAGE, .value = message->id},
                  {.name = NOTE_ENDPOINT, .value = message->endpoint},
                  {.name = NOTE_PATH, .text = path_name(message->path)}},
    };

    call_close(convert, client, event->time);
    begin.track = thread_track(convert, client, TRACK_THREAD);
    track_write(convert, &begin);
    begin.name = word(convert, WORD_SEND);
    begin.flows[0] = call_flow(message);
    memset(begin.notes, 0, sizeof begin.notes);
    track_write(convert, &begin);
    convert->threads[client].call_open = true;
    convert->threads[client].faulted = false;
    short_slice_begin(convert, event->cpu, client, false);
}

/* A one-way message has arrived. Its sender goes on at once, or when it runs the next time. */
static void receive_event(struct convert *convert, const struct trace_event *event,
                          const struct message *message)
{
    struct track_event instant = {
        .time = event->time,
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .name = intern(convert, INTERN_RECEIVE, message->client, "receive from %s",
                       convert->names.threads[message->client].name),
        .ends = {call_flow(message)},
        .notes = {{.name = NOTE_MESSAGE, .value = message->id}},
    };

    thread_short_end(convert, message->client, event->time);
    call_close(convert, message->server, event->time);
    instant.track = thread_track(convert, message->server, TRACK_THREAD);
    track_write(convert, &instant);
    if (convert->model.cpus[event->cpu].current == message->client) {
        call_close(convert, message->client, event->time);
    }
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
        .notes = {{.name = NOTE_MESSAGE, .value = message->id}},
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
    uint32_t answerer = message->saved ? message->answerer : message->server;
    struct track_event begin = {
        .time = event->time,
        .type = TRACK_BEGIN,
        .category = CATEGORY_IPC,
        .name = word(convert, WORD_REPLY),
        .flows = {reply_flow(message)},
        .ends = {message->saved ? save_flow(message) : 0},
    };

    if (answerer != ID_NONE && (message->saved || convert_thread(convert, answerer)->serve_open)) {
        call_close(convert, answerer, event->time);
        begin.track = thread_track(convert, answerer, TRACK_THREAD);
        track_write(convert, &begin);
        short_slice_begin(convert, event->cpu, answerer, !message->saved);
    }
    if (event->small == TRACE_IPC_PATH_DIRECT) {
        sched_waking(convert, event->cpu, event->time, convert->model.cpus[event->cpu].current,
                     message->client, event->cpu);
    }
}

/* The server has set its caller aside: it serves it no more, and somebody will answer. */
static void save_event(struct convert *convert, const struct trace_event *event,
                       const struct message *message)
{
    struct track_event instant = {
        .time = event->time,
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .name = word(convert, WORD_SAVE),
        .flows = {save_flow(message)},
        .notes = {{.name = NOTE_MESSAGE, .value = message->id},
                  {.name = NOTE_OBJECT, .value = event_b(event)}},
    };

    if (message->server == ID_NONE) {
        return;
    }
    thread_short_end(convert, message->server, event->time);
    instant.track = thread_track(convert, message->server, TRACK_THREAD);
    track_write(convert, &instant);
    if (convert->threads[message->server].serve_open) {
        ipc_close(convert, message->server, event->time);
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
        .notes = {{.name = NOTE_STATUS, .value = event->small, .text = error}},
    };

    track_write(convert, &instant);
    if (message->server != ID_NONE && !message->saved &&
        convert_thread(convert, message->server)->serve_open) {
        ipc_close(convert, message->server, event->time);
    }
    if (!message->open) { /* it has failed at once */
        call_close(convert, message->client, event->time);
    }
}

/* ---- dispatch ---------------------------------------------------------------------------------- */

void ipc_event(struct convert *convert, const struct trace_event *event,
               const struct model_change *change)
{
    if (!change->message) {
        return; /* its beginning was lost */
    }
    switch (event->id) {
    case TRACE_EVENT_IPC_CALL:
    case TRACE_EVENT_IPC_SEND:
        call_event(convert, event, change->message);
        break;
    case TRACE_EVENT_IPC_DELIVER:
        (change->message->one_way ? receive_event : deliver_event)(convert, event, change->message);
        break;
    case TRACE_EVENT_IPC_SAVE:
        save_event(convert, event, change->message);
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

    notification_arrived(convert, change->other, event->time);
    if (!message && convert->model.threads[change->other].message.open) {
        return;
    }
    if (message && message->server != ID_NONE) {
        thread_short_end(convert, message->server, event->time);
    }
    if (message && message->answerer != ID_NONE) {
        thread_short_end(convert, message->answerer, event->time);
    }
    if (message && !message->aborted) {
        struct track_event resume = {
            .time = event->time,
            .track = thread_track(convert, change->other, TRACK_THREAD),
            .type = TRACK_INSTANT,
            .category = CATEGORY_IPC,
            .name = word(convert, WORD_RESUME),
            .ends = {message->answerer != ID_NONE ? reply_flow(message) : 0},
        };
        track_write(convert, &resume);
    }
    if (message && !message->aborted) {
        call_done(convert, message, event->time);
    } else {
        call_close(convert, change->other, event->time);
    }
}
