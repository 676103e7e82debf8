/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of the own process.
 *
 * weft_thread_start() takes a stack (mapped once, used again after its thread has ended), and runs
 * `function(argument)` on the CPU that is asked for. A thread ends when its function returns.
 *
 *     struct weft_group group;
 *     weft_group_open(&group);
 *     weft_thread_start(&group, "worker", cpu, WEFT_PRIORITY_DEFAULT, work, argument);
 *     weft_group_wait(&group);      returns when every thread of the group has ended
 *     weft_group_close(&group);
 *
 * Needs the capability `self`, which every process has. A group belongs to one waiting thread; threads
 * may be started from anywhere.
 */
#pragma once

#include <stdint.h>

#include "weft/abi.h"
#include "weft/arch.h"
#include "weft/layout.h"

#define WEFT_THREADS_MAX 600      /* that live at the same time */
#define WEFT_THREAD_STACK_PAGES 2 /* enough for weft_print() and some calls */

struct weft_group {
    uint32_t running;      /* atomic: threads that have not ended, plus one while not waited for */
    uint64_t notification; /* signalled when it reaches 0 */
};

typedef void weft_thread_function(void *argument);

status_t weft_group_open(struct weft_group *group);
void weft_group_wait(struct weft_group *group);
void weft_group_close(struct weft_group *group);

/* `group` may be NULL. `thread_id` (may be NULL) gets the id by which traces know the thread. */
status_t weft_thread_start_id(struct weft_group *group, const char *name, uint32_t cpu,
                              uint32_t priority, weft_thread_function *function, void *argument,
                              uint32_t *thread_id);

/* The same with a capability to the thread, which the caller deletes when it needs it no more. A
 * thread that is killed through it does not leave its group, and keeps its stack. */
status_t weft_thread_start_named(struct weft_group *group, const char *name, uint32_t cpu,
                                 uint32_t priority, weft_thread_function *function, void *argument,
                                 uint64_t *handle);

static inline status_t weft_thread_start(struct weft_group *group, const char *name, uint32_t cpu,
                                         uint32_t priority, weft_thread_function *function,
                                         void *argument)
{
    return weft_thread_start_id(group, name, cpu, priority, function, argument, NULL);
}

/* A number for the calling thread among those that live: below WEFT_THREADS_MAX for threads started here,
 * WEFT_THREADS_MAX for the first one. A later thread may get it again. */
uint32_t weft_thread_number(void);

/* The two words that a 16-character name travels in. */
struct weft_name {
    uint64_t words[2];
};
struct weft_name weft_name_pack(const char *text);

/* Names the calling thread in traces. */
void weft_thread_set_name(const char *text);
