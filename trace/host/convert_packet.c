/* SPDX-License-Identifier: Apache-2.0
 *
 * TrackEvents as packets, kept small: most of a timeline is made of them.
 *
 * 1. Each thread and each CPU has a packet sequence of its own, the rest share one. A sequence has a
 *    default track, which its events need not name, and a clock that counts on from its last event.
 *    So an event usually says: so much later, this name.
 * 2. An event that is earlier than the last one of its sequence (a stage that is known only at its
 *    end) gives its time by the trace's clock, which does not move the sequence's own.
 * 3. Names, categories and names of arguments are interned. Their ids are the same in all sequences,
 *    but each sequence is told what they mean before it uses them first: `known` says of which it was.
 * 4. No packet says that it needs its sequence's state (sequence_flags): the flag is there for readers
 *    of a trace from which packets were lost, and this one is written in one piece.
 */
#include "convert.h"

#include <stdarg.h>
#include <stdio.h>

#define SEQUENCE_CLEARED 1u
#define CLOCK_TRACE 6u     /* the trace's own (BOOTTIME) */
#define CLOCK_SEQUENCE 64u /* the first that belongs to a sequence */
#define NAME_FIRST 64u     /* of the names that are not the same in every trace */
#define HEAD_SIZE 64u

enum interned_field { INTERNED_CATEGORY = 1, INTERNED_NAME = 2, INTERNED_NOTE = 3 };

static const char *const category_names[CATEGORY_COUNT] = {
    [CATEGORY_IPC] = "ipc",         [CATEGORY_SMP] = "smp",     [CATEGORY_USER] = "user",
    [CATEGORY_SYSCALL] = "syscall", [CATEGORY_FAULT] = "fault", [CATEGORY_LIFE] = "life",
    [CATEGORY_LOST] = "lost",
};

static const char *const note_names[NOTE_COUNT] = {
    [NOTE_MESSAGE] = "message",
    [NOTE_ENDPOINT] = "endpoint",
    [NOTE_PATH] = "path",
    [NOTE_VALUE] = "value",
    [NOTE_ADDRESS] = "address",
    [NOTE_STATUS] = "status",
    [NOTE_BITS] = "bits",
    [NOTE_OBJECT] = "object",
    [NOTE_RIGHTS] = "rights",
    [NOTE_CAPABILITIES] = "capabilities",
    [NOTE_MAPPINGS] = "mappings",
    [NOTE_ENDED] = "ended",
    [NOTE_SLICE_ENDED] = "slice_ended",
    [NOTE_POLLED] = "polled",
    [NOTE_SERVER] = "server",
    [NOTE_VECTOR] = "vector",
    [NOTE_SHARE] = "share",
    [NOTE_LOST] = "lost",
};

static const char *const words[] = {
    [WORD_SEND] = "send",
    [WORD_REPLY] = "reply",
    [WORD_RESUME] = "resume",
    [WORD_SAVE] = "set aside",
    [WORD_ABORTED] = "call aborted",
    [WORD_NOTIFIED] = "notified",
    [WORD_DOORBELL_RECEIVE] = "doorbell received",
    [WORD_PAGE_FAULT] = "page fault",
    [WORD_HALT] = "halt",
    [WORD_PROCESS_EXIT] = "process exited",
    [WORD_PROCESS_FAULT] = "process faulted",
    [WORD_PROCESS_KILLED] = "process killed",
    [WORD_PROCESS_CREATE] = "process created",
    [WORD_PROCESS_RESTART] = "process restarted",
    [WORD_TIMER] = "timer",
    [WORD_SUSPENDED] = "suspended",
    [WORD_PENDING] = "held for its driver",
    [WORD_INTERRUPT] = "interrupt",
    [WORD_ACKNOWLEDGE] = "acknowledge",
    [WORD_OUT_OF_BUDGET] = "out of budget",
    [WORD_MASK] = "categories switched",
    [WORD_THREAD_EXIT] = "thread exited",
    [WORD_LOST] = "events lost",
    [WORD_OVERWRITTEN] = "earlier events overwritten",
};

_Static_assert(WORD_COUNT + STAGE_COUNT < NAME_FIRST, "the fixed names have the ids below");

void packet_write(struct convert *convert, const uint8_t *packet, size_t size)
{
    uint8_t head[16];
    uint8_t *end = proto_varint(proto_tag(head, 1, WIRE_BYTES), size);

    output_write(convert->output, head, (size_t)(end - head));
    output_write(convert->output, packet, size);
}

/* ---- names ------------------------------------------------------------------------------------- */

uint64_t word(enum word which)
{
    return which + 1u;
}

uint64_t stage_word(unsigned stage)
{
    return WORD_COUNT + 1u + stage;
}

static const char *name_text(const struct convert *convert, uint64_t id)
{
    if (id <= WORD_COUNT) {
        return words[id - 1];
    }
    return id < NAME_FIRST ? stage_names[id - 1 - WORD_COUNT]
                           : convert->name_text + convert->name_start[id - NAME_FIRST];
}

uint64_t intern(struct convert *convert, uint32_t kind, uint32_t key, const char *format, ...)
{
    uint64_t place = (uint64_t)kind << 32 | key;
    uint32_t id = id_table_get(&convert->interned, place);
    char name[160];
    size_t size;
    va_list arguments;

    if (id != ID_NONE) {
        return id;
    }
    id = NAME_FIRST + convert->name_count++;
    id_table_put(&convert->interned, place, id);
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    size = strlen(name) + 1;
    convert->name_start = memory_grow(convert->name_start, &convert->name_start_capacity,
                                      convert->name_count, sizeof *convert->name_start);
    convert->name_text = memory_grow(convert->name_text, &convert->name_text_capacity,
                                     convert->name_text_used + size, 1);
    memcpy(convert->name_text + convert->name_text_used, name, size);
    convert->name_start[id - NAME_FIRST] = convert->name_text_used;
    convert->name_text_used += size;
    return id;
}

/* ---- sequences --------------------------------------------------------------------------------- */

/* Declares the sequence: its state is empty, its clock stands at the trace's start. */
static void sequence_begin(struct convert *convert, struct sequence *sequence, uint64_t track)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *content, *inner;

    sequence->id = SEQUENCE_FIRST + convert->sequence_count++;
    sequence->time = convert->start;
    at = proto_uint(at, PACKET_SEQUENCE, sequence->id);
    at = proto_uint(at, PACKET_FLAGS, SEQUENCE_CLEARED);
    content = proto_open(at, PACKET_DEFAULTS);
    at = proto_uint(content, 58, CLOCK_SEQUENCE);
    if (track) {
        inner = proto_open(at, PACKET_TRACK_EVENT);
        at = proto_close(inner, proto_uint(inner, 11, track));
    }
    at = proto_close(content, at);
    content = proto_open(at, PACKET_CLOCKS);
    inner = proto_open(content, 1);
    at = proto_uint(proto_uint(inner, 1, CLOCK_TRACE), 2, convert->start);
    at = proto_close(inner, at);
    inner = proto_open(at, 1);
    at = proto_uint(proto_uint(inner, 1, CLOCK_SEQUENCE), 2, convert->start);
    at = proto_close(inner, proto_uint(at, 3, 1)); /* incremental */
    at = proto_close(content, at);
    packet_write(convert, packet, (size_t)(at - packet));
}

/* The sequence of the events of a track, and its default track. */
static struct sequence *track_sequence(struct convert *convert, uint64_t track,
                                       uint64_t *default_track)
{
    enum track_kind kind = (enum track_kind)(track & TRACK_KIND_MASK);
    size_t whose = track >> TRACK_KIND_BITS;

    switch (kind) {
    case TRACK_THREAD:
    case TRACK_USER:
    case TRACK_SYSCALLS:
    case TRACK_RESTS:
        *default_track = track_id(TRACK_THREAD, (uint32_t)whose);
        return &convert->threads[whose].sequence;
    case TRACK_MAILBOX:
    case TRACK_DOORBELL:
    case TRACK_DEPTH:
    case TRACK_RUN_QUEUE:
    case TRACK_LOST:
        *default_track = track_id(TRACK_MAILBOX, (uint32_t)whose);
        return &convert->cpus[whose].sequence;
    default:
        *default_track = 0;
        return &convert->sequence;
    }
}

static void learn(struct convert *convert, const struct sequence *sequence,
                  enum interned_field field, uint64_t id, const char *name)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *data, *entry;

    at = proto_uint(at, PACKET_SEQUENCE, sequence->id);
    data = proto_open(at, PACKET_INTERNED);
    entry = proto_open(data, field);
    at = proto_string(proto_uint(entry, 1, id), 2, name);
    at = proto_close(data, proto_close(entry, at));
    packet_write(convert, packet, (size_t)(at - packet));
}

static bool name_is_new(struct convert *convert, struct sequence *sequence, uint64_t id)
{
    uint64_t key = (uint64_t)sequence->id << 32 | id;

    if (id < SEQUENCE_NAMES) {
        bool known = sequence->names[id / 64] >> id % 64 & 1;

        sequence->names[id / 64] |= 1ull << id % 64;
        return !known;
    }
    if (id_table_get(&convert->name_known, key) != ID_NONE) {
        return false;
    }
    id_table_put(&convert->name_known, key, 0);
    return true;
}

static void learn_name(struct convert *convert, struct sequence *sequence, uint64_t id)
{
    if (id && name_is_new(convert, sequence, id)) {
        learn(convert, sequence, INTERNED_NAME, id, name_text(convert, id));
    }
}

static void learn_category(struct convert *convert, struct sequence *sequence, enum category id)
{
    if (id && !(sequence->categories >> id & 1)) {
        sequence->categories |= 1u << id;
        learn(convert, sequence, INTERNED_CATEGORY, id, category_names[id]);
    }
}

static void learn_note(struct convert *convert, struct sequence *sequence, enum note_name id)
{
    if (!(sequence->notes >> id & 1)) {
        sequence->notes |= 1u << id;
        learn(convert, sequence, INTERNED_NOTE, id, note_names[id]);
    }
}

/* ---- events ------------------------------------------------------------------------------------ */

/* Flows in the fields of today (47, 48) and of 2021 (36, 42), which newer readers then ignore. */
static uint8_t *flows_put(uint8_t *at, const uint64_t *flows, unsigned field, unsigned old_field)
{
    for (unsigned i = 0; i < FLOWS_MAX && flows[i]; i++) {
        at = proto_fixed64(at, field, flows[i]);
        at = proto_uint(at, old_field, flows[i]);
    }
    return at;
}

static uint8_t *note_put(struct convert *convert, struct sequence *sequence, uint8_t *at,
                         const struct note *note)
{
    uint8_t *content = proto_open(at, 4);

    if (note->label) {
        at = proto_string(content, 10, note->label);
    } else {
        learn_note(convert, sequence, note->name);
        at = proto_uint(content, 1, note->name);
    }
    at = note->text ? proto_string(at, 6, note->text) : proto_uint(at, 3, note->value);
    return proto_close(content, at);
}

static uint8_t *event_put(struct convert *convert, struct sequence *sequence, uint8_t *at,
                          const struct track_event *event, uint64_t default_track)
{
    at = proto_uint(at, 9, event->type);
    if (event->track != default_track) {
        at = proto_uint(at, 11, event->track);
    }
    if (event->category) {
        learn_category(convert, sequence, event->category);
        at = proto_uint(at, 3, event->category);
    }
    if (event->name) {
        learn_name(convert, sequence, event->name);
        at = proto_uint(at, 10, event->name);
    }
    if (event->type == TRACK_VALUE) {
        at = proto_uint(at, 30, (uint64_t)event->value);
    }
    if (event->extra_track) {
        at = proto_uint(at, 31, event->extra_track);
        at = proto_uint(at, 12, (uint64_t)event->extra_value);
    }
    at = flows_put(at, event->flows, 47, 36);
    at = flows_put(at, event->ends, 48, 42);
    for (unsigned i = 0; i < NOTES_MAX && event->notes[i].name; i++) {
        at = note_put(convert, sequence, at, &event->notes[i]);
    }
    return at;
}

void track_write(struct convert *convert, const struct track_event *event)
{
    uint8_t packet[HEAD_SIZE + PACKET_SIZE], inner[HEAD_SIZE / 2], outer[HEAD_SIZE / 2];
    uint8_t *const content = packet + HEAD_SIZE;
    uint8_t *end, *at = inner;
    uint64_t default_track;
    struct sequence *sequence = track_sequence(convert, event->track, &default_track);
    size_t size, inner_size, outer_size;

    if (!sequence->id) {
        sequence_begin(convert, sequence, default_track);
    }
    end = event_put(convert, sequence, content, event, default_track);
    if (event->time >= sequence->time) {
        at = proto_uint(at, PACKET_TIMESTAMP, event->time - sequence->time);
        sequence->time = event->time;
    } else {
        at = proto_uint(at, PACKET_TIMESTAMP, event->time);
        at = proto_uint(at, PACKET_CLOCK, CLOCK_TRACE);
    }
    at = proto_uint(at, PACKET_SEQUENCE, sequence->id);
    size = (size_t)(end - content);
    at = proto_varint(proto_tag(at, PACKET_TRACK_EVENT, WIRE_BYTES), size);
    inner_size = (size_t)(at - inner);
    at = proto_varint(proto_tag(outer, 1, WIRE_BYTES), inner_size + size);
    outer_size = (size_t)(at - outer);
    memcpy(content - inner_size, inner, inner_size);
    memcpy(content - inner_size - outer_size, outer, outer_size);
    output_write(convert->output, content - inner_size - outer_size,
                 outer_size + inner_size + size);
}
