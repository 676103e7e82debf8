/* SPDX-License-Identifier: Apache-2.0
 *
 * A program's own events in the timeline, on the track of the calling thread. Give each name a number
 * first:
 *
 *     weft_annotate_name(1, "read block");
 *     weft_annotate_begin(1, block);      a slice; begin and end of one thread nest
 *     weft_annotate_end(1);
 *     weft_annotate_instant(2, value);    a moment
 *     weft_annotate_counter(3, value);    a curve
 *     weft_annotate_flow_out(1, n);       an arrow from here to where weft_annotate_flow_in(.., n) is
 *
 * Names are the process's own. Where tracing is off these cost a system call each; a process without the
 * right to itself can record nothing, and nothing is said of it.
 */
#pragma once

#include "weft/syscalls.h"
#include "weft/thread.h"

/* At most 16 characters count. */
static inline void weft_annotate_name(uint32_t number, const char *text)
{
    struct weft_name name = weft_name_pack(text);
    (void)weft_trace_name(number, name.words[0], name.words[1]);
}

static inline void weft_annotate_begin(uint32_t number, uint32_t value)
{
    (void)weft_trace_user(TRACE_KIND_BEGIN, number, value);
}

static inline void weft_annotate_end(uint32_t number)
{
    (void)weft_trace_user(TRACE_KIND_END, number, 0);
}

static inline void weft_annotate_instant(uint32_t number, uint32_t value)
{
    (void)weft_trace_user(TRACE_KIND_INSTANT, number, value);
}

static inline void weft_annotate_counter(uint32_t number, uint32_t value)
{
    (void)weft_trace_user(TRACE_KIND_COUNTER, number, value);
}

static inline void weft_annotate_flow_out(uint32_t number, uint32_t arrow)
{
    (void)weft_trace_user(TRACE_KIND_FLOW_OUT, number, arrow);
}

static inline void weft_annotate_flow_in(uint32_t number, uint32_t arrow)
{
    (void)weft_trace_user(TRACE_KIND_FLOW_IN, number, arrow);
}
