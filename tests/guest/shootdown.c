/* SPDX-License-Identifier: Apache-2.0
 *
 * Unmapping against readers on every CPU, short enough for thousands of seeds. Nobody may see through an
 * address what was mapped there before, once unmapping has returned: two threads change what lies
 * behind a window each, at the same time, so that their shootdowns are batched.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1,4 accel=icount
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6,7,8
 */
#include "weft/atomic.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define WINDOWS 2
#define READERS 4
#define ROUNDS 6
#define DONE (~0u)

/* A window is open, for reading, while its phase is odd; its page holds that number then. */
static struct window {
    uint32_t phase;         /* atomic, mapper */
    uint32_t seen[READERS]; /* atomic: the phase that each reader has come to */
} windows[WINDOWS];

static uint32_t stale; /* atomic: how often somebody saw what had been there before */

static uint64_t address_of(unsigned window)
{
    return WEFT_FREE_BASE + window * WEFT_PAGE_SIZE;
}

/* Looks through all open windows until all are done. A window that was open when it was looked at is not
 * taken away before this reader has said that it saw it closed. */
static void read_windows(void *argument)
{
    unsigned reader = (unsigned)(uint64_t)argument, done;
    do {
        done = 0;
        for (unsigned i = 0; i < WINDOWS; i++) {
            uint32_t phase = weft_load_acquire(&windows[i].phase);
            if (phase == DONE) {
                done++;
            } else if (phase & 1 && *(volatile uint64_t *)address_of(i) != phase) {
                weft_store_release(&stale, 1);
            }
            weft_store_release(&windows[i].seen[reader], phase);
        }
        (void)weft_yield();
        weft_pause();
    } while (done < WINDOWS);
}

static void set_phase(struct window *window, uint32_t phase)
{
    weft_store_release(&window->phase, phase);
    for (unsigned reader = 0; reader < READERS; reader++) {
        while (weft_load_acquire(&window->seen[reader]) != phase) {
            (void)weft_yield();
            weft_pause();
        }
    }
}

static void change_window(void *argument)
{
    unsigned number = (unsigned)(uint64_t)argument;
    uint64_t memory[ROUNDS], address = address_of(number);
    for (uint32_t i = 0; i < ROUNDS; i++) { /* objects stay: their frames keep what was in them */
        uint64_t value = 2 * i + 1;
        EXPECT_STATUS(STATUS_OK, weft_memory_create(1, &memory[i]));
        EXPECT_STATUS(STATUS_OK, weft_memory_write(memory[i], 0, (uint64_t)&value, sizeof(value)));
        EXPECT_STATUS(STATUS_OK,
                      weft_memory_map(HANDLE_SELF, memory[i], address, 0, 1, RIGHT_READ));
        set_phase(&windows[number], 2 * i + 1);
        set_phase(&windows[number], 2 * i + 2);
        EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, address, 1));
    }
    set_phase(&windows[number], DONE);
    for (unsigned i = 0; i < ROUNDS; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory[i]));
    }
}

TEST(unmapped_is_unmapped_everywhere, "readers on all CPUs never see what was mapped before")
{
    struct weft_group group;
    uint32_t cpus = weft_startup()->cpu_count;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t i = 0; i < READERS; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "reader", (uint32_t)i % cpus,
                                         WEFT_PRIORITY_DEFAULT, read_windows, (void *)i));
    }
    for (uint64_t i = 0; i < WINDOWS; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "changer", (uint32_t)(i + 1) % cpus,
                                         WEFT_PRIORITY_DEFAULT, change_window, (void *)i));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_EQUAL(0, weft_load_acquire(&stale));
}

/* ---- a crowd --------------------------------------------------------------------------------- */

#define CROWD 12
#define CROWD_ROUNDS 10

static uint64_t crowd_memory;

static void map_and_unmap(void *argument)
{
    uint64_t address = address_of(WINDOWS + (unsigned)(uint64_t)argument);
    for (unsigned i = 0; i < CROWD_ROUNDS; i++) {
        EXPECT_STATUS(STATUS_OK,
                      weft_memory_map(HANDLE_SELF, crowd_memory, address, 0, 1, RIGHT_READ));
        EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, address, 1));
    }
}

/* How many walks that took is seen in the trace: test_batching.py. */
TEST(a_crowd_unmaps_at_once, "threads that unmap at the same time all get there")
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &crowd_memory));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t i = 0; i < CROWD; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "crowd", (uint32_t)i % weft_startup()->cpu_count,
                                         WEFT_PRIORITY_DEFAULT, map_and_unmap, (void *)i));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(crowd_memory));
}

KTAP_MAIN
