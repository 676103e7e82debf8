/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest of a boot image: which objects there are, which programs run, and what each of them
 * may touch. The format stands at the top of init.c. Reading it needs nothing but memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define MANIFEST_OBJECTS_MAX 48
#define MANIFEST_PROCESSES_MAX 48
#define MANIFEST_GRANTS_MAX 16
#define MANIFEST_NAME_MAX 24 /* with its NUL, as in struct weft_startup */
#define MANIFEST_NEEDS_MAX 120
#define MANIFEST_FAILURES_MAX 32 /* give_up=N/...: at most so many are remembered */

enum manifest_kind {
    KIND_ENDPOINT,
    KIND_NOTIFICATION,
    KIND_MEMORY,
    KIND_CONSOLE,
    KIND_MACHINE,
    KIND_INITRD,
    KIND_SUPERVISOR, /* the door to init itself */
    KIND_PORTS,
    KIND_INTERRUPTS,
    KIND_PHYSICAL,
    KIND_TRACE,
};

struct manifest_object {
    char name[MANIFEST_NAME_MAX];
    enum manifest_kind kind;
    uint32_t cpu;
    uint64_t pages; /* memory only */
};

/* Of the badge with which a process may complain, beside the process's number. */
#define MANIFEST_COMPLAIN (1ull << 33)

struct manifest_grant {
    char name[MANIFEST_NAME_MAX];   /* under which the process finds it */
    char wanted[MANIFEST_NAME_MAX]; /* a `use` line: the object's name, looked up at the end */
    uint32_t object;                /* index into manifest.objects */
    uint32_t rights;
    uint64_t badge; /* of a resource: its range, first | count << 32 */
    unsigned line;  /* of a `use` line */
};

enum manifest_restart { RESTART_ALWAYS, RESTART_FAILURE, RESTART_NEVER };

/* What a service is beside a process. */
struct manifest_service {
    enum manifest_restart restart;
    uint32_t backoff_first; /* milliseconds */
    uint32_t backoff_most;
    uint32_t give_up_count; /* so many failures, 0: never */
    uint32_t give_up_seconds;
    uint32_t heartbeat; /* milliseconds, 0: none */
    uint64_t state;     /* bytes that outlive an instance */
    uint64_t vault;     /* pages of the empty process that outlives it, 0: none */
    _Bool opened;       /* its inside is handed out: see SUPERVISOR_OPEN */
};

struct manifest_process {
    char name[MANIFEST_NAME_MAX];
    char program[MANIFEST_NAME_MAX];
    char arguments[1024];
    uint32_t cpu;
    uint64_t cpus; /* a range, first | count << 32; 0: all */
    uint32_t home; /* the CPU that looks after it */
    uint32_t priority;
    uint64_t pages;
    _Bool wait;
    _Bool is_manual; /* started when somebody asks for it */
    _Bool is_service;
    struct manifest_service service;
    uint32_t budget; /* microseconds to run in each period, 0: no limit */
    uint32_t period;
    unsigned line;
    char needs_text[MANIFEST_NEEDS_MAX]; /* names with commas between them */
    uint64_t needs;                      /* bit N: processes[N], a service, must be ready first */
    uint32_t grant_count;
    struct manifest_grant grants[MANIFEST_GRANTS_MAX];
};

struct manifest {
    uint32_t object_count; /* the special ones come first */
    struct manifest_object objects[MANIFEST_OBJECTS_MAX];
    _Bool supervised; /* somebody uses the supervisor */
    uint32_t process_count;
    struct manifest_process processes[MANIFEST_PROCESSES_MAX];
};

_Static_assert(MANIFEST_PROCESSES_MAX <= 61, "a bit each, and two for init's own use");

/* `{arguments}` in the manifest stands for `words`; CPU numbers are taken modulo `cpu_count`.
 * NULL where all is well, else what is wrong; *line is the line number, from 1. */
const char *manifest_read(const uint8_t *text, size_t size, const char *words, uint32_t cpu_count,
                          struct manifest *out, unsigned *line);
