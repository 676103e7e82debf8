/* SPDX-License-Identifier: Apache-2.0
 *
 * From a guest's memory to a capture: what `weft-trace capture` does once and `weft-trace watch` again
 * and again.
 *
 *     struct window window = {0};            // everything; or say which part of the past
 *     window_until_now(&guest, &window);
 *     capture_write(&guest, &window, metadata, trigger, output, &error)
 */
#pragma once

#include "guest.h"
#include "output.h"
#include "writer.h"

/* What part of the guest's past to take. Times are shifted (guest.h). */
struct window {
    uint64_t until; /* the newest event when it began: what came later is left out */
    uint64_t ticks; /* and so far back, to whole pages; 0: everything */
};

/* Looks for the newest event of any ring. */
void window_until_now(const struct guest *guest, struct window *window);
/* The 48-bit time at which the window ends, in nanoseconds. */
uint64_t window_end_ns(const struct guest *guest, const struct window *window);
/* Writes what the window holds; `trigger` may be null. */
bool capture_write(const struct guest *guest, const struct window *window, const char *metadata,
                   const struct trigger_note *trigger, struct output *output,
                   struct trace_error *error);
