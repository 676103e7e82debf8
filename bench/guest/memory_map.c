/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.map_unmap: what does it cost to map pages and to take them away again?
 *
 * Timed: memory_map of one page, or of MANY_PAGES, into the caller's own process, a write to the first,
 * memory_unmap; on CPU 0, hot. No other CPU runs a thread of the process, so none has anything to forget;
 * but each is asked whether it has. Not measured: a page that no table leads to yet (the first round makes
 * the tables), zeroing (the memory object exists before).
 *
 * memory.shootdown: what does unmapping cost when several CPUs use the address space?
 *
 * Timed: memory_unmap of one page that has just been written, while a thread of the process spins on 0, 1, 3,
 * ... other CPUs, up to all (parameter `cpus`: with the measuring one): each must have forgotten the
 * translation before the call returns. Not measured: mapping it, other CPUs that are busy for other
 * processes (the rest is idle). There is no call that changes the rights of a mapping: it is unmapped and
 * mapped anew.
 */
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define MANY_PAGES 64

/* Behind what bench_shared() maps. */
#define WINDOW (WEFT_FREE_BASE + (BENCH_SHARED_PAGES + 1) * WEFT_PAGE_SIZE)

static uint64_t pages; /* in the window */

static void map_window(struct bench_loop *loop)
{
    loop->failed |= (uint64_t)weft_memory_map(HANDLE_SELF, loop->handles[0], WINDOW, 0, pages,
                                              RIGHT_READ | RIGHT_WRITE);
    if (loop->failed == 0) {
        *(volatile uint64_t *)WINDOW = 1;
    }
}

static void loop_map_unmap(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        map_window(loop);
        status_t status = weft_memory_unmap(HANDLE_SELF, WINDOW, pages);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static void loop_shootdown(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        map_window(loop);
        uint64_t before = weft_timestamp();
        status_t status = weft_memory_unmap(HANDLE_SELF, WINDOW, pages);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static uint64_t memory(uint64_t count)
{
    uint64_t handle = 0;
    pages = count;
    if (weft_memory_create(pages, &handle) != STATUS_OK) {
        weft_fail("memory: no page is left");
    }
    return handle;
}

static void measure_map_unmap(uint64_t count)
{
    char params[48];
    struct bench_loop loop = {.handles = {memory(count)}};
    bench_measure(&loop, "memory.map", 0, bench_options.samples, loop_map_unmap);
    (void)weft_cap_delete(loop.handles[0]);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpu\":0,\"pages\":%lu", count);
    bench_report("memory.map_unmap", &loop, params);
}

static void memory_map_unmap(void)
{
    measure_map_unmap(1);
    measure_map_unmap(MANY_PAGES);
}
BENCHMARK("memory.map_unmap", memory_map_unmap);

static uint32_t spinning, ended; /* atomic: threads that spin; whether they shall end */

static void spin(void *unused)
{
    (void)unused;
    weft_fetch_add(&spinning, 1);
    while (weft_load_acquire(&ended) == 0) {
        weft_pause();
    }
}

/* With a thread of the process on each of the first `cpus` CPUs, the measuring one included. */
static void measure_shootdown(uint64_t page, uint32_t cpus)
{
    struct bench_loop loop = {.handles = {page}};
    struct weft_group group;
    char params[32];
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("memory.shootdown: no notification is left");
    }
    weft_store_release(&spinning, 0);
    weft_store_release(&ended, 0);
    for (uint32_t cpu = 1; cpu < cpus; cpu++) {
        if (weft_thread_start(&group, "spinner", cpu, WEFT_PRIORITY_DEFAULT, spin, NULL) !=
            STATUS_OK) {
            weft_fail("memory.shootdown: no thread is left");
        }
    }
    while (weft_load_acquire(&spinning) < cpus - 1) {
        weft_pause();
    }
    bench_measure(&loop, "memory.shoot", 0, bench_options.samples, loop_shootdown);
    weft_store_release(&ended, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpus\":%u", cpus);
    bench_report("memory.shootdown", &loop, params);
}

static void memory_shootdown(void)
{
    if (bench_options.cpu_count < 2) {
        return;
    }
    uint64_t page = memory(1);
    for (uint32_t cpus = 1; cpus != 0; cpus = bench_cpus_after(cpus)) {
        measure_shootdown(page, cpus);
    }
    (void)weft_cap_delete(page);
}
BENCHMARK("memory.shootdown", memory_shootdown);
