/* SPDX-License-Identifier: Apache-2.0
 *
 * memory.map_unmap: what does it cost to map a page and to take it away again?
 *
 * Timed: memory_map of one page into the caller's own process, a write to it, memory_unmap; on CPU 0, hot.
 * No other CPU runs a thread of the process, so none has anything to forget. Not measured: a page that no
 * table leads to yet (the first round makes the tables), zeroing (the memory object exists before).
 *
 * memory.shootdown: what does unmapping cost when all CPUs use the address space?
 *
 * Timed: memory_unmap of one page that has just been written, while a thread of the process spins on every
 * other CPU: each must have forgotten the translation before the call returns. Not measured: mapping it,
 * CPUs that are idle or busy for other processes.
 */
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

/* Behind what bench_shared() maps. */
#define WINDOW (WEFT_FREE_BASE + (BENCH_SHARED_PAGES + 1) * WEFT_PAGE_SIZE)

static void map_window(struct bench_loop *loop)
{
    loop->failed |= (uint64_t)weft_memory_map(HANDLE_SELF, loop->handles[0], WINDOW, 0, 1,
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
        status_t status = weft_memory_unmap(HANDLE_SELF, WINDOW, 1);
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
        status_t status = weft_memory_unmap(HANDLE_SELF, WINDOW, 1);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static uint64_t memory(void)
{
    uint64_t handle = 0;
    if (weft_memory_create(1, &handle) != STATUS_OK) {
        weft_fail("memory: no page is left");
    }
    return handle;
}

static void memory_map_unmap(void)
{
    struct bench_loop loop = {.handles = {memory()}};
    bench_measure(&loop, "memory.map", 0, bench_options.samples, loop_map_unmap);
    bench_correct(&loop, 1);
    bench_report("memory.map_unmap", &loop, "\"cpu\":0,\"pages\":1");
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

static void memory_shootdown(void)
{
    struct bench_loop loop = {.handles = {memory()}};
    struct weft_group group;
    char params[32];
    if (bench_options.cpu_count < 2) {
        return;
    }
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("memory.shootdown: no notification is left");
    }
    weft_store_release(&spinning, 0);
    weft_store_release(&ended, 0);
    for (uint32_t cpu = 1; cpu < bench_options.cpu_count; cpu++) {
        if (weft_thread_start(&group, "spinner", cpu, WEFT_PRIORITY_DEFAULT, spin, NULL) !=
            STATUS_OK) {
            weft_fail("memory.shootdown: no thread is left");
        }
    }
    while (weft_load_acquire(&spinning) < bench_options.cpu_count - 1) {
        weft_pause();
    }
    bench_measure(&loop, "memory.shoot", 0, bench_options.samples, loop_shootdown);
    weft_store_release(&ended, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpus\":%u", bench_options.cpu_count);
    bench_report("memory.shootdown", &loop, params);
}
BENCHMARK("memory.shootdown", memory_shootdown);
