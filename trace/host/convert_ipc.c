/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages as slices with arrows.
 *
 *     client's track   |call pong ................................................... |
 *                      >send
 *                      |enqueue|doorbell|wakeup|dispatch|service       |reply |resume|
 *                       \                                                     /
 *     server's track     `-------------------> |serve ping ......... |>reply-´
 *
 * The viewer draws an arrow from the end of the slice that it leaves to the start of the one where
 * it arrives. So arrows leave from the instants `send` and `reply`, and never after the other side
 * has begun. The answer's arrow arrives at the stage `resume`, or at an instant if that took no time.
 * Calls nest inside services on the same track (a server that calls another), because a thread does
 * one thing at a time.
 *
 * The stages of a message (model.h) are slices below its call's. They are written when it is done, and
 * so are drawn once and never taken back; what took no time is left out.
 *
 * A caller that is set aside leaves its server's slice at the instant `set aside`; an arrow leads from
 * there to the instant `reply` of whoever answers, and on to the client.
 *
 * What is sent one way arrives at an instant `receive`, and the sender's slice ends when it goes on.
 */
#include "convert.h"

#include <string.h>

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static uint64_t call_flow(const struct message *message)
{
    return flow_id(FLOW_CALL, message->serial);
}

static uint64_t reply_flow(const struct message *message)
{
    return flow_id(FLOW_REPLY, message->serial);
}

static uint64_t save_flow(const struct message *message)
{
    return flow_id(FLOW_SAVE, message->serial);
}

static const char *path_name(uint8_t path)
{
    return path < TRACE_IPC_PATH_COUNT ? trace_ipc_path_names[path] : "?";
}

static void slice_begin(struct convert *convert, uint32_t thread, struct track_event *begin)
{
    begin->track = thread_track(convert, thread, TRACK_THREAD);
    begin->type = TRACK_BEGIN;
    begin->category = CATEGORY_IPC;
    convert->threads[thread].border = begin->time;
    track_write(convert, begin);
}

static void slice_end(struct convert *convert, uint32_t thread, uint64_t time, uint32_t server)
{
    struct track_event end = {
        .time = time,
        .track = track_id(TRACK_THREAD, thread),
        .type = TRACK_END,
        .notes = {{.name = server ? NOTE_SERVER : 0, .value = server}},
    };

    convert->threads[thread].border = time;
    track_write(convert, &end);
}

static void instant_write(struct convert *convert, uint32_t thread, struct track_event *instant)
{
    instant->track = thread_track(convert, thread, TRACK_THREAD);
    instant->type = TRACK_INSTANT;
    instant->category = CATEGORY_IPC;
    track_write(convert, instant);
}

/* ---- stages ------------------------------------------------------------------------------------ */

/* The stage that a message is in when this is the last border that it has passed. */
static unsigned next_stage(const struct message *message, unsigned stamp)
{
    if (message->path == TRACE_IPC_PATH_CROSS) {
        return stamp;
    }
    return stamp == STAMP_CALL ? STAMP_TAKE : stamp == STAMP_REPLY ? STAMP_BACK : stamp;
}

static void stage_write(struct convert *convert, const struct message *message, unsigned stage,
                        uint64_t from, uint64_t to)
{
    struct track_event slice = {
        .time = from,
        .track = track_id(TRACK_THREAD, message->client),
        .type = TRACK_BEGIN,
        .name = stage_word(stage),
    };

    if (stage == STAMP_BACK && message->answerer != ID_NONE) {
        slice.ends[0] = reply_flow(message);
    }
    track_write(convert, &slice);
    slice_end(convert, message->client, to, 0);
}

/* Slices for the stages of a message, as far as it has come. What an abort cut short keeps its name.
 * Returns when the last of them ends. */
static uint64_t stages_write(struct convert *convert, const struct message *message, uint64_t now)
{
    unsigned passed = STAMP_CALL;
    uint64_t from = convert->threads[message->client].call_begin;

    for (unsigned i = STAMP_CALL; i < STAMP_COUNT; i++) {
        unsigned stage = i == STAMP_REPLY && message->aborted ? next_stage(message, passed) : i - 1;

        if (!(message->seen & 1u << i)) {
            continue;
        }
        passed = i;
        if (message->stamps[i] > from) {
            stage_write(convert, message, stage, from, message->stamps[i]);
            from = message->stamps[i];
        }
    }
    if (message->open && now > from) {
        stage_write(convert, message, next_stage(message, passed), from, now);
        from = now;
    }
    return from;
}

/* ---- closing ----------------------------------------------------------------------------------- */

/* Ends what was sent one way, a call that was not answered, and one whose answer's way was lost. */
static void call_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    const struct message *message = &model_thread(&convert->model, thread)->message;
    const struct convert_thread *state = convert_thread(convert, thread);

    if (!state->call) {
        return;
    }
    if (message->serial == state->call && (message->open || message->aborted)) {
        stages_write(convert, message, time);
    }
    convert->threads[thread].call = 0;
    slice_end(convert, thread, time, state->receiver);
}

/* Ends a call whose client runs again. Only one with all its stages says who has served it. */
static void call_done(struct convert *convert, const struct message *message, uint64_t time)
{
    uint32_t client = message->client;
    bool whole = message->seen & 1u << STAMP_DELIVER;
    struct track_event resume = {
        .time = time,
        .name = word(WORD_RESUME),
        .ends = {message->answerer != ID_NONE ? reply_flow(message) : 0},
    };

    if (convert_thread(convert, client)->call != message->serial) {
        return;
    }
    if (message->stamps[STAMP_RESUME] == message->stamps[STAMP_BACK]) {
        instant_write(convert, client, &resume);
    }
    stages_write(convert, message, time);
    convert->threads[client].call = 0;
    slice_end(convert, client, time, whole ? convert->names.threads[message->server].id : 0);
}

static void serve_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    if (convert_thread(convert, thread)->serve_open) {
        convert->threads[thread].serve_open = false;
        slice_end(convert, thread, time, 0);
    }
}

/* Ends everything that is open on the thread's track. */
void ipc_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    call_close(convert, thread, time);
    serve_close(convert, thread, time);
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

/* When the client entered the kernel, unless its track has shown something else since. */
static uint64_t call_time(const struct convert *convert, const struct message *message)
{
    uint64_t enter = message->stamps[STAMP_ENTER], call = message->stamps[STAMP_CALL];
    bool told = message->seen & 1u << STAMP_ENTER &&
                enter >= convert->threads[message->client].border && enter <= call;

    return told ? enter : call;
}

static void call_event(struct convert *convert, const struct trace_event *event,
                       const struct message *message)
{
    uint32_t client = message->client;
    struct track_event begin = {
        .name = call_name(convert, message),
        .notes = {{.name = NOTE_MESSAGE, .value = message->serial},
                  {.name = NOTE_ENDPOINT, .value = message->endpoint},
                  {.name = NOTE_PATH, .text = path_name(message->path)}},
    };
    struct track_event send = {
        .time = event->time, .name = word(WORD_SEND), .flows = {call_flow(message)}};

    call_close(convert, client, event->time);
    begin.time = call_time(convert, message);
    slice_begin(convert, client, &begin);
    instant_write(convert, client, &send);
    convert->threads[client].call = message->serial;
    convert->threads[client].call_begin = begin.time;
    convert->threads[client].receiver = 0;
    convert->threads[client].faulted = false;
}

/* A one-way message has arrived. Its sender goes on at once, or when it runs the next time. */
static void receive_event(struct convert *convert, const struct trace_event *event,
                          const struct message *message)
{
    struct track_event instant = {
        .time = event->time,
        .name = intern(convert, INTERN_RECEIVE, message->client, "receive from %s",
                       convert->names.threads[message->client].name),
        .ends = {call_flow(message)},
        .notes = {{.name = NOTE_MESSAGE, .value = message->serial}},
    };

    if (convert_thread(convert, message->client)->call == message->serial) {
        stages_write(convert, message, event->time);
        convert->threads[message->client].receiver = convert->names.threads[message->server].id;
    }
    call_close(convert, message->server, event->time);
    instant_write(convert, message->server, &instant);
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
        .name = intern(convert, INTERN_SERVE, message->client, "serve %s",
                       convert->names.threads[message->client].name),
        .ends = {call_flow(message)},
        .notes = {{.name = NOTE_MESSAGE, .value = message->serial}},
    };

    ipc_close(convert, server, event->time);
    slice_begin(convert, server, &begin);
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
    struct track_event reply = {
        .time = event->time,
        .name = word(WORD_REPLY),
        .flows = {reply_flow(message)},
        .ends = {message->saved ? save_flow(message) : 0},
    };

    if (answerer != ID_NONE && (message->saved || convert_thread(convert, answerer)->serve_open)) {
        call_close(convert, answerer, event->time);
        instant_write(convert, answerer, &reply);
        if (!message->saved) {
            serve_close(convert, answerer, event->time);
        }
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
        .name = word(WORD_SAVE),
        .flows = {save_flow(message)},
        .notes = {{.name = NOTE_MESSAGE, .value = message->serial},
                  {.name = NOTE_OBJECT, .value = event_b(event)}},
    };

    if (message->server == ID_NONE) {
        return;
    }
    instant_write(convert, message->server, &instant);
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
        .name = word(WORD_ABORTED),
        .notes = {{.name = NOTE_STATUS, .value = event->small, .text = error}},
    };

    instant_write(convert, message->client, &instant);
    if (message->server != ID_NONE && !message->saved) {
        convert_thread(convert, message->server);
        if (convert->threads[message->server].serve_open) {
            ipc_close(convert, message->server, event->time);
        }
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
    if (message && !message->aborted) {
        call_done(convert, message, event->time);
    }
    call_close(convert, change->other, event->time);
}
