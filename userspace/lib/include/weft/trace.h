/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel records, read by a program in the guest while it happens: the rings of all CPUs
 * (docs/trace-format.md). Wants `give trace` in the manifest: who has that sees what every process does, and
 * can change nothing.
 *
 *     struct weft_trace trace;
 *     weft_trace_open(&trace, WEFT_FREE_BASE);
 *     struct weft_trace_walk walk;
 *     weft_trace_begin(&trace, &walk, cpu, WEFT_TRACE_EVENTS, since);      a clock value
 *     while (weft_trace_next(&walk, &event)) ...                           oldest first
 *
 * Theory of operation
 *
 * 1. A ring is written by its CPU alone, page after page, and never waits for readers. Each page begins with a PAGE
 *    record that has the page's number; it is cleared before the page is written anew. A walk copies a page and
 *    looks at that record before and after: where it was the same, the copy is of one time.
 * 2. The page that is being written holds new records and, behind them, those from the last time round, which are
 *    older than the page itself. The newest may be half written: its time comes first. It counts when another
 *    follows, or when it is WEFT_TRACE_SETTLED old; then only a CPU that stood still between two stores for
 *    that long could make it a wrong one, until the next walk.
 * 3. A reader that is slower than a CPU loses events, and is told how many pages of them (`lost`).
 * 4. The names of events and their fields are generated (weft/trace_events.h). A kernel that was built with others
 *    is refused.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/trace_events.h"

#define WEFT_TRACE_SETTLED 500u /* microseconds */

enum weft_trace_ring { WEFT_TRACE_EVENTS, WEFT_TRACE_LIFE };

struct weft_trace_event {
    uint64_t time; /* clock value */
    uint32_t a, b;
    uint8_t id; /* enum trace_event_id */
    uint8_t small;
};

struct weft_trace {
    const uint8_t *memory;
    uint32_t cpus;
    uint64_t cpu_bytes; /* both rings of a CPU */
    uint64_t settled;   /* clock ticks */
};

/* A way through a ring, from a moment on. Big: it holds a page. */
struct weft_trace_walk {
    const uint8_t *ring;
    uint64_t pages;
    uint64_t since, now;
    uint64_t settled;
    uint32_t sequence; /* of the page in `copy` */
    uint32_t newest;
    uint32_t at, count; /* records of the copy */
    uint32_t running;   /* the thread that ran when the page in `copy` was opened */
    uint32_t lost;      /* pages that were overwritten before they were read */
    uint64_t opened;    /* when the page in `copy` was opened */
    struct weft_trace_event copy[255];
};

/* Maps the rings at `place`. STATUS_NO_RIGHT: there is no capability `trace`; STATUS_DEAD: nothing is recorded, as
 * the kernel has no tracing; STATUS_BAD_ARGUMENT: the kernel and this program know different events. */
status_t weft_trace_open(struct weft_trace *trace, uint64_t place);

/* From the page on in which `since` lies, or the oldest. The first events may be older than `since`. */
void weft_trace_begin(const struct weft_trace *trace, struct weft_trace_walk *walk, uint32_t cpu,
                      enum weft_trace_ring ring, uint64_t since);

/* The next event. False: there is none as yet. */
_Bool weft_trace_next(struct weft_trace_walk *walk, struct weft_trace_event *event);
