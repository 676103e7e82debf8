/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a capture as one stream of events in the order of time.
 *
 *     struct reader reader;
 *     struct trace_event event;
 *     if (!reader_start(&reader, &file, READER_ALL, &error)) ...
 *     while (reader_next(&reader, &event)) ...
 *     if (reader.failed) ...                 // error has the reason
 *     reader_end(&reader);
 *
 * Each section is a sorted array of its own (one CPU wrote it), so this is a merge: a heap holds
 * one cursor per section. Nothing is copied and nothing grows, whatever the size of the capture.
 * Events of one CPU come in the order in which it wrote them; between CPUs time decides, and at
 * equal times the lower CPU and its life section come first.
 *
 * A record that stands for several events (ipc_call_direct, ipc_reply_direct) comes as these, one right
 * after the other at the same time. So nobody but the reader knows of such records; READER_AS_WRITTEN
 * gives them out as they are.
 *
 * Time stamps are 48 bits wide in the records. They are unwrapped per section, a difference of less
 * than half the range counting as forwards or backwards as it is, and converted to nanoseconds.
 * Where records are missing, two pseudo events with the id READER_GAP say so: one right after the
 * last record before the gap, one right before the first record after it. A CPU whose records begin
 * late has only the second one.
 *
 * Where a capture says that a CPU's clock is apart from CPU 0's, its times are corrected by that
 * (clock.h). Others stay what they were, to the nanosecond.
 */
#pragma once

#include "file.h"
#include "weft/trace_events.h"

enum reader_sections {
    READER_EVENTS = 1,
    READER_LIFE = 2,
    READER_ALL = READER_EVENTS | READER_LIFE,
    READER_AS_WRITTEN = 4, /* every record as it is (below, 2nd paragraph) */
};

#define READER_GAP 0u /* pseudo event; `small` is of enum reader_gap */

enum reader_gap {
    GAP_END,   /* payload = number of records lost */
    GAP_START, /* the same, and nothing came before */
    GAP_BEGIN, /* payload = 0 */
};

struct trace_event {
    uint64_t time; /* nanoseconds of the guest's clock */
    uint64_t payload;
    uint32_t cpu;
    uint32_t running; /* of a gap's end or a MASK event: id of the thread that runs; 0: not known */
    uint8_t id;       /* enum trace_event_id or READER_GAP */
    uint8_t small;
    bool life;      /* from the life section */
    bool backwards; /* earlier than the CPU's event before it */
};

static inline uint32_t event_a(const struct trace_event *event)
{
    return (uint32_t)event->payload;
}

static inline uint32_t event_b(const struct trace_event *event)
{
    return (uint32_t)(event->payload >> 32);
}

/* Who runs after a record, if `running` ran before it. */
static inline uint32_t running_after(uint8_t id, uint32_t a, uint32_t b, uint32_t running)
{
    if (id == TRACE_EVENT_SWITCH || (id == TRACE_EVENT_PAGE && b)) {
        return b;
    }
    return id == TRACE_EVENT_IPC_CALL_DIRECT || id == TRACE_EVENT_IPC_REPLY_DIRECT ? a : running;
}

struct cursor {
    const struct trace_record *records;
    uint64_t count;
    uint64_t next;     /* index of the record after `event` */
    uint64_t sequence; /* of the current page */
    uint64_t ticks;    /* unwrapped time of `event` */
    uint64_t gap;      /* records lost before the next record */
    uint64_t key; /* time of what comes out of this cursor next: `event`, or a gap's beginning */
    bool gap_at_start, gap_begins;
    bool started;     /* a record was read */
    uint32_t running; /* id of the thread that runs when `event` happens; 0: not known */
    unsigned part;    /* which of the events that `event` stands for is next */
    uint64_t raw;     /* 48-bit time of `event` */
    uint32_t section; /* index, for messages */
    const struct capture_clock *clock; /* by which its times are corrected, or null */
    bool held;
    struct trace_event event;
};

struct reader {
    struct cursor *cursors;
    bool as_written;
    uint8_t masks[CAPTURE_CPUS_MAX]; /* the categories that each CPU records */
    uint32_t *heap;                  /* indices of cursors, the earliest first */
    uint32_t heap_size;
    uint32_t cursor_count;
    uint64_t multiplier; /* ticks to nanoseconds */
    unsigned shift;
    bool failed;
    struct trace_error *error;
    uint64_t records; /* given out, without gaps */
    uint64_t lost;    /* sum of the gaps given out */
};

bool reader_start(struct reader *reader, const struct trace_file *file,
                  enum reader_sections sections, struct trace_error *error);
bool reader_next(struct reader *reader, struct trace_event *event);
/* The same with other clocks than those that the capture has recorded (one per CPU; null: none). */
bool reader_start_with(struct reader *reader, const struct trace_file *file,
                       enum reader_sections sections, const struct capture_clock *clocks,
                       struct trace_error *error);
/* Whoever orders events by more than time: what follows in this CPU's section of events does not come
 * before it is released. */
void reader_hold(struct reader *reader, uint32_t cpu);
void reader_release(struct reader *reader, uint32_t cpu);
void reader_end(struct reader *reader);
