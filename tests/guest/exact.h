/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the kernel as it was? For tests after which nothing may be left over:
 *
 *     uint64_t first = free_pages();
 *     check_cpus();                        and whatever else the test needs once and keeps: its own
 *                                          kernel objects' pages stay with it
 *     uint64_t pages = settled_pages(first);
 *     ...
 *     check_memory(pages);                 waits until exactly so many are free again
 *     check_cpus();                        every CPU still runs threads
 */
#pragma once

#include "child.h"

#define EXACT_PATIENCE_US 20000000
#define EXACT_KEPT_MAX 100 /* less than a test keeps of what it did to warm up */
#define EXACT_SAME 4       /* equal figures in a row */

static void note_it_ran(void *argument)
{
    *(uint32_t *)argument = 1;
}

/* Every CPU still runs threads. Hangs, and so fails, where one does not. */
static unused_function void check_cpus(void)
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct weft_group group;
        uint32_t ran = 0;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "alive", cpu, WEFT_PRIORITY_DEFAULT,
                                                    note_it_ran, &ran));
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_EQUAL(1, ran);
    }
}

/* How many pages the test's own process has left. */
static unused_function uint64_t free_pages(void)
{
    struct weft_process_statistics statistics = {0};
    EXPECT_STATUS(STATUS_OK, weft_process_statistics(HANDLE_SELF, (uint64_t)&statistics));
    return statistics.pages_free;
}

/* Measures when what came before is over: `first` is what free_pages() said before there was anything
 * to wait for. What ended gives its pages back bit by bit, so the figure must have stopped changing. */
static unused_function uint64_t settled_pages(uint64_t first)
{
    uint64_t pages = 0;
    for (unsigned same = 0; same < EXACT_SAME || pages + EXACT_KEPT_MAX < first; same++) {
        uint64_t before = pages;
        weft_sleep_for(3000);
        pages = free_pages();
        if (pages != before) {
            same = 0;
        }
    }
    return pages;
}

/* Waits until exactly so many pages are free again. */
static unused_function void check_memory(uint64_t pages)
{
    uint64_t deadline = weft_deadline(EXACT_PATIENCE_US);
    while (free_pages() != pages && weft_cycles() < deadline) {
        weft_sleep_for(500);
    }
    EXPECT_EQUAL(pages, free_pages());
}
