/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzer (fuzz.c) found to be left over in the kernel, once each, on purpose.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1 accel=icount
 */
#define PROGRAM "test_leaks"
#include "child.h"

#include "exact.h"

/* Runs a role in a process of its own, once to warm up; the second time nothing may stay. */
static void leaves_nothing(const char *role)
{
    uint64_t pages = 0, first = free_pages();
    for (unsigned i = 0; i < 2; i++) {
        struct weft_end end = child_run(role, other_cpu(), 0, NULL, 0);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
        if (i == 0) {
            pages = settled_pages(first);
        }
    }
    check_memory(pages);
}

static int role_creates_without_self(uint64_t value)
{
    uint64_t notification, process;
    (void)value;
    if (weft_notification_create(0, &notification) != STATUS_OK ||
        weft_cap_delete(HANDLE_SELF) != STATUS_OK) {
        return 1;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (weft_process_create(8, 0, 0, notification, 1, 0, &process) != STATUS_BAD_HANDLE) {
            return 2;
        }
    }
    return 0;
}

TEST(a_refused_process_keeps_no_watcher,
     "who may not create processes has not given its notification away either")
{
    leaves_nothing("creates_without_self");
}

/* Two processes that hold each other, and nobody else holds them any more. */
static int role_leaves_a_ring(uint64_t value)
{
    uint64_t first, second, handle;
    (void)value;
    return weft_process_create(16, 'a', 0, 0, 0, 0, &first) != STATUS_OK ||
           weft_process_create(16, 'b', 0, 0, 0, 0, &second) != STATUS_OK ||
           weft_cap_copy(first, second, RIGHT_READ, 0, &handle) != STATUS_OK ||
           weft_cap_copy(second, first, RIGHT_READ, 0, &handle) != STATUS_OK;
}

TEST(a_ring_of_processes_ends,
     "processes that only hold each other end with the one that pays for them")
{
    leaves_nothing("leaves_a_ring");
}

static const struct role roles[] = {{"creates_without_self", role_creates_without_self},
                                    {"leaves_a_ring", role_leaves_a_ring}};
ROLES_MAIN(roles)
