/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes a flight recorder take a capture: the triggers that can be seen in the events themselves.
 *
 *     trigger_read(&trigger, "latency:50us", &error)
 *     triggers_examine(&triggers, &file, &error)        // once for each look at the guest
 *
 *     user:NAME      a program records an instant, a counter or the beginning of a slice of this name
 *     latency:TIME   a call takes longer than so long, from its client's entry to its return
 *
 * Looks overlap, as the call may be in an earlier one than the return. An event is examined once all
 * the same: those of one CPU come in the order of time.
 */
#pragma once

#include "file.h"

#define TRIGGERS_MAX 16u
#define TRIGGER_NAME_MAX 64u

struct trigger {
    char name[TRIGGER_NAME_MAX];
    const char *user; /* inside the name; null: a latency */
    uint64_t longest; /* ns */
};

struct triggers {
    struct trigger list[TRIGGERS_MAX];
    unsigned count;
    uint64_t examined[CAPTURE_CPUS_MAX]; /* time of the last event that was; 0: none */
    /* What the last look has found: */
    const struct trigger *fired; /* the first one, or null */
    uint64_t fired_at;           /* ns */
    uint64_t newest;             /* ns; 0: there was no event */
    uint64_t wanted_from;        /* from here on, the next look needs the events again */
};

/* Can it stand in metadata and be the name of a trigger? */
bool trigger_text_check(const char *text, struct trace_error *error);
bool trigger_read(struct triggers *triggers, const char *text, struct trace_error *error);
/* Looks at a capture of the last moments. False: it is damaged. */
bool triggers_examine(struct triggers *triggers, const struct trace_file *file,
                      struct trace_error *error);
