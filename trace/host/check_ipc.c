/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules about messages and notifications:
 *
 * 1. A message is sent by a thread that waits for no other answer, under an id that is not in use.
 * 2. It is delivered once, after its call; answered or aborted once; an answer comes after the
 *    delivery, from the server that got it (unless that has saved the caller for anybody to answer),
 *    and names the client that called. One that is sent one way ends with its delivery. A server
 *    gets no second caller before it has answered the first or set it aside, in a reply object that
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
    uint32_t client = check->cpus[event->cpu].current;
    struct check_thread *thread;

    if (id_table_get(&check->messages, event_a(event)) != ID_NONE) {
        violation(check, event, "message 0x%x: its id is in use", event_a(event));
    }
    if (client == ID_NONE) {
        return;
    }
    thread = &check->threads[client];
    if (thread->progress == PROGRESS_ANSWERED) { /* and it has not even stopped running */
        id_table_remove(&check->messages, thread->message);
    } else if (thread->progress != PROGRESS_NONE) {
        violation(check, event, "message 0x%x: thread %u (%s) still waits for message 0x%x",
                  event_a(event), check->names.threads[client].id, check_name(check, client),
                  thread->message);
        id_table_remove(&check->messages, thread->message);
    }
    thread->progress = PROGRESS_CALLED;
    thread->message = event_a(event);
    thread->server = ID_NONE;
    thread->one_way = event->id == TRACE_EVENT_IPC_SEND;
    id_table_put(&check->messages, event_a(event), client);
}

/* The client of a message, or null with a report if that cannot be. */
static struct check_thread *client_of(struct check *check, const struct trace_event *event,
                                      const char *what)
{
    uint32_t client = id_table_get(&check->messages, event_a(event));

    if (client != ID_NONE) {
        return &check->threads[client];
    }
    if (!check->incomplete) {
        violation(check, event, "message 0x%x: %s without a call", event_a(event), what);
    }
    return NULL;
}

/* The server has a caller to answer. */
static void hold(struct check *check, const struct trace_event *event, uint32_t server,
                 uint32_t client)
{
    uint32_t held = check->threads[server].holds;

    if (held && check->threads[held - 1].progress == PROGRESS_DELIVERED &&
        check->threads[held - 1].server == server) {
        violation(check, event, "message 0x%x: delivered to thread %u (%s), which still holds 0x%x",
                  event_a(event), check->names.threads[server].id, check_name(check, server),
                  check->threads[held - 1].message);
    }
    check->threads[server].holds = client + 1;
}

static void check_deliver(struct check *check, const struct trace_event *event)
{
    uint32_t server = check_thread_of(check, event_b(event));
    struct check_thread *client = client_of(check, event, "delivered");

    if (client && client->progress != PROGRESS_CALLED) {
        violation(check, event, "message 0x%x: delivered, but it was %s already", event_a(event),
                  progress_name(client->progress));
    } else if (client && client->one_way) {
        client->progress = PROGRESS_NONE;
        id_table_remove(&check->messages, client->message);
    } else if (client) {
        hold(check, event, server, (uint32_t)(client - check->threads));
        client->progress = PROGRESS_DELIVERED;
        client->server = server;
    }
    if (event->small == TRACE_IPC_PATH_DIRECT) {
        check_thread(check, server)->handed_over = true;
    }
}

static void check_reply(struct check *check, const struct trace_event *event)
{
    uint32_t client_index = check_thread_of(check, event_b(event));
    struct check_thread *client = client_of(check, event, "answered");
    uint32_t current = check->cpus[event->cpu].current;

    if (event->small == TRACE_IPC_PATH_DIRECT) {
        check->threads[client_index].handed_over = true;
    }
    if (!client) {
        return;
    }
    if (client != &check->threads[client_index]) {
        violation(check, event, "message 0x%x: answered to thread %u (%s), which did not send it",
                  event_a(event), event_b(event), check_name(check, client_index));
    }
    if (client->progress != PROGRESS_DELIVERED) {
        violation(check, event, "message 0x%x: answered, but it was only %s", event_a(event),
                  progress_name(client->progress));
    } else if (current != ID_NONE && client->server != ID_NONE && client->server != current) {
        violation(check, event, "message 0x%x: delivered to thread %u (%s), answered by %u (%s)",
                  event_a(event), check->names.threads[client->server].id,
                  check_name(check, client->server), check->names.threads[current].id,
                  check_name(check, current));
    }
    client->progress = PROGRESS_ANSWERED;
}

static void check_abort(struct check *check, const struct trace_event *event)
{
    struct check_thread *client;

    check_thread_of(check, event_b(event));
    client = client_of(check, event, "aborted");
    if (client && client->progress == PROGRESS_ANSWERED) {
        violation(check, event, "message 0x%x: aborted after it was answered", event_a(event));
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

    if (client && client->progress != PROGRESS_DELIVERED) {
        violation(check, event, "message 0x%x: saved, but it was only %s", event_a(event),
                  progress_name(client->progress));
    } else if (client) {
        client->server = ID_NONE;
    }
    if (object->used) {
        violation(check, event, "message 0x%x: saved in object %u, which was used before",
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
