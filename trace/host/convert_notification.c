/* SPDX-License-Identifier: Apache-2.0
 *
 * Notifications, and the interrupts of devices that signal them. An arrow leaves from an instant on the signaller's track and arrives at an instant on
 * the waiter's, when that runs again. Signals that come together arrive together; more than FLOWS_MAX
 * of them lose their arrows, not their instants.
 *
 * An interrupt has a track of its own: a slice from its signal to the driver's acknowledgement, and at
 * its beginning an instant from which the arrow to the driver's thread leaves. Whoever ran there has
 * not signalled it.
 */
#include "convert.h"

#include <string.h>

#include "weft/trace_events.h"

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
    uint64_t flow = flow_id(FLOW_SIGNAL, ++convert->signals);
    struct track_event instant = {
        .time = event->time,
        .type = TRACK_INSTANT,
        .category = CATEGORY_IPC,
        .flows = {flow},
        .notes = {{.name = NOTE_BITS, .value = event_b(event)}},
    };
    char label[96];

    if (signaller == ID_NONE && convert->bundles[event->cpu].interrupt) {
        flow_add(object->signals, convert->bundles[event->cpu].interrupt);
        convert->bundles[event->cpu].interrupt = 0;
        return;
    }
    if (signaller == ID_NONE) {
        return;
    }
    flow_add(object->signals, flow);
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
        .name = word(WORD_NOTIFIED),
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

static uint64_t interrupt_track(struct convert *convert, uint32_t id)
{
    struct convert_object *object = convert_object(convert, id);

    if (object->described) {
        return track_id(TRACK_DEVICE, id);
    }
    object->described = true;
    return device_track(convert, id);
}

static void interrupt_end(struct convert *convert, uint32_t id, uint64_t time)
{
    struct track_event end = {.time = time, .type = TRACK_END};

    if (convert_object(convert, id)->open) {
        convert_object(convert, id)->open = false;
        end.track = interrupt_track(convert, id);
        track_write(convert, &end);
    }
}

void interrupt_event(struct convert *convert, const struct trace_event *event)
{
    uint32_t id = event_a(event), thread;
    struct track_event slice = {.time = event->time, .category = CATEGORY_IPC};

    interrupt_end(convert, id, event->time);
    if (event->id == TRACE_EVENT_INTERRUPT_ACK) {
        thread = names_thread(&convert->names, event_b(event));
        slice.type = TRACK_INSTANT;
        slice.track = thread_track(convert, thread, TRACK_THREAD);
        slice.name = word(WORD_ACKNOWLEDGE);
        slice.notes[0] = (struct note){.name = NOTE_OBJECT, .value = id};
    } else {
        slice.type = TRACK_BEGIN;
        slice.track = interrupt_track(convert, id);
        slice.name = word(WORD_PENDING);
        slice.notes[0] = (struct note){.name = NOTE_VECTOR, .value = event->small};
        convert_object(convert, id)->open = true;
        track_write(convert, &slice);
        slice.type = TRACK_INSTANT; /* an arrow would leave from the slice's end */
        slice.name = word(WORD_INTERRUPT);
        slice.flows[0] = flow_id(FLOW_SIGNAL, ++convert->signals);
        convert->bundles[event->cpu].interrupt = slice.flows[0];
    }
    track_write(convert, &slice);
}

void interrupts_close(struct convert *convert, uint64_t time)
{
    for (uint32_t i = 0; i < convert->object_capacity && i < convert->names.object_count; i++) {
        interrupt_end(convert, convert->names.objects[i].id, time);
    }
}

void notification_event(struct convert *convert, const struct trace_event *event,
                        const struct model_change *change)
{
    if (event->id == TRACE_EVENT_NOTIFICATION_SIGNAL) {
        signal_event(convert, event, change->actor);
    } else {
        notified_event(convert, event, change->other);
    }
}

void notification_arrived(struct convert *convert, uint32_t thread, uint64_t time)
{
    if (convert_thread(convert, thread)->notified[0]) {
        notified_write(convert, thread, time);
    }
}
