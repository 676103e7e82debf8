/* SPDX-License-Identifier: Apache-2.0
 *
 * Following the guest. Every step looks at one event and the entries of the threads it names, so
 * the cost per event does not depend on the size of the guest or of the capture.
 *
 * Mailbox journeys are remembered from push to take by (traveller, reason, target CPU). Pushes
 * whose take was lost would pile up; the table is cleared when it reaches TRAVELS_MAX.
 * Messages are followed in model_message.c.
 *
 * A system call whose object lives on another CPU goes on there, while somebody else runs. The kernel
 * goes on with it in the same breath in which it takes the caller from its mailbox, so the event that
 * follows the take on that CPU is the caller's doing.
 */
#include "model_message.h"

#include <stdlib.h>
#include <string.h>

#include "weft/trace_events.h"

#define TRAVELS_MAX 65536u

const char *const stage_names[STAGE_COUNT] = {"entry",    "enqueue", "doorbell", "wakeup",
                                              "dispatch", "service", "reply",    "resume"};

struct model_thread *model_thread(struct model *model, uint32_t index)
{
    if (index >= model->thread_capacity) {
        size_t old = model->thread_capacity;

        model->threads = memory_grow(model->threads, &model->thread_capacity, (size_t)index + 1,
                                     sizeof *model->threads);
        for (size_t i = old; i < model->thread_capacity; i++) {
            model->threads[i].serving = ID_NONE;
            model->threads[i].cpu = ID_NONE;
        }
    }
    return &model->threads[index];
}

uint32_t model_thread_of(struct model *model, uint32_t id)
{
    uint32_t index = names_thread(model->names, id);

    model_thread(model, index);
    return index;
}

/* ---- mailboxes --------------------------------------------------------------------------------- */

static uint64_t travel_key(uint32_t traveller, uint32_t why, uint32_t to)
{
    return (uint64_t)(why & 0xff) << 40 | (uint64_t)(to & 0xff) << 32 | traveller;
}

static void travels_clear(struct model *model)
{
    id_table_free(&model->travels);
    model->travel_used = 0;
    model->travel_free = ID_NONE;
}

static void message_travels(struct model *model, const struct trace_event *event, uint32_t why,
                            enum stamp call_stamp, enum stamp reply_stamp)
{
    uint32_t thread = id_table_get(&model->names->thread_index, event_a(event));
    struct message *message;

    if (thread == ID_NONE || thread >= model->thread_capacity) {
        return;
    }
    message = &model->threads[thread].message;
    if (message->open && why == TRACE_TRAVEL_IPC_CALL) {
        message_stamp(message, call_stamp, event->time);
    } else if (message->open && why == TRACE_TRAVEL_IPC_REPLY && reply_stamp != STAMP_COUNT) {
        message_stamp(message, reply_stamp, event->time);
    }
}

static struct travel travel_push(struct model *model, const struct trace_event *event)
{
    struct travel travel = {.time = event->time,
                            .serial = ++model->serials,
                            .cpu = event->cpu,
                            .pusher = model->cpus[event->cpu].current};
    uint64_t key = travel_key(event_a(event), event_b(event), event->small);
    uint32_t slot = id_table_get(&model->travels, key);

    message_travels(model, event, event_b(event), STAMP_PUSH, STAMP_COUNT);
    if (slot == ID_NONE && model->travels.used >= TRAVELS_MAX) {
        travels_clear(model);
    }
    if (slot == ID_NONE && model->travel_free != ID_NONE) {
        slot = model->travel_free;
        model->travel_free = model->travel_slots[slot].cpu;
    } else if (slot == ID_NONE) {
        model->travel_slots = memory_grow(model->travel_slots, &model->travel_capacity,
                                          model->travel_used + 1, sizeof *model->travel_slots);
        slot = (uint32_t)model->travel_used++;
    }
    model->travel_slots[slot] = travel;
    id_table_put(&model->travels, key, slot);
    return travel;
}

static struct travel travel_take(struct model *model, const struct trace_event *event)
{
    struct travel travel = {.cpu = ID_NONE, .pusher = ID_NONE};
    uint64_t key = travel_key(event_a(event), event_b(event), event->cpu);
    uint32_t slot = id_table_get(&model->travels, key);

    if (event_b(event) == TRACE_TRAVEL_REMOTE_CALL) {
        model->cpus[event->cpu].visitor = model_thread_of(model, event_a(event));
    }
    message_travels(model, event, event_b(event), STAMP_TAKE, STAMP_BACK);
    if (slot != ID_NONE) {
        travel = model->travel_slots[slot];
        model->travel_slots[slot].cpu = model->travel_free;
        model->travel_free = slot;
        id_table_remove(&model->travels, key);
    }
    model->cpus[event->cpu].arrival = travel;
    return travel;
}

/* ---- threads ----------------------------------------------------------------------------------- */

static void apply_switch(struct model *model, const struct trace_event *event,
                         struct model_change *change)
{
    uint32_t previous = model_thread_of(model, event_a(event)),
             next = model_thread_of(model, event_b(event));
    struct model_cpu *cpu = &model->cpus[event->cpu];
    struct model_thread *thread = &model->threads[previous];

    if (thread->cpu == event->cpu || !thread->running) {
        thread->state = event->small;
        thread->since = event->time;
        thread->running = false;
    } /* else it gave itself away, and the other CPU was quicker to start it than this one to say so */
    thread = &model->threads[next];
    thread->since = event->time;
    thread->cpu = event->cpu;
    thread->running = true;
    cpu->current = next;
    change->thread = previous;
    change->other = next;
    change->message = message_resume(model, next, event->time);
    change->completed = change->message != NULL;
    if (thread->serving != ID_NONE) {
        struct message *served = &model->threads[thread->serving].message;

        if (served->open && served->server == next && !(served->seen & 1u << STAMP_SERVE)) {
            message_stamp(served, STAMP_SERVE, event->time);
        }
    }
}

static void apply_wakeup(struct model *model, const struct trace_event *event,
                         struct model_change *change)
{
    struct model_thread *thread;

    change->other = model_thread_of(model, event_a(event));
    thread = &model->threads[change->other];
    thread->priority = event->small;
    if (thread->message.open && thread->message.seen & 1u << STAMP_REPLY &&
        !(thread->message.seen & 1u << STAMP_BACK)) {
        message_stamp(&thread->message, STAMP_BACK, event->time);
    }
}

static void apply_syscall(struct model *model, const struct trace_event *event,
                          struct model_change *change)
{
    uint32_t index = model_thread_of(model, event_a(event));

    change->thread = index;
    model->threads[index].in_syscall = event->id == TRACE_EVENT_SYSCALL_ENTRY;
    model->threads[index].syscall_time = event->time;
}

/* Nobody tells any more what runs on this CPU. */
static void cpu_forget(struct model *model, const struct trace_event *event)
{
    struct model_cpu *cpu = &model->cpus[event->cpu];

    if (cpu->current != ID_NONE && model->threads[cpu->current].cpu == event->cpu) {
        model->threads[cpu->current].running = false;
        model->threads[cpu->current].state = TRACE_THREAD_STATE_TRAVELLING;
        model->threads[cpu->current].since = event->time;
    }
    cpu->current = ID_NONE;
    cpu->visitor = ID_NONE;
    cpu->arrival = (struct travel){.cpu = ID_NONE, .pusher = ID_NONE};
}

/* From here on it is told again. */
static void cpu_learn(struct model *model, const struct trace_event *event)
{
    uint32_t thread = model_thread_of(model, event->running);

    model->cpus[event->cpu].current = thread;
    model->threads[thread].running = true;
    model->threads[thread].cpu = event->cpu;
    model->threads[thread].since = event->time;
}

static void apply_gap(struct model *model, const struct trace_event *event)
{
    if (event->life) {
        return;
    }
    model->cpus[event->cpu].late = false;
    if (event->small != GAP_START) {
        cpu_forget(model, event);
    }
    if (event->small != GAP_BEGIN && event->running) {
        cpu_learn(model, event);
    }
}

static void apply_mask(struct model *model, const struct trace_event *event)
{
    if (model->cpus[event->cpu].late) {
        return;
    }
    if (!(event->small & TRACE_CATEGORY_SCHED)) {
        cpu_forget(model, event);
    } else if (event->running && (model->cpus[event->cpu].current == ID_NONE)) {
        cpu_learn(model, event);
    }
}

struct model_change model_apply(struct model *model, const struct trace_event *event)
{
    struct model_cpu *cpu = &model->cpus[event->cpu];
    struct model_change change = {
        .thread = cpu->current,
        .actor = cpu->visitor != ID_NONE ? cpu->visitor : cpu->current,
        .other = ID_NONE,
        .travel.cpu = ID_NONE,
    };

    if (cpu->interrupt) {
        change.actor = ID_NONE;
    }
    cpu->visitor = ID_NONE;
    cpu->interrupt = event->id == TRACE_EVENT_INTERRUPT_SIGNAL;
    switch (event->id) {
    case TRACE_EVENT_SWITCH:
        apply_switch(model, event, &change);
        break;
    case TRACE_EVENT_WAKEUP:
        apply_wakeup(model, event, &change);
        break;
    case TRACE_EVENT_IPC_CALL:
    case TRACE_EVENT_IPC_SEND:
        change.message = message_call(model, event);
        break;
    case TRACE_EVENT_IPC_DELIVER:
        message_deliver(model, event, &change);
        break;
    case TRACE_EVENT_IPC_REPLY:
    case TRACE_EVENT_IPC_ABORT:
        message_reply(model, event, &change);
        break;
    case TRACE_EVENT_IPC_SAVE:
        change.message = message_save(model, event);
        break;
    case TRACE_EVENT_SCHEDULE:
        change.other = model_thread_of(model, event_a(event)); /* it may move the entries */
        model->threads[change.other].priority = event->small;
        break;
    case TRACE_EVENT_NOTIFICATION_DELIVER:
        change.other = model_thread_of(model, event_b(event));
        break;
    case TRACE_EVENT_MAILBOX_PUSH:
        change.travel = travel_push(model, event);
        break;
    case TRACE_EVENT_MAILBOX_TAKE:
        change.travel = travel_take(model, event);
        break;
    case TRACE_EVENT_SYSCALL_ENTRY:
    case TRACE_EVENT_SYSCALL_EXIT:
        apply_syscall(model, event, &change);
        break;
    case READER_GAP:
        apply_gap(model, event);
        break;
    case TRACE_EVENT_MASK:
        apply_mask(model, event);
        break;
    default:
        break;
    }
    return change;
}
