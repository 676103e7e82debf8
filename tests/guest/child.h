/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes for guest tests: the same program again, in a process of its own, started with a
 * role. The test program defines PROGRAM (its file in the boot image) before it includes this, and
 * its manifest gives it `initrd` and enough pages.
 *
 *     struct child child;
 *     REQUIRE(child_start(&child, "reader", 1, grants, 2));     runs role_reader() on CPU 1
 *     struct weft_end end = child_wait(&child);                 waits until it has ended
 *     child_close(&child);
 *
 * ROLES_MAIN in the place of KTAP_MAIN makes a main() that plays the role it is started for, or else
 * runs the tests. The roles stand in a table:
 *
 *     static const struct role roles[] = {{"reader", role_reader}};
 *     ROLES_MAIN(roles)
 *
 * A child is given `console` besides what the test grants; its arguments are `role=NAME value=N`.
 */
#pragma once

#include "weft/ktap.h"
#include "weft/loader.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#ifndef PROGRAM
#error "define PROGRAM, the file's name in the boot image"
#endif

#define CHILD_PAGES 96
#define CHILD_GRANTS_MAX 24
#define unused_function __attribute__((unused))

struct child {
    uint64_t process;
    uint64_t ended;  /* notification */
    uint64_t thread; /* handle, where it is named */
    uint32_t thread_id;
};

struct role {
    const char *name;
    int (*run)(uint64_t value); /* returns the exit status */
};

/* How a child shall be started; zero means the usual. */
struct child_options {
    uint64_t value;
    uint64_t pages;
    uint32_t priority;
    uint32_t home; /* the CPU that looks after the process */
    _Bool silent;  /* without the console */
    _Bool named;   /* with a handle to its first thread */
    uint64_t fault_endpoint;
};

static unused_function const struct weft_archive *child_archive(void)
{
    static struct weft_archive archive;
    if (archive.bytes == NULL) {
        const char *problem = weft_archive_open(&archive);
        if (problem != NULL) {
            weft_fail("boot image: %s", problem);
        }
    }
    return &archive;
}

/* Builds what to spawn in `spawn` from static buffers; one call at a time. */
static unused_function void child_prepare(struct weft_spawn *spawn, const char *role, uint32_t cpu,
                                          const struct weft_grant *grants, uint32_t count,
                                          const struct child_options *options)
{
    static char arguments[64];
    static struct weft_grant all[CHILD_GRANTS_MAX + 1];
    memcpy(all, grants, count * sizeof(grants[0]));
    all[count] =
        (struct weft_grant){"console", weft_capability("console"), RIGHT_WRITE | RIGHT_COPY, 0};
    weft_format(arguments, sizeof(arguments), "role=%s value=%lu", role, options->value);
    *spawn = (struct weft_spawn){
        .name = role,
        .program = PROGRAM,
        .arguments = arguments,
        .cpu = cpu,
        .home = options->home,
        .priority = options->priority ? options->priority : WEFT_PRIORITY_DEFAULT,
        .pages = options->pages ? options->pages : CHILD_PAGES,
        .grants = all,
        .grant_count = count + !options->silent,
        .named = options->named,
        .fault_endpoint = options->fault_endpoint,
    };
}

/* False, with a diagnostic, where the child cannot be started. */
static unused_function _Bool child_start_with(struct child *child, const char *role, uint32_t cpu,
                                              const struct weft_grant *grants, uint32_t count,
                                              const struct child_options *options)
{
    struct weft_spawn spawn;
    struct weft_child made;
    if (!EXPECT(count <= CHILD_GRANTS_MAX) ||
        !EXPECT_STATUS(STATUS_OK, weft_notification_create(weft_startup()->cpu, &child->ended))) {
        return 0;
    }
    child_prepare(&spawn, role, cpu, grants, count, options);
    spawn.notification = child->ended;
    spawn.bits = 1;
    status_t status = weft_spawn(child_archive(), &spawn, &made);
    if (status != STATUS_OK) {
        ktap_note("child %s: %s", role, spawn.reason);
        EXPECT_STATUS(STATUS_OK, status);
        (void)weft_cap_delete(child->ended);
        return 0;
    }
    child->process = made.process;
    child->thread = made.thread;
    child->thread_id = made.thread_id;
    return 1;
}

static unused_function _Bool child_start(struct child *child, const char *role, uint32_t cpu,
                                         const struct weft_grant *grants, uint32_t count)
{
    struct child_options usual = {0};
    return child_start_with(child, role, cpu, grants, count, &usual);
}

/* Sleeps until the child has ended, and says how. */
static unused_function struct weft_end child_wait(struct child *child)
{
    uint64_t bits;
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(child->ended, 0, &bits));
    return weft_process_end(child->process);
}

static unused_function void child_close(struct child *child)
{
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(child->process));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(child->ended));
}

static unused_function void child_kill(struct child *child)
{
    EXPECT_STATUS(STATUS_OK, weft_process_kill(child->process));
    (void)child_wait(child);
    child_close(child);
}

/* The whole life of a child that needs nothing from the test meanwhile. */
static unused_function struct weft_end child_run(const char *role, uint32_t cpu, uint64_t value,
                                                 const struct weft_grant *grants, uint32_t count)
{
    struct child child;
    struct child_options options = {.value = value};
    if (!child_start_with(&child, role, cpu, grants, count, &options)) {
        return (struct weft_end){.cause = WEFT_ALIVE};
    }
    struct weft_end end = child_wait(&child);
    child_close(&child);
    return end;
}

static unused_function uint32_t cpu_count(void)
{
    return weft_startup()->cpu_count;
}

/* A CPU other than the first, where there is one. */
static unused_function uint32_t other_cpu(void)
{
    return cpu_count() > 1 ? 1 : 0;
}

static unused_function int roles_run(const struct role *roles, unsigned count)
{
    char role[32];
    if (!weft_argument("role", role, sizeof(role))) {
        return ktap_run();
    }
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(roles[i].name, role) == 0) {
            return roles[i].run(weft_argument_number("value", 0));
        }
    }
    weft_fail("there is no role %s", role);
}

#define ROLES_MAIN(roles)                                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        return roles_run(roles, sizeof(roles) / sizeof((roles)[0]));                               \
    }
