/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking init about services and processes, and telling it to end or start one. Wants `use supervisor` in the
 * manifest: who has that may end any service. With `use supervisor only=list` one may ask, and no more
 * (STATUS_NO_RIGHT).
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/service.h"

enum weft_service_state {
    WEFT_SERVICE_WAITING,  /* for what it needs */
    WEFT_SERVICE_STARTING, /* its process runs, and has not waited for a message yet */
    WEFT_SERVICE_RUNNING,
    WEFT_SERVICE_RESTING,  /* it has failed, and is started again when its back-off is over */
    WEFT_SERVICE_ENDED,    /* by its own will */
    WEFT_SERVICE_GIVEN_UP, /* calls of it get STATUS_DEAD at once */
};
#define WEFT_SERVICE_STATE_NAMES                                                                   \
    {                                                                                              \
        "waiting", "starting", "running", "resting", "ended", "given up"                           \
    }

enum weft_service_cause {
    WEFT_CAUSE_NONE,
    WEFT_CAUSE_EXIT,      /* `detail`: its status */
    WEFT_CAUSE_FAULT,     /* the vector */
    WEFT_CAUSE_KILLED,    /* by somebody who may, or on demand of a client of this interface */
    WEFT_CAUSE_HANG,      /* its heartbeat did not come */
    WEFT_CAUSE_START,     /* it could not be started: the status, negative */
    WEFT_CAUSE_NEEDS,     /* what it needs is given up */
    WEFT_CAUSE_COMPLAINT, /* a client that may said that it does not do its work */
    WEFT_CAUSE_BLAMED, /* who needs it failed again and again before being ready; no failure of its own */
};
#define WEFT_SERVICE_CAUSE_NAMES                                                                   \
    {                                                                                              \
        "none", "exit", "fault", "killed", "hang", "start", "needs", "complaint", "blamed"         \
    }

struct weft_service_info {
    char name[24];
    uint32_t is_service; /* 0: a plain process of the manifest */
    uint32_t state;      /* enum weft_service_state */
    uint32_t cause;      /* enum weft_service_cause, of its last end */
    int32_t detail;
    uint32_t instance; /* how often it has been started */
    uint32_t failures;
    uint32_t process_id; /* as cap_inspect tells it */
    uint32_t thread_id;  /* of its first thread, by which traces know it */
    /* Clock: the last end, as init learned of it; the start after it; and what the instance says. */
    uint64_t failed_at;
    uint64_t started_at;
    uint64_t ready_at;
    uint64_t answered_at;
    /* Of the instance that runs; 0 where none does. */
    uint64_t time; /* clock ticks that its threads have paid for */
    uint32_t threads;
    uint32_t pages; /* its quota */
    uint32_t pages_free;
    uint32_t is_manual; /* a process that is started by weft_supervisor_run() */
    uint32_t cpu;       /* where its first thread starts */
    uint32_t unused;
};

/* The inside of a service whose manifest entry says `opened`, as it is now: who has it can do everything to
 * the service. The next instance has another one. */
struct weft_inside {
    uint32_t instance;
    uint32_t priority; /* of its first thread */
    uint64_t code_address, code_pages;
    uint64_t data_address, data_pages;
    uint32_t handles[4]; /* by enum weft_inside_handle */
};
enum weft_inside_handle {
    WEFT_INSIDE_PROCESS,
    WEFT_INSIDE_THREAD,
    WEFT_INSIDE_CODE,
    WEFT_INSIDE_DATA
};
/* A capability, as it is given to each instance. What that makes by itself, or is sent, is not known to init. */
struct weft_capability_info {
    char name[24];   /* under which it is found */
    char target[24]; /* of an endpoint: who receives there; empty: see `type` */
    uint32_t type;   /* enum object_type (weft/abi.h) */
    uint32_t rights;
    uint64_t badge; /* of a resource: its range, first | count << 32 */
};
#define WEFT_SUPERVISOR_CAPABILITIES_MAX 24    /* of one process */
#define WEFT_SUPERVISOR_ONLY_LIST (1ull << 32) /* in the badge of a capability to the supervisor */

enum supervisor_operation {
    SUPERVISOR_LIST = 1, /* number: which one; comes with a struct weft_service_info */
    SUPERVISOR_KILL,     /* name: ends an instance; counts as a failure */
    SUPERVISOR_RESTART,  /* name: ends it if it runs, and starts it at once; does not count */
    SUPERVISOR_OPEN,     /* name: comes with the capabilities of struct weft_inside */
    SUPERVISOR_STOP,     /* name: ends it, and does not start it again */
    SUPERVISOR_START,    /* name: a service that has ended, was stopped or is given up */
    SUPERVISOR_RUN,      /* name: a process marked `manual`; comes with its arguments, or none */
    SUPERVISOR_CAPABILITIES, /* number: which process; comes with struct weft_capability_info[] */
};

/* Another form of request, the only one that a capability of a `complain` line allows. */
#define SUPERVISOR_COMPLAIN 0x100ull
struct supervisor_complaint {
    uint64_t operation;
    char name[NAME_MAX]; /* of the service */
    uint64_t at; /* clock: what was wrong was asked then, so a later instance has no part in it */
};
WEFT_REQUEST(struct supervisor_complaint);

struct supervisor_request {
    uint64_t operation;
    union {
        uint64_t number;
        char name[24];
    };
};
WEFT_REQUEST(struct supervisor_request);

struct supervisor_answer {
    status_t
        status; /* bad_argument: there is no such number or name; would_block: it does not run, or, to be
                      * started, it does; no_right: this capability may list only */
    uint64_t count;      /* of processes and services */
    uint64_t free_pages; /* of init's memory, when it was asked */
    uint64_t unused;
};
WEFT_ANSWER(struct supervisor_answer);

/* What stands at this number, from 0; STATUS_BAD_ARGUMENT behind the last. `free_pages` may be NULL. */
status_t weft_supervisor_list(uint32_t number, struct weft_service_info *info,
                              uint64_t *free_pages);

/* The same by name. */
status_t weft_supervisor_find(const char *name, struct weft_service_info *info);

/* Services, and processes marked `manual`. */
status_t weft_supervisor_kill(const char *name);
status_t weft_supervisor_restart(const char *name);

/* Says that a service gives wrong answers, or none, though it seems to be alive: init ends the instance. Wants the
 * line `complain` in the manifest and the service among those that the process uses (else STATUS_NO_RIGHT). `at` is
 * the clock when the service was asked; STATUS_OK also where the instance of then has ended by now. */
status_t weft_supervisor_complain(const char *name, uint64_t at);

/* STATUS_NO_RIGHT: it is not `opened`; STATUS_WOULD_BLOCK: it is not up. The handles are the caller's to delete. */
status_t weft_supervisor_open(const char *name, struct weft_inside *inside);
status_t weft_supervisor_stop(const char *name);
status_t weft_supervisor_start(const char *name);

/* Starts a process marked `manual`, with what its entry gives it. `arguments` take the place of those in its
 * entry, unless they are empty. STATUS_OK: it has begun, or tells in its list entry why it could not. */
status_t weft_supervisor_run(const char *name, const char *arguments);

/* The capabilities of the process with this number in the list: room for WEFT_SUPERVISOR_CAPABILITIES_MAX. */
status_t weft_supervisor_capabilities(uint32_t number, struct weft_capability_info *capabilities,
                                      uint32_t *count);
