/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads as objects: capabilities to them, their registers, where they live, and the rights for it.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount seed=1,2,3
 */
#define PROGRAM "test_threads"
#include "subject.h"

/* ---- handles --------------------------------------------------------------------------------- */

static void note(void *argument)
{
    weft_store_release(argument, 1);
}

TEST(creating_gives_a_handle,
     "who creates a thread gets a capability to it, also when it has ended")
{
    for (unsigned i = 0; i < 300; i++) { /* more than there are slots */
        struct weft_group group;
        uint32_t ran = 0;
        uint64_t thread, copy;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start_named(&group, "named", i % cpu_count(),
                                               WEFT_PRIORITY_DEFAULT, note, &ran, &thread));
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_EQUAL(1, ran);
        REQUIRE_STATUS(STATUS_OK,
                       weft_cap_copy(HANDLE_SELF, thread, RIGHT_READ | RIGHT_COPY, 0, &copy));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(thread));
        EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(thread));
        EXPECT_STATUS(STATUS_NO_RIGHT, weft_cap_copy(HANDLE_SELF, copy, RIGHT_MANAGE, 0, &thread));
        EXPECT_STATUS(STATUS_WRONG_TYPE, weft_process_kill(copy));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy));
    }
}

static int role_sleeps(uint64_t value)
{
    (void)value;
    for (;;) {
        weft_sleep_for(1000000);
    }
}

/* An address where nothing is: whoever starts there faults. */
#define NOWHERE WEFT_FREE_BASE

TEST(handles_come_home, "the handle to a thread of another process is in the creator's table")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct child child;
        uint64_t thread;
        REQUIRE(child_start(&child, "sleeps", cpu, NULL, 0));
        REQUIRE_STATUS(STATUS_OK, weft_thread_create(child.process, cpu | 1 << 16, NOWHERE, NOWHERE,
                                                     0, &thread));
        struct weft_end end = child_wait(&child); /* it faults, and so ends its process */
        EXPECT_EQUAL(WEFT_FAULT, end.cause);
        child_close(&child);
        EXPECT_STATUS(STATUS_WRONG_TYPE, weft_process_kill(thread));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(thread));
    }
}

TEST(a_full_table_gets_no_handle, "a thread whose handle finds no slot runs without one")
{
    uint64_t handles[CAPABILITY_SLOTS], thread;
    unsigned count = 0;
    uint32_t ran = 0;
    while (weft_notification_create(0, &handles[count]) == STATUS_OK) {
        count++;
    }
    EXPECT_STATUS(STATUS_NO_SLOT,
                  weft_thread_start_named(NULL, "nameless", other_cpu(), WEFT_PRIORITY_DEFAULT,
                                          note, &ran, &thread));
    while (!weft_load_acquire(&ran)) {
        weft_sleep_for(100);
    }
    for (unsigned i = 0; i < count; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

/* ---- registers ------------------------------------------------------------------------------- */

TEST(registers_go_round, "registers of a suspended thread can be read, changed and read again")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject subject = {0};
        struct weft_registers old = {0}, changed, now = {0};
        REQUIRE(subject_start(&subject, cpu, spin));
        wait_until(&subject.progress, 1);
        EXPECT_STATUS(STATUS_BUSY, weft_thread_registers_read(subject.handle, (uint64_t)&old));
        EXPECT_STATUS(STATUS_BUSY, weft_thread_registers_write(subject.handle, (uint64_t)&old));
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(subject.handle, (uint64_t)&old));
        EXPECT(old.rip >= WEFT_PROGRAM_BASE && old.rsp != 0);
        memset(&changed, 0x5a, sizeof(changed));
        changed.rip = old.rip;
        changed.rflags = ~0ull;
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_write(subject.handle, (uint64_t)&changed));
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(subject.handle, (uint64_t)&now));
        EXPECT_EQUAL(0x240fd7, now.rflags); /* no IOPL, no NT, and interrupts stay on */
        changed.rflags = now.rflags;
        EXPECT(memcmp(&changed, &now, sizeof(now)) == 0);
        changed.rip = 0xffffffff80000000;
        EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                      weft_thread_registers_write(subject.handle, (uint64_t)&changed));
        changed.rip = 0x800000000000;
        EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                      weft_thread_registers_write(subject.handle, (uint64_t)&changed));
        EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_thread_registers_read(subject.handle, 8));
        EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_thread_registers_write(subject.handle, 8));
        EXPECT_STATUS(STATUS_BAD_ADDRESS,
                      weft_thread_registers_read(subject.handle, STARTUP_ADDRESS)); /* read-only */
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_write(subject.handle, (uint64_t)&old));
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
        weft_fetch_add(&subject.progress, 1000000000);
        subject_join(&subject);
    }
}

static uint32_t diverted; /* atomic */

static _Noreturn void divert(uint64_t value)
{
    weft_store_release(&diverted, (uint32_t)value);
    (void)weft_thread_exit(0);
    __builtin_unreachable();
}

/* Both one that was interrupted and one whose call is cancelled; the latter goes back by iret then. */
TEST(a_thread_goes_on_elsewhere, "a thread whose registers were set goes on with them")
{
    weft_thread_function *const functions[] = {spin, sleep_once};
    for (uint32_t i = 0; i < 2 * cpu_count(); i++) {
        struct subject subject = {0};
        struct weft_registers registers = {0};
        REQUIRE(subject_start(&subject, i / 2, functions[i % 2]));
        wait_until(&subject.progress, 1);
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(subject.handle, (uint64_t)&registers));
        if (i % 2 == 1) {
            EXPECT_EQUAL((uint64_t)STATUS_CANCELLED, registers.rax);
        }
        registers.rip = (uint64_t)divert;
        registers.rsp = (registers.rsp & ~0xfull) - 8;
        registers.rdi = 100 + i;
        EXPECT_STATUS(STATUS_OK, weft_thread_registers_write(subject.handle, (uint64_t)&registers));
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
        wait_until(&diverted, 100 + i);
        EXPECT_EQUAL(100 + i, diverted);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
        weft_group_close(&subject.group);
    }
}

/* ---- affinity -------------------------------------------------------------------------------- */

static void where(void *argument)
{
    struct subject *subject = argument;
    uint64_t bits;
    weft_store_release(&subject->progress, 1);
    subject->status = weft_notification_wait(subject->object, 0, &bits);
    subject->argument = weft_processor_id();
}

static uint64_t processors[256]; /* by CPU, as the machine numbers them */

static void note_processor(void *argument)
{
    *(uint64_t *)argument = weft_processor_id();
}

TEST(waiting_threads_move, "a thread that waits, here or elsewhere, wakes up on its new CPU")
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "place", cpu, WEFT_PRIORITY_DEFAULT,
                                                    note_processor, &processors[cpu]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < cpu_count() * cpu_count(); i++) {
        uint32_t from = i % cpu_count(), there = i / cpu_count(), to = (from + 1) % cpu_count();
        struct subject subject = {0};
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(there, &subject.object));
        REQUIRE(subject_start(&subject, from, where));
        wait_until(&subject.progress, 1);
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_thread_affinity(subject.handle, cpu_count()));
        EXPECT_STATUS(STATUS_OK, weft_thread_affinity(subject.handle, to));
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(subject.object, 1));
        subject_join(&subject);
        EXPECT_STATUS(STATUS_OK, subject.status);
        EXPECT_EQUAL(processors[to], subject.argument);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.object));
    }
}

TEST(running_threads_move, "a thread that runs or is ready is moved at once, wherever it is")
{
    struct subject subject = {0};
    REQUIRE(subject_start(&subject, 0, spin));
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t to = i * 7 % cpu_count();
        EXPECT_STATUS(STATUS_OK, weft_thread_affinity(subject.handle, to));
        while (status_of(subject.handle).cpu != to) {
            weft_sleep_for(20);
        }
        uint32_t before = weft_load_acquire(&subject.progress);
        wait_until(&subject.progress, before + 1);
    }
    weft_fetch_add(&subject.progress, 1000000000);
    subject_join(&subject);
}

TEST(a_sleeper_moves, "a thread that sleeps wakes up on its new CPU, at its time")
{
    struct subject subject = {0};
    REQUIRE(subject_start(&subject, 0, sleep_once));
    wait_until(&subject.progress, 1);
    EXPECT_STATUS(STATUS_OK, weft_thread_affinity(subject.handle, other_cpu()));
    EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
    EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
    while (status_of(subject.handle).state != WEFT_THREAD_DEAD) {
        weft_sleep_for(50);
    }
    EXPECT_EQUAL(other_cpu(), status_of(subject.handle).cpu);
    subject_join(&subject);
}

/* ---- rights ---------------------------------------------------------------------------------- */

TEST(thread_rights_are_needed, "looking at a thread needs read, changing it needs manage")
{
    struct subject subject = {0};
    struct weft_registers registers = {0};
    struct weft_thread_status status;
    uint64_t reader, manager, console = weft_capability("console"), at = (uint64_t)&registers;
    REQUIRE(subject_start(&subject, other_cpu(), spin));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, subject.handle, RIGHT_READ, 0, &reader));
    REQUIRE_STATUS(STATUS_OK,
                   weft_cap_copy(HANDLE_SELF, subject.handle, RIGHT_MANAGE, 0, &manager));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_kill(reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_suspend(reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_resume(reader));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_affinity(reader, 0));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_registers_write(reader, at));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_registers_read(manager, at));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_thread_status(manager, (uint64_t)&status));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_thread_status(reader, STARTUP_ADDRESS));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_kill(console));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_suspend(console));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_resume(console));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_affinity(console, 0));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_registers_read(console, at));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_registers_write(console, at));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_thread_status(console, (uint64_t)&status));
    EXPECT_STATUS(STATUS_OK, weft_thread_suspend(manager));
    EXPECT_STATUS(STATUS_OK, weft_thread_registers_read(reader, at));
    EXPECT_STATUS(STATUS_OK, weft_thread_kill(manager));
    EXPECT_EQUAL(WEFT_THREAD_DEAD, status_of(reader).state);
    EXPECT_STATUS(STATUS_DEAD, weft_thread_registers_read(reader, at));
    EXPECT_STATUS(STATUS_DEAD, weft_thread_registers_write(manager, at));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(reader));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(manager));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_kill(subject.handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_suspend(subject.handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_resume(subject.handle));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_affinity(subject.handle, 0));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_registers_read(subject.handle, at));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_registers_write(subject.handle, at));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_thread_status(subject.handle, (uint64_t)&status));
    weft_group_close(&subject.group);
}

static const struct role roles[] = {{"sleeps", role_sleeps}};
ROLES_MAIN(roles)
