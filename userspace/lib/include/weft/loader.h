/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting programs: init and tests create processes with it.
 *
 *     struct weft_archive archive;
 *     const char *problem = weft_archive_open(&archive);
 *     struct weft_spawn spawn = {
 *         .name = "child", .program = "test_ipc", .arguments = "role=client",
 *         .cpu = 1, .priority = WEFT_PRIORITY_DEFAULT, .pages = 256,
 *         .grants = grants, .grant_count = 2,
 *     };
 *     status_t status = weft_spawn(&archive, &spawn, &child);
 *
 * The caller needs memory quota for the program's image, stack and
 * start-up page (they are paid by the creator; page tables and what the program creates by the new
 * process), and the right copy on what it grants. Not for several threads at once: the start-up page
 * is built in one static buffer.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/layout.h"
#include "weft/archive.h"

/* One capability for the new process. It holds itself (HANDLE_SELF, "self") in any case, and CPUs
 * ("cpus") if the caller does. */
struct weft_grant {
    const char *name;
    uint64_t handle;
    uint32_t rights;
    uint64_t badge; /* 0: keeps the one that the capability has */
};

struct weft_spawn {
    const char *name;      /* at most NAME_MAX characters count */
    const char *program;   /* file in the archive */
    const char *arguments; /* NULL: none */
    uint32_t cpu;
    uint32_t home; /* the CPU that looks after the process: its table, memory, threads */
    uint32_t priority;
    uint64_t budget; /* cycles that its first thread may run in each `period`; 0: no limit. Wants a
                      * home on the caller's CPU, a higher priority of the caller, and `manage` on CPUs. */
    uint64_t period;
    uint64_t cpus;  /* where it may place threads and objects: first | count << 32; 0: where the
                            * caller may. Without meaning where `grants` has a "cpus". */
    uint64_t pages; /* quota that moves from the caller's */
    uint64_t notification; /* signalled with `bits` when the process ends; 0: none */
    uint64_t bits;
    uint64_t fault_endpoint; /* where its faults go (process_fault_endpoint); 0: they end it */
    const struct weft_grant *grants;
    uint32_t grant_count;
    _Bool named;        /* its first thread shall be given to the caller as a capability */
    _Bool opened;       /* and the memory of its code and of its data */
    const char *reason; /* out, where it fails: which step, for people */
};

/* Memory of a program that was started `opened`: what is written there, the program meets. */
struct weft_part {
    uint64_t memory; /* handle with all rights, for the caller to delete; 0: there is none */
    uint64_t address;
    uint64_t pages;
};

struct weft_child {
    uint64_t process;            /* handle with all rights */
    uint64_t thread;             /* handle to its first thread, where that was asked for */
    uint32_t thread_id;          /* of its first thread, as traces name it; 0 where it is named */
    struct weft_part code, data; /* where they are opened */
};

/* STATUS_OK, or an error after which nothing of the process is left. */
status_t weft_spawn(const struct weft_archive *archive, struct weft_spawn *spawn,
                    struct weft_child *child);

/* Deletes the handles of its opened parts. */
void weft_parts_close(struct weft_child *child);

/* How a process stands; causes are the values of process_status. */
enum weft_cause { WEFT_ALIVE = 0, WEFT_EXITED = 1, WEFT_FAULT = 2, WEFT_KILLED = 3 };
struct weft_end {
    enum weft_cause cause;
    uint32_t status; /* exit status, or the exception vector of a fault */
};
struct weft_end weft_process_end(uint64_t process);
