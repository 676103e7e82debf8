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
#define READY_LEVELS 64u /* priorities */

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
    uint32_t cpu;                 /* where it runs or is ready */
    bool handed_over;             /* a direct switch to it may follow without a wake-up */
    uint32_t travels;             /* pushes of this thread that were not taken yet */
    enum check_progress progress; /* of the message that it waits for */
    uint32_t server; /* thread index, of a delivered message; ID_NONE: anybody may answer */
    bool one_way;    /* the message ends with its delivery */
    uint32_t holds;  /* index + 1 of the client whose message it has to answer; 0: nobody */
    bool suspended;  /* and not yet resumed */
    bool ready;      /* stands in a list of check_ready.c, of the CPU `cpu` */
    bool in_turn;    /* at its place in the list */
    uint8_t level;   /* which list */
    uint32_t ready_before, ready_next; /* thread index + 1, or 0 */
    uint64_t out; /* its budget is over; when, in failed calls of the CPU, + 1; or 0 */
    bool in_syscall;
    uint8_t syscall;
};

struct check_cpu {
    uint32_t current; /* thread index, ID_NONE: unknown */
    uint32_t left;    /* thread index: pushed itself away, the switch is yet to come; or ID_NONE */
    uint32_t owed; /* CPU + 1 to which a push still owes a doorbell, or the reason for none; or 0 */
    uint8_t irqs[IRQ_DEPTH_MAX];
    unsigned irq_depth;
    bool irq_known;    /* nothing that `irqs` lacks can be open */
    uint64_t last;     /* time */
    int64_t doorbells; /* sent to it and not yet received; several may arrive as one */
    bool
        called; /* another CPU has made something ready here and rung, and it has yet to hear of it */
    uint64_t lost;
    uint8_t mask; /* categories that are recorded */
    bool blind;   /* in a gap, or before the beginning of its records */
};

struct ready_list {
    uint32_t first, last; /* thread index + 1, or 0 */
};

/* Who is ready on a CPU; check_ready.c. */
struct ready_queue {
    struct ready_list levels[READY_LEVELS + 1]; /* the last one: of unknown priority */
    uint64_t mask;                              /* levels that are not empty */
    unsigned running;                           /* level of the running thread */
    uint64_t aborts;                            /* calls that have failed here */
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
    struct ready_queue ready[CAPTURE_CPUS_MAX];
    bool fixed;              /* the policy is fixed priorities on all CPUs */
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

/* check_ready.c: what the other files tell it of threads, and the events that it sees itself. */
void ready_woken(struct check *check, const struct trace_event *event, uint32_t index);
void ready_left(struct check *check, const struct trace_event *event, uint32_t index);
void ready_chosen(struct check *check, const struct trace_event *event, uint32_t next);
/* It is not ready any more, if it was. */
void ready_remove(struct check *check, uint32_t index);
void ready_forget(struct check *check);
void check_ready(struct check *check, const struct trace_event *event);
