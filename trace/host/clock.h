/* SPDX-License-Identifier: Apache-2.0
 *
 * How far the CPUs' clocks are apart, measured from what the capture holds anyway.
 *
 *     struct clocks clocks;
 *     if (!clocks_measure(&clocks, &file, &error)) ...
 *     clocks.table[cpu]                      // struct capture_clock: file.h says what it means
 *     clocks_free(&clocks);
 *
 * What is taken from a mailbox was pushed before. So each journey from one CPU to another bounds the
 * difference of their clocks from one side, and journeys both ways bracket it. The theory is in
 * clock.c (from bounds to offsets) and crossings.c (from events to bounds). Memory does not grow with
 * the number of events, but with the number of pairs of CPUs that send each other something.
 */
#pragma once

#include "crossings.h"
#include "output.h"

struct clocks {
    struct capture_clock table[CAPTURE_CPUS_MAX];
    struct crossings crossings; /* of the last reading, with `table` applied */
    uint32_t cpu_count;
    bool corrected; /* some clock is */
    bool explained; /* with `table`, nothing is taken before it was pushed */
    int64_t
        *matrix; /* [i * cpu_count + j]: at most so much is j's clock ahead of i's, as corrected */
};

bool clocks_measure(struct clocks *clocks, const struct trace_file *file,
                    struct trace_error *error);
void clocks_free(struct clocks *clocks);
/* The bracket that one CPU's clock, as corrected, has from what was pushed in one window alone. To be asked
 * for all CPUs from 0 on. False: there is none. */
bool clocks_window(struct clocks *clocks, unsigned window, uint32_t cpu, int64_t *lower,
                   int64_t *upper);

/* clock_report.c: what a capture has recorded, in a line and for programs. */
void clocks_text(const struct trace_file *file, struct output *output);
void clocks_json(const struct capture_clock *clocks, uint32_t count, struct output *output);
/* The same of one CPU in a few words: "its clock is corrected by -5.000 us, known to within 0.298 us". */
void clock_words(const struct trace_file *file, uint32_t cpu, char *text, size_t size);
