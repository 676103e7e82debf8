/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's trace, read in the guest while it is written: all events, in order, of all CPUs; and what a reader may
 * not do.
 *
 * weft-test: cpus=1,4 append="trace_ring=65536"
 * weft-test: cpus=1,4 accel=icount append="trace_ring=65536"
 */
#include "weft/annotate.h"
#include "weft/atomic.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/time.h"
#include "weft/trace.h"

#define NAME 7u
#define MARKS 1000u
#define FLOOD 1000u

static struct weft_trace trace;
static struct weft_trace_walk walk;
static uint32_t stop; /* atomic */

TEST(a_reader_needs_the_right, "the rings are there, and can be mapped for reading alone")
{
    uint64_t memory = weft_capability("trace");
    REQUIRE(memory != 0);
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_map(HANDLE_SELF, memory, WEFT_FREE_BASE, 0, 1,
                                                   RIGHT_READ | RIGHT_WRITE));
    REQUIRE_STATUS(STATUS_OK, weft_trace_open(&trace, WEFT_FREE_BASE));
    EXPECT_EQUAL(weft_startup()->cpu_count, trace.cpus);
}

/* This process's marks from the moment on, which are numbered from 0; how many came in order. */
static uint32_t count_marks(uint32_t cpu, uint64_t since)
{
    struct weft_trace_event event;
    uint64_t last = 0;
    uint32_t marks = 0;
    weft_trace_begin(&trace, &walk, cpu, WEFT_TRACE_EVENTS, since);
    while (weft_trace_next(&walk, &event)) {
        EXPECT(event.time >= last && event.time <= walk.now);
        last = event.time;
        if (event.time >= since && event.id == TRACE_EVENT_USER_INSTANT && event.a == NAME) {
            marks += event.b == marks;
        }
    }
    return marks;
}

TEST(nothing_is_missed, "a thousand marks are read as they were made, each once")
{
    uint32_t cpu = weft_startup()->cpu;
    uint64_t since = weft_cycles();
    for (uint32_t i = 0; i < MARKS; i++) {
        weft_annotate_instant(NAME, i);
    }
    weft_sleep_for(2 * WEFT_TRACE_SETTLED); /* so that the last one is old enough */
    EXPECT_EQUAL(MARKS, count_marks(cpu, since));
    EXPECT_EQUAL(0, walk.lost);
}

static void flood(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; weft_load_acquire(&stop) == 0; i++) {
        weft_annotate_instant(NAME + 1, i);
    }
}

/* One walk through a ring that is overwritten all the while: numbers go up, and where one is missing, pages are. */
static _Bool walk_is_sound(uint32_t cpu, uint64_t *seen)
{
    struct weft_trace_event event;
    uint64_t last_time = 0;
    uint32_t last = 0, lost = 0;
    _Bool any = 0, sound = 1;
    weft_trace_begin(&trace, &walk, cpu, WEFT_TRACE_EVENTS, 0);
    while (weft_trace_next(&walk, &event)) {
        sound &= event.time >= last_time && event.id > TRACE_EVENT_PAGE;
        last_time = event.time;
        if (event.id == TRACE_EVENT_USER_INSTANT && event.a == NAME + 1) {
            sound &= !any || event.b == last + 1 || (event.b > last && walk.lost > lost);
            last = event.b;
            lost = walk.lost;
            any = 1;
            (*seen)++;
        }
    }
    return sound;
}

TEST(a_flood_is_read_without_a_fault,
     "where the writer is faster, whole pages are lost, and it is said")
{
    struct weft_group group;
    uint64_t seen = 0, end = weft_deadline(300000);
    uint32_t cpu = trace.cpus - 1;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK,
                   weft_thread_start(&group, "flood", cpu, WEFT_PRIORITY_DEFAULT - 1, flood, NULL));
    while (weft_cycles() < end && EXPECT(walk_is_sound(cpu, &seen))) {
        weft_sleep_for(100);
    }
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(seen > FLOOD);
    ktap_note("%lu events read", seen);
}

/* The name of a thread as the kernel has recorded it, by the first four characters. */
static _Bool life_knows(uint32_t characters)
{
    struct weft_trace_event event;
    _Bool known = 0;
    for (uint32_t cpu = 0; cpu < trace.cpus; cpu++) {
        weft_trace_begin(&trace, &walk, cpu, WEFT_TRACE_LIFE, 0);
        while (weft_trace_next(&walk, &event)) {
            known |= event.id == TRACE_EVENT_NAME && event.b == characters &&
                     event.small == TRACE_NAME_KIND_THREAD << 4;
        }
    }
    return known;
}

TEST(names_are_there, "threads are called in the trace as they were called when they began")
{
    EXPECT(life_knows('f' | 'l' << 8 | 'o' << 16 | (uint32_t)'o' << 24));
    EXPECT(!life_knows('f' | 'l' << 8 | 'o' << 16 | (uint32_t)'p' << 24));
}

KTAP_MAIN
