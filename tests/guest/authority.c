/* SPDX-License-Identifier: Apache-2.0
 *
 * Nothing comes from nowhere: a process places threads and objects only on CPUs that it was given, has
 * only the part of the machine that it was given, and without any capability can do nothing but yield,
 * fault and end.
 *
 * The manifest gives ranges of ports, interrupts and physical pages, and starts the role is_confined
 * on a machine of which it may use CPU 0.
 *
 * weft-test: cpus=1,4 accel=tcg,icount
 */
#define PROGRAM "test_authority"
#include "child.h"

#define RANGE(first, count) ((uint64_t)(count) << 32 | (uint32_t)(first))

static uint64_t at(uint32_t cpu, uint64_t cpus)
{
    return cpu | cpus << 32;
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static status_t narrow(uint64_t handle, uint64_t first, uint64_t count, uint64_t *copy)
{
    return weft_cap_copy(HANDLE_SELF, handle, RIGHT_WRITE | RIGHT_COPY, RANGE(first, count), copy);
}

static void check_range(const char *name, enum object_type type, uint64_t first, uint64_t count)
{
    uint64_t whole = weft_capability(name), part, less, value;
    ktap_note("%s", name);
    REQUIRE_STATUS(STATUS_OK, weft_cap_inspect(whole, 0, &value));
    EXPECT_EQUAL(type, value & 0xff);
    REQUIRE_STATUS(STATUS_OK, weft_cap_inspect(whole, 1, &value));
    EXPECT_EQUAL(RANGE(first, count), value);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first, count + 1, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first + 1, count, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first - 1, count, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first - 1, 1, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first + count, 1, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first + 1, 0, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, first, UINT32_MAX, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(whole, UINT32_MAX, UINT32_MAX, &part));
    EXPECT_STATUS(STATUS_OK, narrow(whole, first, count, &part)); /* all of it */
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(part));
    REQUIRE_STATUS(STATUS_OK, narrow(whole, first + 1, count - 2, &part));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(part, first, count, &less)); /* not wider again */
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, narrow(part, first, 1, &less));
    REQUIRE_STATUS(STATUS_OK, narrow(part, first + 1, 1, &less));
    EXPECT_STATUS(STATUS_OK, weft_cap_inspect(less, 1, &value));
    EXPECT_EQUAL(RANGE(first + 1, 1), value);
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(whole));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_inspect(less, 0, &value));
}

TEST(ranges_only_narrow, "a copy of a range of ports, interrupts or pages lies within it")
{
    check_range("ports", OBJECT_PORTS, 0x100, 0x100);
    check_range("interrupts", OBJECT_INTERRUPTS, 4, 4);
    check_range("physical", OBJECT_PHYSICAL, 0x100000, 0x100000);
    if (cpu_count() > 2) {
        check_range("cpus", OBJECT_CPUS, 0, cpu_count());
    }
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

/* What placing something on `cpu` by `cpus` comes to, whichever way it is tried. */
static void expect_placing(status_t wanted, uint32_t cpu, uint64_t cpus)
{
    uint64_t handle;
    status_t status = weft_endpoint_create(at(cpu, cpus), &handle);
    EXPECT_STATUS(wanted, status);
    if (status == STATUS_OK) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    }
    status = weft_notification_create(at(cpu, cpus), &handle);
    EXPECT_STATUS(wanted, status);
    if (status == STATUS_OK) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handle));
    }
    EXPECT_STATUS(wanted, weft_thread_migrate(at(cpu, cpus)));
    if (wanted != STATUS_OK) {
        EXPECT_STATUS(wanted, weft_thread_create(HANDLE_SELF, at(cpu, cpus) | THREAD_UNNAMED,
                                                 WEFT_PROGRAM_BASE, WEFT_FREE_BASE, 0, &handle));
    }
}

TEST(placing_needs_a_cpu, "objects and threads are made where a capability to that CPU allows it")
{
    uint64_t cpus = weft_startup()->cpus, first, weak;
    EXPECT_EQUAL(weft_capability("cpus"), cpus);
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        expect_placing(STATUS_OK, cpu, cpus);
    }
    EXPECT_STATUS(STATUS_OK, weft_thread_migrate(weft_startup()->cpu));
    expect_placing(STATUS_BAD_ARGUMENT, cpu_count(), cpus);
    expect_placing(STATUS_WRONG_TYPE, 0, HANDLE_SELF);
    expect_placing(STATUS_BAD_HANDLE, 0, cpus + 256);
    expect_placing(STATUS_BAD_HANDLE, 0, UINT32_MAX);
    REQUIRE_STATUS(STATUS_OK, narrow(cpus, 0, 1, &first));
    expect_placing(STATUS_OK, 0, first);
    for (uint32_t cpu = 1; cpu < cpu_count(); cpu++) {
        expect_placing(STATUS_NO_RIGHT, cpu, first);
    }
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, cpus, RIGHT_COPY, 0, &weak));
    expect_placing(STATUS_NO_RIGHT, 0, weak);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(weak));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(first));
}

static void do_nothing(void *argument)
{
    (void)argument;
}

/* Has CPU 0, by a grant or by the manifest. */
static int role_is_confined(uint64_t value)
{
    uint64_t range, handle;
    struct weft_group group;
    (void)value;
    if (weft_cap_inspect(weft_startup()->cpus, 1, &range) != STATUS_OK || range != RANGE(0, 1)) {
        return 1;
    }
    if (weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "here", 0, WEFT_PRIORITY_DEFAULT, do_nothing, NULL) !=
            STATUS_OK) {
        return 2;
    }
    weft_group_wait(&group);
    for (uint32_t cpu = 1; cpu < cpu_count(); cpu++) {
        if (weft_thread_start(NULL, "there", cpu, WEFT_PRIORITY_DEFAULT, do_nothing, NULL) !=
                STATUS_NO_RIGHT ||
            weft_endpoint_create(cpu, &handle) != STATUS_NO_RIGHT ||
            weft_thread_migrate(cpu) != STATUS_NO_RIGHT) {
            return 3;
        }
    }
    return 0;
}

TEST(a_child_has_no_more_cpus, "a process that was given one CPU stays on it")
{
    struct weft_grant grants[] = {{"cpus", 0, RIGHT_WRITE, 0}};
    REQUIRE_STATUS(STATUS_OK, narrow(weft_startup()->cpus, 0, 1, &grants[0].handle));
    struct weft_end end = child_run("is_confined", 0, 0, grants, 1);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(grants[0].handle));
}

/* ---- nothing --------------------------------------------------------------------------------- */

#define WENT_WELL 77

/* What needs no capability. */
static _Bool is_free(uint64_t number)
{
    return number == SYSCALL_NULL || number == SYSCALL_YIELD || number == SYSCALL_THREAD_EXIT ||
           number == SYSCALL_PROCESS_EXIT;
}

/* Gives up everything and tries every system call, with arguments that others may use. Ends with the
 * number of a call that succeeded. */
static int role_holds_nothing(uint64_t value)
{
    static uint64_t words[8];
    const uint64_t cpus = weft_startup()->cpus, here = (uint64_t)words;
    const uint64_t arguments[][6] = {
        {0},
        {1, 1, 1, 1, 1, 1},
        {HANDLE_SELF, 0, here, here, 0, 0},
        {HANDLE_SELF, 1, WEFT_PROGRAM_BASE, WEFT_FREE_BASE, 0, 0},
        {16, 'x', 0, 0, 0, 0},
        {at(0, cpus), at(0, cpus), WEFT_PROGRAM_BASE, WEFT_FREE_BASE, 0, 0},
        {cpus, here, 8, 0, 0, 0},
        {value, HANDLE_SELF, here, 0, 8, 0},
    };
    const struct weft_startup *startup = weft_startup();
    for (uint32_t i = 0; i < startup->capability_count; i++) {
        if (weft_cap_delete(startup->capabilities[i].handle) != STATUS_OK) {
            return 1;
        }
    }
    for (uint64_t number = 0; number < SYSCALL_COUNT; number++) {
        for (unsigned i = 0; i < sizeof(arguments) / sizeof(arguments[0]) && !is_free(number);
             i++) {
            const uint64_t *a = arguments[i];
            if (weft_syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0) {
                return (int)number;
            }
        }
    }
    return weft_null() == STATUS_OK && weft_yield() == STATUS_OK ? WENT_WELL : 2;
}

TEST(nothing_comes_from_nothing, "a process without capabilities can only yield, fault and end")
{
    uint64_t endpoint;
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    struct weft_grant grants[] = {{"endpoint", endpoint, RIGHT_READ | RIGHT_WRITE, 0}};
    struct weft_end end = child_run("holds_nothing", other_cpu(), endpoint, grants, 1);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(WENT_WELL, end.status);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

/* The same, one call at a time, where the arguments are right and only the capability is missing. */
static int role_lacks_itself(uint64_t value)
{
    const uint64_t place = at(0, weft_startup()->cpus);
    uint64_t handle;
    (void)value;
    if (weft_cap_delete(HANDLE_SELF) != STATUS_OK) {
        return 1;
    }
    const status_t found[] = {
        weft_sleep(0),
        weft_thread_name('a', 0),
        weft_trace_user(TRACE_KIND_INSTANT, 1, 1),
        weft_trace_name(1, 'a', 0),
        weft_process_create(16, 'a', 0, 0, 0, 0, &handle),
        weft_endpoint_create(place, &handle),
        weft_notification_create(place, &handle),
        weft_memory_create(1, &handle),
        weft_cap_copy(HANDLE_SELF, weft_startup()->cpus, RIGHT_WRITE, 0, &handle),
    };
    for (unsigned i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        if (found[i] != STATUS_BAD_HANDLE) {
            return 2 + (int)i;
        }
    }
    return WENT_WELL;
}

TEST(creating_needs_oneself,
     "who gave up the capability to itself gets `bad_handle` for new objects")
{
    struct weft_end end = child_run("lacks_itself", other_cpu(), 0, NULL, 0);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(WENT_WELL, end.status);
}

static const struct role roles[] = {
    {"is_confined", role_is_confined},
    {"holds_nothing", role_holds_nothing},
    {"lacks_itself", role_lacks_itself},
};
ROLES_MAIN(roles)
