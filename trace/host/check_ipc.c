/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about messages and notifications:
 *
 * 1. A message is sent by the thread that runs, which waits for no other answer. So the client's id says
 *    which message is meant.
 * 2. It is delivered once, after its call; answered or aborted once; an answer comes after the
 *    delivery, from the server that got it (unless that has saved the caller for anybody to answer).
 *    One that is sent one way ends with its delivery. A server gets no second caller before it has answered the first or set it aside, in a reply object that
 *    nobody was saved in before.
 * 3. A notification is not delivered more often than it was signalled. (Signals may merge. One that is
 *    recorded between another CPU's taking of the bits and its record of the delivery belongs to the
 *    next delivery: so they are counted, not matched.)
 *
 * A message whose call was not seen is a violation only if nothing at all is missing.
 */
#include "check.h"

#include "weft/trace_events.h"

static const char *progress_name(enum check_progress progress)
{
    static const char *const names[] = {
        [PROGRESS_NONE] = "done",
        [PROGRESS_CALLED] = "sent",
        [PROGRESS_DELIVERED] = "delivered",
        [PROGRESS_ANSWERED] = "answered",
    };

    return names[progress];
}

static void check_call(struct check *check, const struct trace_event *event)
{
    uint32_t client = check_thread_of(check, event_a(event));
    uint32_t current = check->cpus[event->cpu].current;
    struct check_thread *thread = &check->threads[client];

    if (current != ID_NONE && current != client) {
        violation(check, event, "thread %u (%s): it calls, but thread %u (%s) runs", event_a(event),
                  check_name(check, client), check->names.threads[current].id,
                  check_name(check, current));
    }
    /* If it was answered it has not even stopped running. */
    if (thread->progress != PROGRESS_NONE && thread->progress != PROGRESS_ANSWERED) {
        violation(check, event, "thread %u (%s): it calls, but its last message is only %s",
                  event_a(event), check_name(check, client), progress_name(thread->progress));
    }
    thread->progress = PROGRESS_CALLED;
    thread->server = ID_NONE;
    thread->one_way = event->id == TRACE_EVENT_IPC_SEND;
}

/* The client of a message under way, or null with a report if there cannot be one. */
static struct check_thread *client_of(struct check *check, const struct trace_event *event,
                                      const char *what)
{
    uint32_t client = check_thread_of(check, event_a(event));
    struct check_thread *thread = &check->threads[client];

    if (thread->progress != PROGRESS_NONE) {
        return thread;
    }
    if (!check->incomplete) {
        violation(check, event, "thread %u (%s): its message is %s without a call", event_a(event),
                  check_name(check, client), what);
    }
    return NULL;
}

/* Its message should have been `expected` by now. */
static bool check_progress(struct check *check, const struct trace_event *event,
                           const struct check_thread *client, enum check_progress expected,
                           const char *what)
{
    if (client && client->progress != expected) {
        violation(check, event, "thread %u (%s): its message, which was %s, is %s", event_a(event),
                  check_name(check, (uint32_t)(client - check->threads)),
                  progress_name(client->progress), what);
    }
    return client && client->progress == expected;
}

/* The server has a caller to answer. */
static void hold(struct check *check, const struct trace_event *event, uint32_t server,
                 uint32_t client)
{
    uint32_t held = check->threads[server].holds;

    if (held && check->threads[held - 1].progress == PROGRESS_DELIVERED &&
        check->threads[held - 1].server == server) {
        violation(check, event,
                  "thread %u (%s): its message is delivered to %u (%s), which still holds %s",
                  event_a(event), check_name(check, client), check->names.threads[server].id,
                  check_name(check, server), check_name(check, held - 1));
    }
    check->threads[server].holds = client + 1;
}

static void check_deliver(struct check *check, const struct trace_event *event)
{
    uint32_t server = check_thread_of(check, event_b(event));
    struct check_thread *client = client_of(check, event, "delivered");

    if (check_progress(check, event, client, PROGRESS_CALLED, "delivered")) {
        if (client->one_way) {
            client->progress = PROGRESS_NONE;
        } else {
            hold(check, event, server, (uint32_t)(client - check->threads));
            client->progress = PROGRESS_DELIVERED;
            client->server = server;
        }
    }
    if (event->small == TRACE_IPC_PATH_DIRECT) {
        check->threads[server].handed_over = true;
    }
}

static void check_reply(struct check *check, const struct trace_event *event)
{
    struct check_thread *client = client_of(check, event, "answered");
    uint32_t current = check->cpus[event->cpu].current;

    if (event->small == TRACE_IPC_PATH_DIRECT) {
        check_thread(check, check_thread_of(check, event_a(event)))->handed_over = true;
    }
    if (!client) {
        return;
    }
    if (check_progress(check, event, client, PROGRESS_DELIVERED, "answered") &&
        current != ID_NONE && client->server != ID_NONE && client->server != current) {
        violation(check, event,
                  "thread %u (%s): its message was delivered to %u (%s), answered by %u (%s)",
                  event_a(event), check_name(check, (uint32_t)(client - check->threads)),
                  check->names.threads[client->server].id, check_name(check, client->server),
                  check->names.threads[current].id, check_name(check, current));
    }
    client->progress = PROGRESS_ANSWERED;
}

static void check_abort(struct check *check, const struct trace_event *event)
{
    struct check_thread *client = client_of(check, event, "aborted");

    if (client && client->progress == PROGRESS_ANSWERED) {
        check_progress(check, event, client, PROGRESS_DELIVERED, "aborted");
    } else if (client) {
        client->progress = PROGRESS_ANSWERED;
    }
}

struct check_object *check_object(struct check *check, uint32_t id)
{
    uint32_t index = names_object(&check->names, id);

    check->objects = memory_grow(check->objects, &check->object_capacity, (size_t)index + 1,
                                 sizeof *check->objects);
    return &check->objects[index];
}

static void check_save(struct check *check, const struct trace_event *event)
{
    struct check_thread *client = client_of(check, event, "saved");
    struct check_object *object = check_object(check, event_b(event));

    if (check_progress(check, event, client, PROGRESS_DELIVERED, "saved")) {
        client->server = ID_NONE;
    }
    if (object->used) {
        violation(check, event,
                  "thread %u: its message is saved in object %u, which was used before",
                  event_a(event), event_b(event));
    }
    object->used = true;
}

static void check_notification(struct check *check, const struct trace_event *event)
{
    struct check_object *object = check_object(check, event_a(event));

    if (event->id == TRACE_EVENT_NOTIFICATION_SIGNAL) {
        object->signals++;
        return;
    }
    check_thread_of(check, event_b(event));
    if (object->signals) {
        object->signals--;
    } else if (!check->incomplete) {
        violation(check, event, "notification %u: delivered more often than signalled",
                  event_a(event));
    }
}

void check_ipc(struct check *check, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_IPC_CALL:
    case TRACE_EVENT_IPC_SEND:
        check_call(check, event);
        break;
    case TRACE_EVENT_IPC_DELIVER:
        check_deliver(check, event);
        break;
    case TRACE_EVENT_IPC_REPLY:
        check_reply(check, event);
        break;
    case TRACE_EVENT_IPC_SAVE:
        check_save(check, event);
        break;
    case TRACE_EVENT_IPC_ABORT:
        check_abort(check, event);
        break;
    default:
        check_notification(check, event);
        break;
    }
}
