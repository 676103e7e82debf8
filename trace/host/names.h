/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is who in a capture: threads, processes, kernel objects and the strings that user programs
 * gave to their events. names_load() reads all life sections once before any other pass, so that
 * what is learned late (a thread that names itself after its first event) is known from the start.
 *
 * Everything is referred to by a small index; threads that occur in events without ever having
 * been created (their record was overwritten) get an entry when they are first asked for. Pointers
 * into the arrays hold until the next such call, indices hold for ever.
 */
#pragma once

#include "file.h"
#include "memory.h"

#define NAME_MAX_BYTES 32 /* with the terminating zero; longer names are cut */

struct thread_name {
    uint32_t id;
    uint32_t process;          /* id, 0: not known */
    uint32_t idle_cpu;         /* ID_NONE, or the CPU whose idle thread this is */
    char name[NAME_MAX_BYTES]; /* never empty after names_load() */
    bool named;                /* by the kernel, not by us */
};

struct process_name {
    uint32_t id;
    uint32_t parent;
    char name[NAME_MAX_BYTES];
};

struct object_name {
    uint32_t id;
    uint32_t process; /* id of the process that pays for it, 0: not known */
    uint8_t kind;     /* enum trace_object_kind */
};

struct string_name {
    uint32_t id;
    uint32_t process;
    char name[NAME_MAX_BYTES];
};

struct names {
    struct thread_name *threads;
    struct process_name *processes;
    struct object_name *objects;
    struct string_name *strings;
    size_t thread_count, thread_capacity;
    size_t process_count, process_capacity;
    size_t object_count, object_capacity;
    size_t string_count, string_capacity;
    struct id_table thread_index, process_index, object_index, string_index;
};

bool names_load(struct names *names, const struct trace_file *file, struct trace_error *error);
void names_free(struct names *names);

uint32_t names_thread(struct names *names, uint32_t id);         /* adds what is not there */
void names_idle(struct names *names, uint32_t id, uint32_t cpu); /* says whose idle thread it is */
uint32_t names_process(struct names *names, uint32_t id);        /* adds what is not there */
uint32_t names_object(struct names *names, uint32_t id);         /* adds what is not there */
/* A user's string as index into `strings`; adds one named "event 12" when nobody named it. */
uint32_t names_string(struct names *names, uint32_t process, uint32_t id);
/* Writes "server.endpoint 12" or the like: an object with the name of the process that owns it. */
void names_object_label(struct names *names, uint32_t id, char *text, size_t size);
