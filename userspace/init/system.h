/* SPDX-License-Identifier: Apache-2.0
 *
 * What init knows of the running system: the manifest, the objects made for it, and a task for each of
 * its processes and services. All of it belongs to init's first thread, which waits for one
 * notification and serves nobody: so it always runs with its own priority, the highest, and no client
 * and no service can keep it from ending a service that hangs.
 */
#pragma once

#include "manifest.h"

#include "weft/abi.h"
#include "weft/archive.h"
#include "weft/loader.h"
#include "weft/service_page.h"
#include "weft/supervisor.h"

/* Bits of init's notification above those of the tasks. */
#define READY_BIT 62 /* some service is ready */
#define DESK_BIT 61  /* the desk has a question */

/* How an instance came to its end, as far as init knows before it has ended. */
struct verdict {
    enum weft_service_cause cause; /* WEFT_CAUSE_NONE: nothing is known */
    int32_t detail;
    uint64_t at;     /* clock */
    _Bool on_demand; /* somebody wants the next instance at once: this was no failure */
    _Bool for_good;  /* somebody wants no next instance */
};

struct task {
    const struct manifest_process *process;
    enum weft_service_state state;
    struct weft_child child; /* while it is starting or running */
    uint32_t process_id;
    struct verdict verdict; /* of the instance that runs */
    struct verdict last;    /* of the one before */
    uint32_t instance;      /* how often it has been started */
    uint64_t started_at;
    const char *arguments; /* of the instance to come; NULL: those of the manifest */
    uint64_t restart_at;   /* while resting */
    _Bool was_ready;       /* in some instance */
    /* Services only. */
    uint64_t memory; /* the page and the state, from one instance to the next */
    struct weft_service_page *page;
    uint64_t vault;    /* a process of no threads, if the manifest wants one */
    uint64_t turns;    /* seen at the last check of the heartbeat */
    uint64_t check_at; /* the next one */
    _Bool spared;      /* the last one was late, and it had not moved */
    uint32_t row;      /* failures in a row */
    uint32_t useless;  /* instances in a row that did no good */
    uint32_t failures;
    uint32_t forgiven;                         /* failures before somebody started it by hand */
    uint64_t failed_at[MANIFEST_FAILURES_MAX]; /* the last ones, a ring by number */
};

struct system {
    struct weft_archive archive;
    struct manifest manifest;
    uint64_t handles[MANIFEST_OBJECTS_MAX]; /* of manifest.objects, in the same order */
    struct task tasks[MANIFEST_PROCESSES_MAX];
    uint64_t notification; /* bit N: tasks[N] has ended; READY_BIT, DESK_BIT */
    uint64_t result;       /* with which the machine goes off */
};
extern struct system init;

static inline uint32_t task_number(const struct task *task)
{
    return (uint32_t)(task - init.tasks);
}

/* Its process is there. */
static inline _Bool task_is_up(const struct task *task)
{
    return task->state == WEFT_SERVICE_STARTING || task->state == WEFT_SERVICE_RUNNING;
}

/* Prints one line and switches the machine off, as the system cannot be brought up. */
_Noreturn void init_fail(const char *what, const char *name, const char *reason, status_t status);

/* ---- start.c ---- */

/* Makes what a service keeps from one instance to the next. */
void task_prepare(struct task *task);

/* Makes and starts the process. On failure *reason says which step failed. */
status_t task_spawn(struct task *task, const char **reason);

/* Lets go of an instance that has ended. */
void task_close(struct task *task);

/* ---- services.c ---- */

/* Starts what waits and has what it needs; gives up what will not get it. */
void tasks_start_waiting(void);

/* The task's process may have ended. */
void task_look(struct task *task);

/* Some service says that it is ready. */
void tasks_look_for_ready(void);

/* Ends an instance, for a reason that is remembered. Does nothing when it is at its end already. */
void task_end(struct task *task, struct verdict verdict);

/* Whether this object of the manifest is an endpoint that the task receives from. */
_Bool provides(const struct task *task, uint32_t object);

/* Starts a service that rests, has ended or is given up; or a manual process that does not run. */
void task_start_again(struct task *task);

/* Ends a service, and starts it no more. */
void task_stop(struct task *task);

/* Does what is due: restarts and checks of heartbeats. */
void tasks_tick(void);

/* When that is due next; 0: never. */
uint64_t tasks_deadline(void);

/* ---- blame.c ---- */

/* The task's instance has ended (task->last says how). Ends instances of what it needs, now and then, if it did
 * no good. */
void blame(struct task *task);

/* ---- control.c ---- */

/* Of the capabilities to a service's inside, by enum weft_inside_handle. */
extern const uint32_t inside_rights[IPC_HANDLES_MAX];

/* What goes with an answer. The handles are copies, which the desk deletes when they are sent. */
struct attachment {
    union {
        struct weft_service_info info;
        struct weft_inside inside;
        struct weft_capability_info capabilities[WEFT_SUPERVISOR_CAPABILITIES_MAX];
    };
    uint32_t bytes;
    uint32_t handle_count;
    uint64_t handles[IPC_HANDLES_MAX];
};

/* A call of the supervisor. */
struct question {
    struct weft_message message; /* the answer takes its place */
    uint64_t badge;
    char text[WEFT_ARGUMENTS_MAX]; /* what came with it, NUL-terminated */
    struct attachment attachment;
};

void control(struct question *question);

/* Deletes its copies. */
void drop_handles(struct attachment *attachment);

/* ---- desk.c ---- */

/* Opens the endpoint `supervisor` and starts the thread that receives there. */
status_t desk_open(uint64_t *endpoint);

/* DESK_BIT: answers what the desk wants to know. */
void desk_answer(void);

/* ---- mourner.c ---- */

/* From now on calls of the endpoint get STATUS_DEAD at once, until that is ended. */
void mourn(uint32_t object);
void mourn_no_more(uint32_t object);
