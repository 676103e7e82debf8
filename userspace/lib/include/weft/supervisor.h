/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking init about services, and telling it to end or start one. Wants `use supervisor` in the
 * manifest: who has that may end any service.
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
    WEFT_CAUSE_EXIT,   /* `detail`: its status */
    WEFT_CAUSE_FAULT,  /* the vector */
    WEFT_CAUSE_KILLED, /* by somebody who may, or on demand of a client of this interface */
    WEFT_CAUSE_HANG,   /* its heartbeat did not come */
    WEFT_CAUSE_START,  /* it could not be started: the status, negative */
    WEFT_CAUSE_NEEDS,  /* what it needs is given up */
    WEFT_CAUSE_BLAMED, /* who needs it failed again and again before being ready; no failure of its own */
};
#define WEFT_SERVICE_CAUSE_NAMES                                                                   \
    {                                                                                              \
        "none", "exit", "fault", "killed", "hang", "start", "needs", "blamed"                      \
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

enum supervisor_operation {
    SUPERVISOR_LIST = 1, /* number: which one; comes with a struct weft_service_info */
    SUPERVISOR_KILL,     /* name: ends an instance; counts as a failure */
    SUPERVISOR_RESTART,  /* name: ends it if it runs, and starts it at once; does not count */
    SUPERVISOR_OPEN,     /* name: comes with the capabilities of struct weft_inside */
};

struct supervisor_request {
    uint64_t operation;
    union {
        uint64_t number;
        char name[24];
    };
};
WEFT_REQUEST(struct supervisor_request);

struct supervisor_answer {
    status_t status; /* bad_argument: there is no such number or name; would_block: not running */
    uint64_t count;  /* of processes and services */
    uint64_t free_pages; /* of init's memory, when it was asked */
    uint64_t unused;
};
WEFT_ANSWER(struct supervisor_answer);

/* What stands at this number, from 0; STATUS_BAD_ARGUMENT behind the last. `free_pages` may be NULL. */
status_t weft_supervisor_list(uint32_t number, struct weft_service_info *info,
                              uint64_t *free_pages);

/* The same by name. */
status_t weft_supervisor_find(const char *name, struct weft_service_info *info);

status_t weft_supervisor_kill(const char *name);
status_t weft_supervisor_restart(const char *name);

/* STATUS_NO_RIGHT: it is not `opened`; STATUS_WOULD_BLOCK: it is not up. The handles are the caller's to delete. */
status_t weft_supervisor_open(const char *name, struct weft_inside *inside);
