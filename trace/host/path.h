/* SPDX-License-Identifier: Apache-2.0
 *
 * The critical path: what a thread's progress hung on between two moments. It is walked backwards from
 * the end: while the thread ran, on itself; while it was ready, on whoever had the CPU; while it was
 * blocked, on the thread that woke it or handed the CPU over to it, wherever that ran. So the path goes
 * from thread to thread, across CPUs and processes, and its segments follow each other without a gap:
 * their lengths sum exactly to the whole.
 *
 * Memory grows with the number of switches and wake-ups in the window, not in the capture.
 */
#pragma once

#include "model.h"

enum segment_kind {
    SEGMENT_RUNNING, /* the thread ran */
    SEGMENT_READY,   /* it waited for the CPU, which `other` had the longest */
    SEGMENT_CROSSING, /* what `other` set going was on its way to the thread's CPU, or the thread was */
    SEGMENT_ASLEEP,  /* it waited for a timer or a device */
    SEGMENT_UNKNOWN, /* what it waited for is not in the capture */
    SEGMENT_KINDS,
};

extern const char *const segment_names[SEGMENT_KINDS];

struct segment {
    uint64_t start, end;
    enum segment_kind kind;
    uint32_t thread, other; /* thread indices; `other` may be ID_NONE */
    uint32_t cpu;           /* ID_NONE: not known */
};

/* A switch or a wake-up, linked to the one before of each thread and CPU that it concerns. */
struct step {
    uint64_t time;
    uint64_t cause_time; /* of a wake-up: when its cause set it going */
    uint32_t cpu;
    uint32_t thread;       /* that starts or is woken */
    uint32_t other;        /* that leaves, or the cause; ID_NONE */
    uint32_t before;       /* step of `thread` before this one; ID_NONE */
    uint32_t other_before; /* of a switch: step of `other` before this one */
    uint32_t cpu_before;   /* of a switch: the CPU's switch before this one */
    uint8_t state;         /* of a switch: how `other` is left */
    bool is_wakeup;
};

struct path {
    struct model model;
    struct names names;
    uint64_t from, to;
    uint32_t thread; /* index */
    struct step *steps;
    size_t step_count, step_capacity;
    uint32_t *last; /* by thread index: its last step */
    size_t last_capacity;
    uint32_t cpu_last[CAPTURE_CPUS_MAX];
    struct segment *segments; /* the latest first */
    size_t segment_count, segment_capacity;
};

/* path_walk.c: from the steps to the segments. */
void path_walk(struct path *path);
