/* SPDX-License-Identifier: Apache-2.0
 *
 * The k-way merge of a capture's sections.
 *
 * 1. Cursor. Walks one section. A record at the start of a page (every 256th) must be a PAGE
 *    record whose number is above that of the page before; the difference tells what was lost.
 *    Any other record must have an id that the schema knows.
 * 2. Time. The sections' first time stamps are put on one axis: each section's length is summed up
 *    from one record per page, and its last record is placed next to the last record of the first
 *    section, less than half the 48-bit range away. So a wrap inside or between sections is
 *    unfolded, as long as no CPU was silent for longer than half the range (13 hours at 3 GHz).
 * 3. Merge. The heap's root is the cursor with the earliest event. Giving it out means to move
 *    that cursor on and to let it sink; mostly the same CPU stays on top and this costs two
 *    comparisons.
 */
#include "reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define TIME_BITS 48
#define TIME_RANGE (1ull << TIME_BITS)
#define PAGE_RECORDS (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE)

/* The step from one 48-bit time to another: less than half the range either way. */
static int64_t ticks_step(uint64_t from, uint64_t to)
{
    return (int64_t)((to - from) << (64 - TIME_BITS)) >> (64 - TIME_BITS);
}

static uint64_t to_nanoseconds(const struct reader *reader, uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * reader->multiplier >> reader->shift);
}

/* multiplier / 2^shift is the length of a tick in nanoseconds, as precise as 63 bits allow. */
static void clock_set(struct reader *reader, uint64_t hz)
{
    unsigned __int128 multiplier;

    reader->shift = 64;
    do {
        reader->shift--;
        multiplier = ((unsigned __int128)1000000000u << reader->shift) / (hz ? hz : 1000000000u);
    } while (multiplier >> 63);
    reader->multiplier = (uint64_t)multiplier;
}

static bool cursor_fail(struct reader *reader, const struct cursor *cursor, const char *what)
{
    reader->failed = true;
    return trace_fail(reader->error, "CPU %u, section %u, record %" PRIu64 ": %s",
                      cursor->event.cpu, cursor->section, cursor->next, what);
}

static bool cursor_open_page(struct reader *reader, struct cursor *cursor)
{
    const struct trace_record *record = &cursor->records[cursor->next];

    if (record->id != TRACE_EVENT_PAGE) {
        return cursor_fail(reader, cursor, "a page begins without its page record");
    }
    if (cursor->next == 0 && record->a != cursor->sequence) {
        return cursor_fail(reader, cursor, "the first page is not the one that the header names");
    } else if (cursor->next == 0) {
        cursor->gap_at_start = cursor->gap != 0;
    } else if (record->a <= cursor->sequence) {
        return cursor_fail(reader, cursor, "a page is out of order");
    } else {
        cursor->gap += (record->a - cursor->sequence - 1) * TRACE_RECORDS_PER_PAGE;
    }
    cursor->sequence = record->a;
    cursor->running = running_after(TRACE_EVENT_PAGE, record->a, record->b, cursor->running);
    cursor->next++;
    return true;
}

/* Loads the next record of the section. False at the end or on damage. */
static bool cursor_advance(struct reader *reader, struct cursor *cursor)
{
    const struct trace_record *record;
    int64_t step;

    if (cursor->next >= cursor->count) {
        return false;
    }
    cursor->running = running_after(cursor->event.id, event_a(&cursor->event),
                                    event_b(&cursor->event), cursor->running);
    cursor->part = 0;
    if (cursor->next % PAGE_RECORDS == 0) {
        if (!cursor_open_page(reader, cursor) || cursor->next >= cursor->count) {
            return false;
        }
    }
    record = &cursor->records[cursor->next];
    cursor->event.id = record->id;
    if (cursor->event.id == TRACE_EVENT_PAGE || !trace_events[cursor->event.id].name) {
        return cursor_fail(reader, cursor, "the record is damaged");
    }
    step = cursor->started ? ticks_step(cursor->raw, record_time(record)) : 0;
    cursor->started = true;
    cursor->next++;
    cursor->raw = record_time(record);
    cursor->ticks =
        step < 0 && cursor->ticks < (uint64_t)-step ? 0 : cursor->ticks + (uint64_t)step;
    cursor->event.small = record->small;
    cursor->event.payload = record_payload(record);
    cursor->event.time = to_nanoseconds(reader, cursor->ticks);
    if (cursor->clock) {
        cursor->event.time = clock_corrected(cursor->clock, cursor->event.time);
    }
    cursor->event.backwards = step < 0;
    cursor->gap_begins = cursor->gap && !cursor->gap_at_start;
    if (!cursor->gap_begins) {
        cursor->key = cursor->event.time;
    }
    return true;
}

static bool cursor_before(const struct reader *reader, uint32_t left, uint32_t right)
{
    const struct cursor *a = &reader->cursors[left], *b = &reader->cursors[right];

    return a->key != b->key ? a->key < b->key : left < right;
}

static void heap_sink(struct reader *reader, uint32_t place)
{
    uint32_t *heap = reader->heap;
    uint32_t cursor = heap[place];

    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= reader->heap_size) {
            break;
        }
        if (child + 1 < reader->heap_size && cursor_before(reader, heap[child + 1], heap[child])) {
            child++;
        }
        if (!cursor_before(reader, heap[child], cursor)) {
            break;
        }
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = cursor;
}

static void heap_order(struct reader *reader)
{
    for (uint32_t i = reader->heap_size / 2; i-- > 0;) {
        heap_sink(reader, i);
    }
}

/* Length of a section in ticks, from one record of each page. */
static int64_t section_length(const struct cursor *cursor)
{
    uint64_t last = record_time(&cursor->records[1]);
    int64_t length = 0;

    for (uint64_t i = 1 + PAGE_RECORDS; i < cursor->count; i += PAGE_RECORDS) {
        length += ticks_step(last, record_time(&cursor->records[i]));
        last = record_time(&cursor->records[i]);
    }
    return length + ticks_step(last, record_time(&cursor->records[cursor->count - 1]));
}

/* Gives each cursor its first time on the common axis (theory, 2). */
static void cursors_align(struct reader *reader)
{
    const struct cursor *reference = NULL;
    int64_t earliest = 0;
    uint64_t last;

    for (uint32_t i = 0; i < reader->cursor_count; i++) {
        struct cursor *cursor = &reader->cursors[i];

        if (cursor->count % PAGE_RECORDS == 1) {
            cursor->count--; /* a page that was opened and has no record yet */
        }
        if (cursor->count < 2) {
            continue;
        }
        reference = reference ? reference : cursor;
        last = record_time(&reference->records[reference->count - 1]);
        cursor->ticks =
            last + (uint64_t)ticks_step(last, record_time(&cursor->records[cursor->count - 1])) -
            (uint64_t)section_length(cursor);
        if ((int64_t)cursor->ticks < earliest) {
            earliest = (int64_t)cursor->ticks;
        }
    }
    for (uint32_t i = 0; i < reader->cursor_count; i++) {
        reader->cursors[i].ticks += ((uint64_t)-earliest + TIME_RANGE - 1) & -TIME_RANGE;
    }
}

static int compare_cursors(const void *left, const void *right)
{
    const struct cursor *a = left, *b = right;

    if (a->event.cpu != b->event.cpu) {
        return a->event.cpu < b->event.cpu ? -1 : 1;
    }
    return (int)b->event.life - (int)a->event.life;
}

static void cursors_collect(struct reader *reader, const struct trace_file *file,
                            enum reader_sections sections, const struct capture_clock *clocks)
{
    size_t capacity = 0;

    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];
        struct cursor *cursor;

        if (section->kind >= CAPTURE_SECTION_METADATA || !(sections & 1u << section->kind)) {
            continue;
        }
        reader->cursors = memory_grow(reader->cursors, &capacity, reader->cursor_count + 1,
                                      sizeof *reader->cursors);
        cursor = &reader->cursors[reader->cursor_count++];
        cursor->records = section_records(file, section);
        cursor->count = section->bytes / TRACE_RECORD_SIZE;
        cursor->gap = section->lost;
        cursor->sequence = section->first_sequence;
        cursor->section = i;
        cursor->event.cpu = section->cpu;
        if (clocks && clock_is_corrected(&clocks[section->cpu])) {
            cursor->clock = &clocks[section->cpu];
        }
        cursor->event.life = section->kind == CAPTURE_SECTION_LIFE;
    }
    reader->heap = memory_new((reader->cursor_count + 1) * sizeof *reader->heap);
}

bool reader_start(struct reader *reader, const struct trace_file *file,
                  enum reader_sections sections, struct trace_error *error)
{
    return reader_start_with(reader, file, sections, file->clocks, error);
}

bool reader_start_with(struct reader *reader, const struct trace_file *file,
                       enum reader_sections sections, const struct capture_clock *clocks,
                       struct trace_error *error)
{
    *reader = (struct reader){.error = error, .as_written = sections & READER_AS_WRITTEN};
    memset(reader->masks, 0xff, sizeof reader->masks);
    clock_set(reader, file->header->clock_hz);
    cursors_collect(reader, file, sections, clocks);
    if (reader->cursor_count) {
        qsort(reader->cursors, reader->cursor_count, sizeof *reader->cursors, compare_cursors);
    }
    cursors_align(reader);
    for (uint32_t i = 0; i < reader->cursor_count; i++) {
        if (cursor_advance(reader, &reader->cursors[i])) {
            reader->heap[reader->heap_size++] = i;
        }
    }
    heap_order(reader);
    if (reader->failed) {
        reader_end(reader);
        return false;
    }
    return true;
}

/* Gives out a gap's beginning, and then its end. */
static void gap_next(struct reader *reader, struct cursor *cursor, struct trace_event *event)
{
    event->id = READER_GAP;
    event->backwards = false;
    event->time = cursor->key;
    if (cursor->gap_begins) {
        event->small = GAP_BEGIN;
        event->payload = 0;
        cursor->gap_begins = false;
        cursor->key = cursor->event.time;
        return;
    }
    event->small = cursor->gap_at_start ? GAP_START : GAP_END;
    event->payload = cursor->gap;
    event->running = cursor->running;
    reader->lost += cursor->gap;
    cursor->gap = 0;
    cursor->gap_at_start = false;
}

/* Turns the record of a direct call or answer into the next event that it stands for. True if another
 * one follows. */
static bool direct_next(const struct reader *reader, struct cursor *cursor,
                        struct trace_event *event)
{
    bool call = event->id == TRACE_EVENT_IPC_CALL_DIRECT;
    bool switches = reader->masks[event->cpu] & TRACE_CATEGORY_SCHED;
    uint32_t running = cursor->running, next = event_a(event), endpoint = event_b(event);
    unsigned part = cursor->part++ + !call; /* an answer has no first part */

    event->small = TRACE_IPC_PATH_DIRECT;
    if (part == 0) {
        event->id = TRACE_EVENT_IPC_CALL;
        event->payload = (uint64_t)endpoint << 32 | running;
    } else if (part == 1 && call) {
        event->id = TRACE_EVENT_IPC_DELIVER;
        event->payload = (uint64_t)next << 32 | running;
    } else if (part == 1) {
        event->id = TRACE_EVENT_IPC_REPLY;
        event->payload = next;
    } else {
        event->id = TRACE_EVENT_SWITCH;
        event->small = call ? TRACE_THREAD_STATE_BLOCKED_CALL : TRACE_THREAD_STATE_BLOCKED_RECEIVE;
        event->payload = (uint64_t)next << 32 | running;
    }
    return part == 0 || (part == 1 && switches);
}

/* The CPU records other categories from here on. */
static void mask_next(struct reader *reader, const struct cursor *cursor, struct trace_event *event)
{
    const struct cursor *end = reader->cursors + reader->cursor_count;

    reader->masks[event->cpu] = event->small;
    event->running = event_a(event);
    for (struct cursor *other = reader->cursors; other < end; other++) {
        if (other != cursor && other->event.cpu == event->cpu && event->running) {
            other->running = event->running;
        }
    }
}

bool reader_next(struct reader *reader, struct trace_event *event)
{
    struct cursor *cursor;

    if (!reader->heap_size || reader->failed) {
        return false;
    }
    cursor = &reader->cursors[reader->heap[0]];
    *event = cursor->event;
    event->running = 0;
    if (cursor->gap) {
        gap_next(reader, cursor, event);
        heap_sink(reader, 0);
        return true;
    }
    if (!reader->as_written &&
        (event->id == TRACE_EVENT_IPC_CALL_DIRECT || event->id == TRACE_EVENT_IPC_REPLY_DIRECT)) {
        if (direct_next(reader, cursor, event)) {
            return true;
        }
    } else if (event->id == TRACE_EVENT_MASK) {
        mask_next(reader, cursor, event);
    }
    reader->records++;
    if (!cursor_advance(reader, cursor)) {
        if (reader->failed) {
            return false;
        }
        reader->heap[0] = reader->heap[--reader->heap_size];
    }
    if (reader->heap_size) {
        heap_sink(reader, 0);
    }
    return true;
}

static struct cursor *events_cursor(struct reader *reader, uint32_t cpu)
{
    for (uint32_t i = 0; i < reader->cursor_count; i++) {
        if (reader->cursors[i].event.cpu == cpu && !reader->cursors[i].event.life) {
            return &reader->cursors[i];
        }
    }
    return NULL;
}

void reader_hold(struct reader *reader, uint32_t cpu)
{
    const struct cursor *cursor = events_cursor(reader, cpu);

    for (uint32_t i = 0; i < reader->heap_size; i++) {
        if (&reader->cursors[reader->heap[i]] == cursor) {
            reader->cursors[reader->heap[i]].held = true;
            reader->heap[i] = reader->heap[--reader->heap_size];
            heap_order(reader);
            return;
        }
    }
}

void reader_release(struct reader *reader, uint32_t cpu)
{
    struct cursor *cursor = events_cursor(reader, cpu);

    if (cursor && cursor->held) {
        cursor->held = false;
        reader->heap[reader->heap_size++] = (uint32_t)(cursor - reader->cursors);
        heap_order(reader);
    }
}

void reader_end(struct reader *reader)
{
    free(reader->cursors);
    free(reader->heap);
    reader->cursors = NULL;
    reader->heap = NULL;
    reader->heap_size = 0;
}
