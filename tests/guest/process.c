/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: how they start and end, what their creator learns, that everything they had comes back,
 * and that the tables they live in have ends that are errors, not accidents.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1 memory=64M
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_process"
#include "child.h"

#include "weft/atomic.h"

/* ---- endings --------------------------------------------------------------------------------- */

static int role_exits(uint64_t value)
{
    return (int)value;
}

static int role_sleeps(uint64_t value)
{
    (void)value;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

static int role_spins(uint64_t value)
{
    (void)value;
    for (;;) {
        weft_pause();
    }
}

static int role_faults(uint64_t value)
{
    *(volatile uint64_t *)value = 1;
    return 0;
}

static void sleep_forever(void *argument)
{
    (void)argument;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

/* Its main thread ends, others on all CPUs go on for a while: the process lives as long as they. */
static void finish_later(void *argument)
{
    weft_sleep_for((uint64_t)argument);
}

static int role_outlives_its_first_thread(uint64_t value)
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        if (weft_thread_start(NULL, "later", cpu, WEFT_PRIORITY_DEFAULT, finish_later,
                              (void *)(value * (cpu + 1))) != STATUS_OK) {
            return 1;
        }
    }
    (void)weft_thread_exit(77); /* not the last one: this status is not the process's */
    return 2;
}

/* Threads on all CPUs sleep; exit ends them all. */
static int role_exits_with_threads(uint64_t value)
{
    for (uint32_t i = 0; i < 2 * cpu_count(); i++) {
        if (weft_thread_start(NULL, "sleeper", i % cpu_count(), WEFT_PRIORITY_DEFAULT,
                              sleep_forever, NULL) != STATUS_OK) {
            return 1;
        }
    }
    return (int)value;
}

static void expect_end(struct weft_end end, enum weft_cause cause, uint32_t status)
{
    EXPECT_EQUAL(cause, end.cause);
    EXPECT_EQUAL(status, end.status);
}

TEST(exit_status_arrives, "the creator reads the status with which a process ended, on every CPU")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        expect_end(child_run("exits", cpu, 0, NULL, 0), WEFT_EXITED, 0);
        expect_end(child_run("exits", cpu, 41 + cpu, NULL, 0), WEFT_EXITED, 41 + cpu);
        expect_end(child_run("exits_with_threads", cpu, 3, NULL, 0), WEFT_EXITED, 3);
    }
}

TEST(last_thread_ends_the_process,
     "a process whose first thread ended lives until the last one ends")
{
    uint64_t before = weft_cycles();
    expect_end(child_run("outlives_its_first_thread", other_cpu(), 1000, NULL, 0), WEFT_EXITED, 0);
    EXPECT(weft_cycles() - before >= weft_microseconds(1000 * cpu_count()));
}

TEST(faults_are_reported, "a process that faults ends alone, its creator learns the vector")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        expect_end(child_run("faults", cpu, 0, NULL, 0), WEFT_FAULT, 14);
        expect_end(child_run("faults", cpu, 0x8000000000000000, NULL, 0), WEFT_FAULT, 13);
    }
}

TEST(killing_works_in_any_state,
     "a process can be killed while it sleeps, spins, or has just started")
{
    static const char *const names[] = {"sleeps", "spins", "exits_with_threads"};
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        for (unsigned i = 0; i < 6; i++) {
            struct child child;
            if (cpu == 0 && i % 3 == 1) {
                continue; /* a spinner of our own priority on our CPU only costs time slices */
            }
            REQUIRE(child_start(&child, names[i % 3], cpu, NULL, 0));
            if (i >= 3) {
                weft_sleep_for(1000);
            } /* else at once: its first thread may still be on its way */
            EXPECT_STATUS(STATUS_OK, weft_process_kill(child.process));
            struct weft_end end = child_wait(&child);
            if (i % 3 != 2) { /* the third may have exited before */
                expect_end(end, WEFT_KILLED, 0);
            }
            EXPECT_STATUS(STATUS_OK, weft_process_kill(child.process)); /* changes nothing */
            EXPECT_EQUAL(end.cause, weft_process_end(child.process).cause);
            child_close(&child);
        }
    }
}

TEST(dead_processes_take_nothing, "no thread, capability or mapping can be given to a dead process")
{
    struct child child;
    uint64_t handle, memory;
    REQUIRE(child_start(&child, "exits", 0, NULL, 0));
    (void)child_wait(&child);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    EXPECT_STATUS(STATUS_DEAD, weft_thread_create(child.process, WEFT_PRIORITY_DEFAULT << 16,
                                                  WEFT_PROGRAM_BASE, 0, 0, &handle));
    EXPECT_STATUS(STATUS_DEAD, weft_cap_copy(child.process, memory, RIGHT_READ, 0, &handle));
    EXPECT_STATUS(STATUS_DEAD,
                  weft_memory_map(child.process, memory, WEFT_FREE_BASE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_DEAD, weft_memory_unmap(child.process, WEFT_PROGRAM_BASE, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    child_close(&child);
}

/* ---- rights over a process ------------------------------------------------------------------- */

TEST(process_rights_are_needed, "reading a state needs read, killing needs manage")
{
    struct child child;
    uint64_t reader, manager, state, id;
    REQUIRE(child_start(&child, "sleeps", other_cpu(), NULL, 0));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, child.process, RIGHT_READ, 0, &reader));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, child.process, RIGHT_MANAGE, 0, &manager));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_kill(reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_create(reader, 0, WEFT_PROGRAM_BASE, 0, 0, &id));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_status(manager, &state));
    EXPECT_STATUS(STATUS_OK, weft_process_status(reader, &state));
    EXPECT_EQUAL(0, state);
    EXPECT_STATUS(STATUS_OK, weft_process_kill(manager));
    expect_end(child_wait(&child), WEFT_KILLED, 0);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(manager));
    child_close(&child);
}

TEST(wrong_threads_are_refused,
     "a thread needs an existing CPU, a priority of its creator, user addresses")
{
    uint64_t id;
    uint64_t priority = (uint64_t)WEFT_PRIORITY_DEFAULT << 16;
    uint64_t entry = WEFT_PROGRAM_BASE, stack = WEFT_MAIN_STACK_TOP;
    uint64_t self = HANDLE_SELF;
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_thread_create(self, priority | cpu_count(), entry, stack, 0, &id));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_thread_create(self, priority + (1 << 16), entry, stack, 0, &id));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_thread_create(self, ~0ull, entry, stack, 0, &id));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_thread_create(self, priority, 0xffffffff80200000, stack, 0, &id));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_thread_create(self, priority, entry, 0xffff800000000000, 0, &id));
    EXPECT_STATUS(STATUS_WRONG_TYPE,
                  weft_thread_create(weft_capability("console"), priority, entry, stack, 0, &id));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_thread_migrate(cpu_count()));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_thread_migrate(~0ull));
}

TEST(an_end_signals_no_foreign_bits, "who holds a badge signals its bits at an end, and no others")
{
    uint64_t ended, badged, process, bits;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &ended));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, ended, RIGHT_WRITE, 2, &badged));
    REQUIRE_STATUS(STATUS_OK, weft_process_create(16, 'b', 0, badged, 4, 0, &process));
    EXPECT_STATUS(STATUS_OK, weft_process_kill(process));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(ended, 0, &bits));
    EXPECT_EQUAL(2, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(badged));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(ended));
}

/* ---- nothing leaks --------------------------------------------------------------------------- */

#define GENERATIONS 60

TEST(everything_comes_back, "many processes, one after the other, use the same memory and handles")
{
    static const char *const names[] = {"exits", "exits_with_threads", "faults"};
    /* Each takes about a hundred pages of this process's quota: without return it ends after 40. */
    struct child_options options = {.pages = 64};
    for (unsigned i = 0; i < GENERATIONS; i++) {
        struct child child;
        options.home = i / 3 % cpu_count();
        REQUIRE(child_start_with(&child, names[i % 3], i % cpu_count(), NULL, 0, &options));
        (void)child_wait(&child);
        child_close(&child);
    }
}

/* Memory comes back some time after the last handle is gone. */
static status_t create_patiently(uint64_t pages, uint64_t *process)
{
    uint64_t deadline = weft_deadline(5000000);
    status_t status;
    while ((status = weft_process_create(pages, 'x', 0, 0, 0, 0, process)) == STATUS_NO_MEMORY &&
           weft_cycles() < deadline) {
        weft_sleep_for(500);
    }
    return status;
}

TEST(quota_moves_and_returns, "a process's quota leaves its creator and comes back when it is gone")
{
    uint64_t first, second;
    REQUIRE_STATUS(STATUS_OK, create_patiently(2200, &first));
    EXPECT_STATUS(STATUS_NO_MEMORY, weft_process_create(2200, 'y', 0, 0, 0, 0, &second));
    EXPECT_STATUS(STATUS_NO_MEMORY, weft_process_create(~0ull, 'y', 0, 0, 0, 0, &second));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_process_create(0, 'y', 0, 0, 0, 0, &second));
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_STATUS(STATUS_OK, weft_process_kill(first));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(first));
        REQUIRE_STATUS(STATUS_OK, create_patiently(2200, &first));
    }
    EXPECT_STATUS(STATUS_OK, weft_process_kill(first));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(first));
}

TEST(capability_table_has_an_end, "when all slots are used the caller gets `no_slot`, and no more")
{
    uint64_t handles[CAPABILITY_SLOTS];
    unsigned count = 0;
    status_t status;
    while (count < CAPABILITY_SLOTS &&
           (status = weft_notification_create(0, &handles[count])) == STATUS_OK) {
        count++;
    }
    EXPECT_STATUS(STATUS_NO_SLOT, status);
    EXPECT(count > CAPABILITY_SLOTS / 2);
    uint64_t more;
    EXPECT_STATUS(STATUS_NO_SLOT, weft_endpoint_create(0, &more));
    EXPECT_STATUS(STATUS_NO_SLOT, weft_memory_create(1, &more));
    EXPECT_STATUS(STATUS_NO_SLOT, weft_cap_copy(HANDLE_SELF, handles[0], RIGHT_READ, 0, &more));
    EXPECT_STATUS(STATUS_NO_SLOT, weft_process_create(16, 'z', 0, 0, 0, 0, &more));
    for (unsigned i = 0; i < count; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(handles[i]));
    }
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &more));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(more));
}

/* ---- processes that own processes ------------------------------------------------------------ */

static int role_has_a_child(uint64_t value)
{
    struct child child;
    struct child_options options = {.value = 9, .pages = 48, .home = other_cpu()};
    (void)value;
    if (!child_start_with(&child, "exits", cpu_count() - 1, NULL, 0, &options)) {
        return 1;
    }
    struct weft_end end = child_wait(&child);
    return end.cause == WEFT_EXITED && end.status == 9 ? 0 : 2;
}

/* Exits while its child still runs. */
static int role_leaves_a_child(uint64_t value)
{
    struct child child;
    struct child_options options = {.pages = 48};
    (void)value;
    return child_start_with(&child, "sleeps", cpu_count() - 1, NULL, 0, &options) ? 0 : 1;
}

TEST(children_may_have_children, "a process starts processes from its own quota, on every CPU")
{
    struct weft_grant grants[] = {{"initrd", weft_capability("initrd"), RIGHT_READ, 0}};
    struct child_options options = {.pages = 256};
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child child;
        options.home = cpu;
        REQUIRE(child_start_with(&child, "has_a_child", cpu, grants, 1, &options));
        expect_end(child_wait(&child), WEFT_EXITED, 0);
        child_close(&child);
    }
}

TEST(a_parent_may_end_first, "a process ends while its child lives on: from its creator's quota")
{
    struct weft_grant grants[] = {{"initrd", weft_capability("initrd"), RIGHT_READ, 0}};
    struct child child;
    struct child_options options = {.pages = 200};
    REQUIRE(child_start_with(&child, "leaves_a_child", other_cpu(), grants, 1, &options));
    expect_end(child_wait(&child), WEFT_EXITED, 0);
    child_close(&child);
}

/* ---- all at once ----------------------------------------------------------------------------- */

#define CROWD 12

TEST(a_crowd_lives_and_dies_at_once, "processes with threads on all CPUs, killed in the middle")
{
    struct child crowd[CROWD];
    struct child_options options = {.pages = 64, .value = 0};
    static const char *const names[] = {"exits_with_threads", "sleeps", "spins", "faults"};
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < CROWD; i++) {
            REQUIRE(child_start_with(&crowd[i], names[(i + round) % 4], i % cpu_count(), NULL, 0,
                                     &options));
        }
        for (unsigned i = 0; i < CROWD; i++) {
            EXPECT_STATUS(STATUS_OK, weft_process_kill(crowd[i].process));
        }
        for (unsigned i = 0; i < CROWD; i++) {
            EXPECT(child_wait(&crowd[i]).cause != WEFT_ALIVE);
            child_close(&crowd[i]);
        }
    }
}

static const struct role roles[] = {
    {"exits", role_exits},
    {"sleeps", role_sleeps},
    {"spins", role_spins},
    {"faults", role_faults},
    {"outlives_its_first_thread", role_outlives_its_first_thread},
    {"exits_with_threads", role_exits_with_threads},
    {"has_a_child", role_has_a_child},
    {"leaves_a_child", role_leaves_a_child},
};
ROLES_MAIN(roles)
