/* SPDX-License-Identifier: Apache-2.0
 *
 * What crosses between CPUs: one track per CPU with the pushes that it makes and the journeys that arrive,
 * an arrow from each push to its take, and how deep the mailbox is then. The CPU's timer, its halts and
 * what it records are told there, too. Its doorbells have a track of their own, and so has the time for
 * which it waits for other CPUs or works in their place: a slice each, told when it is over.
 */
#include "convert.h"

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static const char *why_name(uint32_t why)
{
    return why < TRACE_TRAVEL_COUNT ? trace_travel_names[why] : "?";
}

static uint64_t travel_flow(const struct travel *travel)
{
    return flow_id(FLOW_TRAVEL, travel->serial);
}

static void journey(struct convert *convert, const struct trace_event *event,
                    const struct travel *travel)
{
    uint32_t why = event_b(event);
    bool push = event->id == TRACE_EVENT_MAILBOX_PUSH;
    struct track_event instant = {
        .time = event->time,
        .track = cpu_track(convert, event->cpu, TRACK_MAILBOX),
        .type = TRACK_INSTANT,
        .category = CATEGORY_SMP,
    };

    if (push) {
        instant.name = intern(convert, INTERN_PUSH, why << 8 | event->small, "push %s to cpu %u",
                              why_name(why), event->small);
        instant.flows[0] = travel_flow(travel);
    } else {
        instant.name = intern(convert, INTERN_TAKE, why, "take %s", why_name(why));
        instant.ends[0] = travel->cpu != ID_NONE ? travel_flow(travel) : 0;
    }
    mailbox_depth(convert, event, &instant);
    track_write(convert, &instant);
}

static void doorbell(struct convert *convert, const struct trace_event *event)
{
    bool send = event->id == TRACE_EVENT_DOORBELL_SEND;
    uint32_t key = (send ? 0 : 1u << 16) | event->small;
    struct track_event instant = {
        .time = event->time,
        .track = cpu_track(convert, event->cpu, TRACK_DOORBELL),
        .type = TRACK_INSTANT,
        .category = CATEGORY_SMP,
        .name = event->id == TRACE_EVENT_DOORBELL_RECEIVE
                    ? word(WORD_DOORBELL_RECEIVE)
                    : intern(convert, INTERN_DOORBELL, key, "%sdoorbell to cpu %u",
                             send ? "" : "no ", event->small),
    };

    track_write(convert, &instant);
}

static void crossing(struct convert *convert, const struct trace_event *event)
{
    uint64_t hz = convert->file->header->clock_hz ? convert->file->header->clock_hz : 1000000000;
    uint64_t length = (uint64_t)event_a(event) * 1000000000 / hz;
    bool lock = event->small == TRACE_CROSSING_LOCK;
    struct track_event slice = {
        .time = event->time - (length < event->time ? length : event->time),
        .track = cpu_track(convert, event->cpu, TRACK_CROSSING),
        .type = TRACK_BEGIN,
        .category = CATEGORY_SMP,
        .name = intern(convert, INTERN_CROSSING, event->small << 16 | event_b(event),
                       lock                                    ? "waits for the lock"
                       : event->small == TRACE_CROSSING_REMOTE ? "works for cpu %u"
                                                               : "waits for cpu %u",
                       event_b(event)),
    };

    track_write(convert, &slice);
    slice.time = event->time;
    slice.type = TRACK_END;
    slice.name = 0;
    track_write(convert, &slice);
}

void smp_event(struct convert *convert, const struct trace_event *event,
               const struct model_change *change)
{
    struct track_event instant = {
        .time = event->time,
        .track = cpu_track(convert, event->cpu, TRACK_MAILBOX),
        .type = TRACK_INSTANT,
        .category = CATEGORY_SMP,
    };

    switch (event->id) {
    case TRACE_EVENT_MAILBOX_PUSH:
    case TRACE_EVENT_MAILBOX_TAKE:
        journey(convert, event, &change->travel);
        return;
    case TRACE_EVENT_DOORBELL_SEND:
    case TRACE_EVENT_DOORBELL_ELIDE:
    case TRACE_EVENT_DOORBELL_RECEIVE:
        doorbell(convert, event);
        return;
    case TRACE_EVENT_CROSSING:
        crossing(convert, event);
        return;
    case TRACE_EVENT_TIMER:
        instant.name = word(WORD_TIMER);
        instant.notes[0] = (struct note){.name = NOTE_ENDED, .value = event_a(event)};
        instant.notes[1] = (struct note){.name = NOTE_SLICE_ENDED, .value = event_b(event)};
        break;
    case TRACE_EVENT_MASK:
        instant.name = word(WORD_MASK);
        instant.notes[0] = (struct note){.name = NOTE_BITS, .value = event->small};
        break;
    default:
        instant.name = word(WORD_HALT);
        instant.notes[0] = (struct note){.name = NOTE_POLLED, .value = event_a(event)};
        break;
    }
    track_write(convert, &instant);
}
