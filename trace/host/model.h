/* SPDX-License-Identifier: Apache-2.0
 *
 * What the guest is doing, followed event by event: which thread runs on each CPU, and where each
 * message stands. The converter, the statistics and the latency analysis all ask this model; the
 * checker has its own, which trusts nothing.
 *
 *     model_start(&model, &file, &names, &error)       // finds out who runs at the beginning
 *     for each event: change = model_apply(&model, &event)
 *
 * Messages. A thread waits for at most one answer, so a message lives in the entry of its client's
 * thread and nothing is allocated for it. Its stamps are the borders of its stages:
 *
 *     ENTER  the client enters the kernel (only when system calls are traced, else = CALL)
 *     CALL   the call is accepted          -> stage entry    = CALL   - ENTER
 *     PUSH   into the other CPU's mailbox  -> stage enqueue  = PUSH   - CALL
 *     TAKE   out of the mailbox            -> stage doorbell = TAKE   - PUSH
 *     DELIVER a server has it              -> stage wakeup   = DELIVER - TAKE (with any queueing)
 *     SERVE  the server runs               -> stage dispatch = SERVE  - DELIVER
 *     REPLY  the server answers            -> stage service  = REPLY  - SERVE
 *     BACK   the answer is on the client's CPU -> stage reply = BACK  - REPLY
 *     RESUME the client runs               -> stage resume   = RESUME - BACK
 *
 * A border that a path does not have (PUSH on one CPU) takes the time of the one before it, so that
 * the stages always sum exactly to RESUME - ENTER.
 *
 * A message that is sent one way ends with DELIVER: nobody answers, and when its sender goes on is the
 * sender's affair. A caller that its server has saved is answered by whoever has the reply object;
 * `answerer` says who that was. A call that fails at once ends when it fails.
 */
#pragma once

#include "names.h"
#include "reader.h"

enum stamp {
    STAMP_ENTER,
    STAMP_CALL,
    STAMP_PUSH,
    STAMP_TAKE,
    STAMP_DELIVER,
    STAMP_SERVE,
    STAMP_REPLY,
    STAMP_BACK,
    STAMP_RESUME,
    STAMP_COUNT,
};

#define STAGE_COUNT (STAMP_COUNT - 1)
extern const char *const stage_names[STAGE_COUNT];

struct message {
    uint64_t stamps[STAMP_COUNT];
    uint64_t serial;   /* unique in the capture, from 1; 0: no message yet */
    uint32_t id;       /* its number, counted from 1 in the order of the calls */
    uint32_t client;   /* thread index */
    uint32_t server;   /* thread index, ID_NONE before DELIVER */
    uint32_t answerer; /* thread index of who answered, ID_NONE before REPLY */
    uint32_t endpoint; /* id */
    uint32_t client_cpu, server_cpu;
    uint16_t seen; /* bit per stamp that an event gave */
    uint8_t path;  /* enum trace_ipc_path */
    bool open;     /* between CALL and RESUME */
    bool aborted;
    bool one_way;
    bool saved; /* its server has set it aside */
};

struct model_thread {
    struct message message; /* the last one this thread sent */
    uint64_t since;         /* time of its last switch */
    uint64_t syscall_time;  /* of its last entry into the kernel */
    uint32_t serving;       /* thread index of the client it serves, ID_NONE */
    uint32_t cpu;           /* where it ran last */
    uint8_t state;          /* enum trace_thread_state when it does not run */
    uint8_t priority;       /* as of its last wake-up */
    bool in_syscall;
    bool running;
};

/* Who pushed what a CPU has taken from its mailbox last. */
struct travel {
    uint64_t time;   /* of the push */
    uint64_t serial; /* for a flow */
    uint32_t cpu;    /* that pushed; ID_NONE: not known */
    uint32_t pusher; /* thread index, ID_NONE */
};

struct model_cpu {
    uint32_t current; /* thread index, ID_NONE before anything is known */
    uint32_t idle;    /* thread index of its idle thread, ID_NONE */
    bool interrupt;   /* the next event is a device's doing, not the running thread's */
    uint32_t visitor; /* thread index: its system call goes on here with the next event; ID_NONE */
    bool late;        /* its first events were lost, and what is left has not begun yet */
    struct travel arrival; /* the last MAILBOX_TAKE here */
};

struct model {
    struct names *names;
    struct model_thread *threads; /* parallel to names->threads */
    size_t thread_capacity;
    struct model_cpu cpus[CAPTURE_CPUS_MAX];
    uint32_t cpu_count;
    struct id_table travels; /* traveller, reason and target -> slot in travel_slots */
    struct travel *travel_slots;
    size_t travel_capacity, travel_used;
    uint32_t travel_free; /* a slot that is free again, linked through `cpu`; ID_NONE */
    uint64_t serials;
    uint32_t message_count;
};

struct model_change {
    struct message *message; /* that the event is about, or null; holds until the next apply */
    uint32_t thread;         /* the thread that runs where the event happened, ID_NONE */
    uint32_t actor;          /* the thread in whose name it happened: that one or a visitor */
    uint32_t other;          /* the thread that the event names (wakee, next, server, client) */
    struct travel travel;    /* of a push or take */
    bool completed;          /* the message's journey ends with this event */
};

bool model_start(struct model *model, const struct trace_file *file, struct names *names,
                 struct trace_error *error);
struct model_change model_apply(struct model *model, const struct trace_event *event);
void model_free(struct model *model);

/* The thread's entry, after making room for it. */
struct model_thread *model_thread(struct model *model, uint32_t index);
/* The index of the thread with this id; its entry exists afterwards. */
uint32_t model_thread_of(struct model *model, uint32_t id);
