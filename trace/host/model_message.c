/* SPDX-License-Identifier: Apache-2.0
 *
 * Following messages from call to resumption; model.h says what their stamps are.
 */
#include "model_message.h"

#include "weft/trace_events.h"

void message_stamp(struct message *message, enum stamp which, uint64_t time)
{
    message->stamps[which] = time;
    message->seen |= (uint16_t)(1u << which);
}

/* The message whose answer the thread waits for, or null. */
static struct message *message_find(struct model *model, uint32_t client)
{
    uint32_t index = model_thread_of(model, client); /* may move the entries */

    return model->threads[index].message.open ? &model->threads[index].message : NULL;
}

struct message *message_call(struct model *model, const struct trace_event *event)
{
    uint32_t client = model_thread_of(model, event_a(event));
    struct model_thread *thread = &model->threads[client];
    struct message *message = &thread->message;

    *message = (struct message){
        .serial = ++model->serials,
        .id = ++model->message_count,
        .client = client,
        .server = ID_NONE,
        .answerer = ID_NONE,
        .endpoint = event_b(event),
        .client_cpu = event->cpu,
        .server_cpu = ID_NONE,
        .path = event->small,
        .open = true,
        .one_way = event->id == TRACE_EVENT_IPC_SEND,
    };
    message_stamp(message, STAMP_CALL, event->time);
    if (thread->in_syscall && thread->syscall_time <= event->time) {
        message_stamp(message, STAMP_ENTER, thread->syscall_time);
    }
    return message;
}

/* The message is done. Borders that it had not take the time of the one before. */
static void message_end(struct message *message)
{
    if (!(message->seen & 1u << STAMP_ENTER)) {
        message->stamps[STAMP_ENTER] = message->stamps[STAMP_CALL];
    }
    for (int i = STAMP_PUSH; i < STAMP_COUNT; i++) {
        if (!(message->seen & 1u << i)) {
            message->stamps[i] = message->stamps[i - 1];
        }
    }
    message->open = false;
}

void message_deliver(struct model *model, const struct trace_event *event,
                     struct model_change *change)
{
    uint32_t server = model_thread_of(model, event_b(event));
    struct message *message = message_find(model, event_a(event));

    change->other = server;
    change->message = message;
    if (!message) {
        return;
    }
    message->server = server;
    message->server_cpu = event->cpu;
    message_stamp(message, STAMP_DELIVER, event->time);
    if (message->one_way) {
        message_end(message);
        change->completed = true;
        return;
    }
    model->threads[server].serving = message->client;
    if (model->cpus[event->cpu].current == server) {
        message_stamp(message, STAMP_SERVE, event->time);
    }
}

/* Its server serves the message no more. */
static void message_release(struct model *model, const struct message *message)
{
    if (message->server != ID_NONE && model->threads[message->server].serving == message->client) {
        model->threads[message->server].serving = ID_NONE;
    }
}

void message_reply(struct model *model, const struct trace_event *event,
                   struct model_change *change)
{
    struct message *message;

    change->other = model_thread_of(model, event_a(event));
    message = change->message = message_find(model, event_a(event));
    if (!message) {
        return;
    }
    message_release(model, message);
    message_stamp(message, STAMP_REPLY, event->time);
    if (event->id == TRACE_EVENT_IPC_REPLY) {
        message->answerer = change->actor;
        return;
    }
    message->aborted = true;
    if (change->thread == message->client) { /* it has failed at once, and its client goes on */
        message_stamp(message, STAMP_RESUME, event->time);
        message_end(message);
        change->completed = true;
    }
}

struct message *message_save(struct model *model, const struct trace_event *event)
{
    struct message *message = message_find(model, event_a(event));

    if (message) {
        message_release(model, message);
        message->saved = true;
    }
    return message;
}

/* The client runs again: the message is done. */
struct message *message_resume(struct model *model, uint32_t client, uint64_t time)
{
    struct message *message = &model->threads[client].message;

    if (!message->open || !(message->seen & 1u << STAMP_REPLY)) {
        return NULL;
    }
    message_stamp(message, STAMP_RESUME, time);
    message_end(message);
    return message;
}
