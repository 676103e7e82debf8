/* SPDX-License-Identifier: Apache-2.0
 *
 * What CPUs and threads did, in sums. Per CPU: time in threads, idle and in interrupts, and what
 * crossed. Per thread: time running, ready but without a CPU, and blocked (from its first to its last
 * event), its messages, and how long it waited for a CPU each time that it was woken or preempted.
 */
#pragma once

#include "histogram.h"
#include "model.h"

struct cpu_stat {
    uint64_t first, last; /* times */
    uint64_t since;       /* start of the current thread's stretch */
    uint64_t irq_since;
    uint64_t busy, idle, irq;
    uint64_t switches, wakeups, interrupts, pushes, takes, doorbells_sent, doorbells_elided,
        doorbells_received, messages, events, lost;
    uint64_t vectors[256];  /* interrupts by vector */
    struct histogram waits; /* of threads for this CPU */
    unsigned irq_depth;
    bool any;
};

enum thread_phase { PHASE_UNKNOWN, PHASE_RUNNING, PHASE_RUNNABLE, PHASE_BLOCKED };

struct thread_stat {
    uint64_t since; /* start of the phase */
    uint64_t running, runnable, blocked, irq;
    uint64_t runs, preemptions, wakeups;
    uint64_t calls, sends, serves, replies, signals, notified;
    struct histogram waits; /* for a CPU */
    enum thread_phase phase;
};

struct statistics {
    const struct trace_file *file;
    struct model model;
    struct names names;
    struct cpu_stat *cpus;       /* as many as the capture has */
    struct thread_stat *threads; /* parallel to names.threads */
    size_t thread_capacity;
    uint64_t counts[256]; /* per event id */
    uint64_t first, last;
};

bool stat_collect(struct statistics *stat, const struct trace_file *file,
                  struct trace_error *error);
void stat_free(struct statistics *stat);

/* stat_report.c */
void stat_text(const struct statistics *stat, struct output *output);
void stat_json(const struct statistics *stat, struct output *output);
