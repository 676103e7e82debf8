/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside `weft-trace check`. The checker keeps its own picture of the guest and believes nothing
 * that it has not seen: after events were lost, what they may have changed is unknown until it is
 * seen again, and unknown is never a violation. While one CPU's events of a category are missing, the
 * rules about that category rest on all CPUs, since anything may have come from there.
 */
#pragma once

#include "commands.h"
#include "names.h"
#include "reader.h"

#define IRQ_DEPTH_MAX 8u

enum check_state {
    CHECK_UNKNOWN,
    CHECK_RUNNING,
    CHECK_RUNNABLE,
    CHECK_BLOCKED, /* and not yet woken */
    CHECK_EXITED,
};

enum check_progress { PROGRESS_NONE, PROGRESS_CALLED, PROGRESS_DELIVERED, PROGRESS_ANSWERED };

struct check_thread {
    enum check_state state;
    uint8_t blocked_as;           /* enum trace_thread_state */
    uint32_t cpu;                 /* where it runs, when running */
    bool handed_over;             /* a direct switch to it may follow without a wake-up */
    uint32_t travels;             /* pushes of this thread that were not taken yet */
    enum check_progress progress; /* of the message that it waits for */
    uint32_t server; /* thread index, of a delivered message; ID_NONE: anybody may answer */
    bool one_way;    /* the message ends with its delivery */
    uint32_t holds;  /* index + 1 of the client whose message it has to answer; 0: nobody */
    bool suspended;  /* and not yet resumed */
    bool in_syscall;
    uint8_t syscall;
};

struct check_cpu {
    uint32_t current; /* thread index, ID_NONE: unknown */
    uint32_t left;    /* thread index: pushed itself away, the switch is yet to come; or ID_NONE */
    uint8_t irqs[IRQ_DEPTH_MAX];
    unsigned irq_depth;
    bool irq_known;
    uint64_t last;     /* time */
    int64_t doorbells; /* sent to it and not yet received; several may arrive as one */
    uint64_t lost;
    uint8_t mask; /* categories that are recorded */
    bool blind;   /* in a gap, or before the beginning of its records */
};

enum check_device { DEVICE_UNKNOWN, DEVICE_HELD, DEVICE_OPEN };

struct check_object {
    uint64_t signals; /* that no delivery can have taken yet */
    uint8_t device;   /* of an interrupt object: enum check_device */
    bool used;        /* a reply object that a caller was saved in */
};

struct check {
    struct names names;
    struct output *output;
    struct check_thread *threads; /* parallel to names.threads */
    size_t thread_capacity;
    struct check_object *objects; /* parallel to names.objects */
    size_t object_capacity;
    struct check_cpu cpus[CAPTURE_CPUS_MAX];
    struct id_table travels; /* traveller, reason, target -> how many are on the way */
    struct id_table lives;   /* id of a thread, process or object -> enum check_life */
    uint64_t violations, events, lost;
    uint32_t cpu_count;
    uint8_t sighted; /* categories that all CPUs record at this moment */
    bool incomplete; /* events have been lost: the unknown may have a past */
};

/* Reports one violation. */
__attribute__((format(printf, 3, 4))) void
violation(struct check *check, const struct trace_event *event, const char *format, ...);
struct check_thread *check_thread(struct check *check, uint32_t index);
/* Index of the thread with this id; its entry exists afterwards. */
uint32_t check_thread_of(struct check *check, uint32_t id);
const char *check_name(const struct check *check, uint32_t index);

void check_sched(struct check *check, const struct trace_event *event); /* check_sched.c */
void check_ipc(struct check *check, const struct trace_event *event);   /* check_ipc.c */
void check_smp(struct check *check, const struct trace_event *event);   /* check_smp.c */
/* The object with this id; its entry exists afterwards. */
struct check_object *check_object(struct check *check, uint32_t id);
void check_life(struct check *check, const struct trace_event *event); /* check_life.c */
