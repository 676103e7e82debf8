/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads as objects: capabilities to them, and what can be done with these.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount seed=1,2,3
 */
#define PROGRAM "test_threads"
#include "child.h"

#include "weft/atomic.h"

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

static const struct role roles[] = {{"sleeps", role_sleeps}};
ROLES_MAIN(roles)
