/* SPDX-License-Identifier: Apache-2.0
 *
 * From events to bounds.
 *
 * 1. What is counted. A thread, a notification and a quiescence walk cross in mail of their own, which
 *    is in one mailbox at a time; so a push and the take after it belong together. (Other mail may
 *    share an id and is left out.) Doorbells and what CPUs say to each other when they start: see
 *    bounds.c.
 * 2. The order. Clocks that are apart show some takes before their pushes, so time alone must not
 *    decide what comes next. The merge goes by time, but a CPU whose next event cannot have happened
 *    yet waits (reader_hold) until another CPU's event has made it possible: what is not on its way
 *    to a CPU is not taken there, and what is on its way is not pushed. Since nothing gets from CPU to
 *    CPU but by mail, whatever else had to happen before is then behind as well. So, however far the
 *    clocks are apart, journeys are found right.
 * 3. Losses. When events are missing, an event may wait for one that will never come. So from the
 *    first gap on (or when a category was off, or when all wait) nobody waits any more: places are
 *    forgotten, time decides, and a take without its push is passed over. Clocks that agree are
 *    never called apart by this; clocks that are further apart than a journey and back takes may be
 *    matched a round too early or too late. The greetings, which are applied before, exclude that
 *    for offsets that a CPU was born with.
 */
#include "crossings.h"

#include <stdlib.h>
#include <string.h>

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define TRIPS_MAX (1u << 18)

enum mail { MAIL_THREAD, MAIL_SIGNAL, MAIL_VISIT, MAIL_OTHER };

/* ---- journeys ---------------------------------------------------------------------------------- */

static enum mail mail_of(uint32_t why)
{
    if (why <= TRACE_TRAVEL_START || why == TRACE_TRAVEL_CAPABILITY ||
        why == TRACE_TRAVEL_GREETING) {
        return MAIL_THREAD;
    }
    return why == TRACE_TRAVEL_SIGNAL  ? MAIL_SIGNAL
           : why == TRACE_TRAVEL_VISIT ? MAIL_VISIT
                                       : MAIL_OTHER;
}

/* Visits of one object to several CPUs may be on the way at a time, each pushed by one CPU only. */
static uint64_t trip_key(const struct trace_event *event)
{
    enum mail mail = mail_of(event_b(event));
    bool sends = event->id == TRACE_EVENT_MAILBOX_PUSH || event->id == TRACE_EVENT_DOORBELL_SEND;
    uint64_t to = sends ? event->small : event->cpu;

    if (event->id == TRACE_EVENT_DOORBELL_SEND || event->id == TRACE_EVENT_DOORBELL_RECEIVE) {
        return ~to; /* a doorbell is like something that travels to its CPU */
    }
    return (uint64_t)mail << 40 | (mail == MAIL_VISIT ? to << 32 : 0) | event_a(event);
}

static struct trip *trip_find(const struct crossings *crossings, uint64_t key)
{
    uint32_t slot = id_table_get(&crossings->trip_index, key);

    return slot == ID_NONE ? NULL : &crossings->trips[slot];
}

/* Forgets what is on its way. */
static void trips_clear(struct crossings *crossings)
{
    id_table_free(&crossings->trip_index);
    crossings->trip_count = 0;
    crossings->trip_free = ID_NONE;
}

static struct trip *trip_new(struct crossings *crossings, uint64_t key)
{
    uint32_t slot = crossings->trip_free;

    if (slot != ID_NONE) {
        crossings->trip_free = crossings->trips[slot].to;
    } else {
        if (crossings->trip_count == TRIPS_MAX) {
            trips_clear(crossings);
            crossings->losses = true;
        }
        crossings->trips = memory_grow(crossings->trips, &crossings->trip_capacity,
                                       crossings->trip_count + 1, sizeof *crossings->trips);
        slot = (uint32_t)crossings->trip_count++;
    }
    id_table_put(&crossings->trip_index, key, slot);
    crossings->trips[slot] = (struct trip){0};
    return &crossings->trips[slot];
}

static void trip_end(struct crossings *crossings, uint64_t key)
{
    uint32_t slot = id_table_get(&crossings->trip_index, key);

    crossings->trips[slot].to = crossings->trip_free;
    crossings->trip_free = slot;
    id_table_remove(&crossings->trip_index, key);
}

/* Can it have happened, after all that has been seen? (theory, 2) */
static bool is_possible(const struct crossings *crossings, const struct trace_event *event)
{
    const struct trip *trip;

    if (event->id == TRACE_EVENT_DOORBELL_RECEIVE) {
        return bell_may_arrive(crossings, event);
    }
    trip = trip_find(crossings, trip_key(event));
    if (event->id == TRACE_EVENT_MAILBOX_TAKE) {
        return trip && trip->to == event->cpu;
    }
    return !trip || mail_of(event_b(event)) == MAIL_VISIT;
}

static void trip_push(struct crossings *crossings, const struct trace_event *event)
{
    uint64_t key = trip_key(event);
    struct trip *trip = trip_find(crossings, key);

    trip = trip ? trip : trip_new(crossings, key);
    if (mail_of(event_b(event)) == MAIL_VISIT && trip->count++) {
        return;
    }
    *trip = (struct trip){event->time, event->cpu, event->small, 1};
}

static void trip_take(struct crossings *crossings, const struct trace_event *event)
{
    uint64_t key = trip_key(event);
    struct trip *trip = trip_find(crossings, key);

    if (!trip) {
        return;
    }
    if (trip->to == event->cpu && trip->from != event->cpu && trip->push) {
        bound_add(crossings, trip->from, trip->push, event->cpu, event->time);
    }
    if (trip->to == event->cpu && --trip->count) {
        trip->push = 0; /* that of the others was not kept */
    } else {
        trip_end(crossings, key);
    }
}

static void journey(struct crossings *crossings, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_MAILBOX_PUSH:
        trip_push(crossings, event);
        break;
    case TRACE_EVENT_MAILBOX_TAKE:
        trip_take(crossings, event);
        break;
    case TRACE_EVENT_DOORBELL_SEND:
        bell_ring(crossings, event);
        break;
    default:
        bell_receive(crossings, event);
        break;
    }
}

/* ---- order ------------------------------------------------------------------------------------- */

/* From here on not all is known (theory, 3). */
static void losses_begin(struct crossings *crossings, struct reader *reader)
{
    crossings->losses = true;
    trips_clear(crossings);
    bells_forget(crossings);
    for (uint32_t cpu = 0; cpu < crossings->cpu_count && crossings->waiting; cpu++) {
        if (crossings->lanes[cpu].waits) {
            crossings->lanes[cpu].waits = false;
            crossings->waiting--;
            reader_release(reader, cpu);
        }
    }
}

/* Something has moved: who has waited for that goes on. */
static void lanes_retry(struct crossings *crossings, struct reader *reader, uint64_t key)
{
    bool again = crossings->waiting != 0;

    while (again) {
        again = false;
        for (uint32_t cpu = 0; cpu < crossings->cpu_count && crossings->waiting; cpu++) {
            struct crossing_lane *lane = &crossings->lanes[cpu];

            if (lane->waits && trip_key(&lane->event) == key &&
                is_possible(crossings, &lane->event)) {
                lane->waits = false;
                crossings->waiting--;
                journey(crossings, &lane->event);
                reader_release(reader, cpu);
                again = true;
            }
        }
    }
}

/* Not what damage has put among the names: reader_hold() would not hold it. */
static bool is_measured(const struct crossings *crossings, const struct trace_event *event)
{
    bool mailbox = event->id == TRACE_EVENT_MAILBOX_PUSH || event->id == TRACE_EVENT_MAILBOX_TAKE;

    return !crossings->blind && !event->life &&
           (!mailbox || mail_of(event_b(event)) != MAIL_OTHER) &&
           (event->id == TRACE_EVENT_MAILBOX_TAKE || event->id == TRACE_EVENT_DOORBELL_RECEIVE ||
            event->small < crossings->cpu_count);
}

/* An event at one end of a journey: now or later. */
static void journey_event(struct crossings *crossings, struct reader *reader,
                          const struct trace_event *event)
{
    if (!is_measured(crossings, event)) {
        return;
    }
    if (crossings->losses || is_possible(crossings, event)) {
        journey(crossings, event);
        lanes_retry(crossings, reader, trip_key(event));
        return;
    }
    crossings->lanes[event->cpu].event = *event;
    crossings->lanes[event->cpu].waits = true;
    crossings->waiting++;
    reader_hold(reader, event->cpu);
}

/* The CPU's journeys are not known from here on, or are again. */
static void lane_change(struct crossings *crossings, struct reader *reader,
                        struct crossing_lane *lane, bool in_gap, bool off)
{
    uint32_t before = lane->in_gap || lane->off, after = in_gap || off;

    lane->in_gap = in_gap;
    lane->off = off;
    crossings->blind += after - before;
    if (before != after) {
        losses_begin(crossings, reader);
    }
}

static void crossings_event(struct crossings *crossings, struct reader *reader,
                            const struct trace_event *event)
{
    struct crossing_lane *lane = &crossings->lanes[event->cpu];

    if (!crossings->any) {
        crossings->first = event->time;
        crossings->any = true;
    }
    crossings->last = event->time > crossings->last ? event->time : crossings->last;
    switch (event->id) {
    case TRACE_EVENT_MAILBOX_PUSH:
    case TRACE_EVENT_MAILBOX_TAKE:
    case TRACE_EVENT_DOORBELL_SEND:
    case TRACE_EVENT_DOORBELL_RECEIVE:
        journey_event(crossings, reader, event);
        break;
    case TRACE_EVENT_GREETING:
        greeting_add(crossings, event);
        break;
    case TRACE_EVENT_MASK:
        lane_change(crossings, reader, lane, lane->in_gap, !(event->small & TRACE_CATEGORY_SMP));
        break;
    case READER_GAP:
        if (!event->life) {
            lane_change(crossings, reader, lane, event->small == GAP_BEGIN, lane->off);
        }
        break;
    default:
        break;
    }
}

static void crossings_start(struct crossings *crossings, const struct trace_file *file)
{
    *crossings = (struct crossings){.cpu_count = file->header->cpu_count, .trip_free = ID_NONE};
    bounds_start(crossings);
    crossings->lanes = memory_new(sizeof *crossings->lanes * crossings->cpu_count);
    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];

        if (section->kind == CAPTURE_SECTION_EVENTS && section->lost) {
            crossings->lanes[section->cpu].in_gap = true;
            crossings->blind++;
            crossings->losses = true;
        }
    }
}

bool crossings_read(struct crossings *crossings, const struct trace_file *file,
                    const struct capture_clock *clocks, enum reader_sections sections,
                    struct trace_error *error)
{
    struct trace_event event;
    struct reader reader;
    bool done;

    crossings_start(crossings, file);
    if (!reader_start_with(&reader, file, sections | READER_AS_WRITTEN, clocks, error)) {
        crossings_free(crossings);
        return false;
    }
    for (;;) {
        if (reader_next(&reader, &event)) {
            crossings_event(crossings, &reader, &event);
        } else if (!reader.failed && crossings->waiting) {
            losses_begin(crossings, &reader);
        } else {
            break;
        }
    }
    bounds_end(crossings);
    done = !reader.failed;
    reader_end(&reader);
    if (!done) {
        crossings_free(crossings);
    }
    return done;
}

void crossings_free(struct crossings *crossings)
{
    for (size_t i = 0; i < crossings->pair_count; i++) {
        free(crossings->pairs[i]);
    }
    free(crossings->pairs);
    free(crossings->table);
    free(crossings->greetings);
    free(crossings->lanes);
    free(crossings->bells);
    free(crossings->trips);
    id_table_free(&crossings->trip_index);
    *crossings = (struct crossings){0};
}
