/* SPDX-License-Identifier: Apache-2.0
 *
 * Several measuring threads at the same time; crew.h says how they are used. Their samples lie in memory
 * that is mapped, and touched, before they begin.
 */
#include "crew.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"

#define ROOM_BASE (WEFT_FREE_BASE + (WEFT_FREE_TOP - WEFT_FREE_BASE) / 2)

static struct {
    const char *name;
    uint32_t count;
    uint64_t samples; /* of each, without the warm-up */
    uint64_t *all;    /* room for those of all, behind one warm-up */
    uint64_t pages;
    bench_loop_function *function;
    struct crew_member members[CREW_MAX];
} crew;

static uint32_t arrived,
    finished; /* atomic: members that are ready to begin; that have their samples */

static uint64_t *open_room(uint64_t words)
{
    crew.pages = (words * sizeof(uint64_t) + WEFT_PAGE_SIZE - 1) / WEFT_PAGE_SIZE;
    uint64_t memory;
    if (weft_memory_create(crew.pages, &memory) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, memory, ROOM_BASE, 0, crew.pages, RIGHT_READ | RIGHT_WRITE) !=
            STATUS_OK ||
        weft_cap_delete(memory) != STATUS_OK) {
        weft_fail("%s: no memory for %lu samples", crew.name, words);
    }
    memset((void *)ROOM_BASE, 0, words * sizeof(uint64_t));
    return (uint64_t *)ROOM_BASE;
}

void crew_open(const char *name, uint32_t count, uint64_t samples)
{
    uint64_t total = bench_options.warmup + samples;
    if (count > CREW_MAX) {
        weft_fail("%s: a crew of %u", name, count);
    }
    crew.name = name;
    crew.count = count;
    crew.samples = samples;
    uint64_t *room = open_room(2 * count * total);
    crew.all = room + count * total;
    for (uint32_t i = 0; i < count; i++) {
        crew.members[i] =
            (struct crew_member){.loop = {.samples = room + i * total, .total = total}};
    }
}

struct crew_member *crew_member(uint32_t number)
{
    return &crew.members[number];
}

void crew_close(void)
{
    if (weft_memory_unmap(HANDLE_SELF, ROOM_BASE, crew.pages) != STATUS_OK) {
        weft_fail("%s: the memory for samples cannot be given back", crew.name);
    }
}

void crew_begin(void)
{
    weft_fetch_add(&arrived, 1);
    while (weft_load_acquire(&arrived) < crew.count) {
        weft_pause();
    }
}

void crew_finish(void)
{
    weft_fetch_add(&finished, 1);
}

_Bool crew_working(void)
{
    return weft_load_acquire(&finished) < crew.count;
}

static void run_member(void *member)
{
    crew.function(&((struct crew_member *)member)->loop);
}

void crew_measure(bench_loop_function *function)
{
    struct weft_group group;
    crew.function = function;
    weft_store_release(&arrived, 0);
    weft_store_release(&finished, 0);
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("%s: no notification for the threads", crew.name);
    }
    for (uint32_t i = 0; i < crew.count; i++) {
        struct crew_member *member = &crew.members[i];
        if (weft_thread_start_id(&group, crew.name, member->cpu, WEFT_PRIORITY_DEFAULT, run_member,
                                 member, &member->loop.thread_id) != STATUS_OK) {
            weft_fail("%s: no thread on CPU %u", crew.name, member->cpu);
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < crew.count; i++) {
        if (crew.members[i].loop.failed != 0) {
            weft_fail("%s: a system call in the loop failed", crew.name);
        }
    }
}

void crew_report(const char *name, uint64_t operations, const char *params)
{
    uint64_t warmup = bench_options.warmup;
    struct bench_loop joint = {
        .samples = crew.all,
        .total = warmup + crew.count * crew.samples,
        .thread_id = crew.members[0].loop.thread_id,
    };
    for (uint32_t i = 0; i < crew.count; i++) {
        memcpy(crew.all + warmup + i * crew.samples, crew.members[i].loop.samples + warmup,
               crew.samples * sizeof(uint64_t));
    }
    bench_correct(&joint, operations);
    bench_report(name, &joint, params);
}
