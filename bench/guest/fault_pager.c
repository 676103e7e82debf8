/* SPDX-License-Identifier: Apache-2.0
 *
 * How long does a thread wait for a page that a pager has to map?
 *
 * fault.pager.same_core: thread and pager are processes on CPU 0.
 * fault.pager.cross_core: the pager is on CPU 1.
 *
 * Timed: the store to an unmapped page, there and back: the exception, the fault as a message, the pager's
 * memory_map of the page into the other process, its answer, the store again. The page exists before and is
 * the same each time; the thread takes the mapping away between two samples. The faulting process's home,
 * where its memory is looked after, is CPU 0; so the pager on CPU 1 travels there to map. The second one needs
 * two CPUs; with one there is no figure. Not measured: finding or zeroing a page, making page tables.
 */
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"

#define HOLE (WEFT_FREE_BASE + (BENCH_SHARED_PAGES + 16) * WEFT_PAGE_SIZE)
#define PAGE_FAULT 14
#define TRY_AGAIN 0

/* How many samples it shall take stands in shared->turns. */
static _Noreturn void touch(void)
{
    struct bench_shared *shared = bench_shared();
    uint64_t total = weft_load64_acquire(&shared->turns), failed = 0;
    for (uint64_t i = 0; i < total; i++) {
        uint64_t before = weft_timestamp();
        *(volatile uint64_t *)HOLE = i + 1;
        uint64_t after = weft_timestamp();
        shared->stamps[i] = after - before;
        failed |= *(volatile uint64_t *)HOLE ^ (i + 1);
        failed |= (uint64_t)weft_memory_unmap(HANDLE_SELF, HOLE, 1);
    }
    if (failed != 0 || weft_notification_signal(weft_capability("done"), 1) != STATUS_OK) {
        weft_fail("a page is not what it should be");
    }
    for (;;) {
        (void)weft_sleep(~0ull >> 1);
    }
}
BENCH_ROLE("faulter", touch);

static _Noreturn void page(void)
{
    uint64_t faults = weft_capability("faults"), badge;
    uint64_t process = weft_capability("faulter"), memory = weft_capability("page");
    struct weft_message message = {{0}};
    for (;;) {
        if (weft_ipc_reply_receive(faults, &message, &badge) != STATUS_OK ||
            (uint32_t)message.words[0] != PAGE_FAULT || weft_page_down(message.words[1]) != HOLE ||
            weft_memory_map(process, memory, HOLE, 0, 1, RIGHT_READ | RIGHT_WRITE) != STATUS_OK) {
            weft_fail("the pager cannot serve a fault");
        }
        message.words[0] = TRY_AGAIN;
    }
}
BENCH_ROLE("pager", page);

/* The samples are taken by the partner. */
static void loop_wait(struct bench_loop *loop)
{
    uint64_t bits;
    loop->failed = (uint64_t)weft_notification_wait(loop->handles[0], 0, &bits);
}

static void start_faulter(struct bench_partner *faulter, uint64_t faults, uint64_t done)
{
    struct weft_grant grants[] = {
        {"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0},
        {"done", done, RIGHT_WRITE, 0},
    };
    struct weft_spawn spawn = {.fault_endpoint = faults, .grants = grants, .grant_count = 2};
    bench_partner_spawn(faulter, "faulter", &spawn);
}

static void start_pager(struct bench_partner *pager, uint32_t cpu, uint64_t faults,
                        uint64_t process, uint64_t memory)
{
    struct weft_grant grants[] = {
        {"faults", faults, RIGHT_READ, 0},
        {"faulter", process, RIGHT_MANAGE, 0},
        {"page", memory, RIGHT_READ | RIGHT_WRITE, 0},
    };
    bench_partner_start(pager, "pager", cpu, grants, 3);
}

static void measure(const char *name, uint32_t cpu)
{
    char params[48];
    struct bench_shared *shared = bench_shared();
    struct bench_partner faulter, pager;
    struct bench_loop loop = {.handles = {bench_notification(0)}};
    uint64_t faults = bench_endpoint(cpu), memory;
    if (weft_memory_create(1, &memory) != STATUS_OK) {
        weft_fail("%s: no page is left", name);
    }
    weft_store64_release(&shared->turns, bench_options.warmup + bench_options.samples);
    start_faulter(&faulter, faults, loop.handles[0]);
    start_pager(&pager, cpu, faults, faulter.process, memory); /* the first fault waits for it */
    bench_measure(&loop, "fault.pager", 0, bench_options.samples, loop_wait);
    bench_partner_end(&faulter);
    bench_partner_end(&pager);
    memcpy(loop.samples, shared->stamps, loop.total * sizeof(uint64_t));
    memset(shared, 0, sizeof(*shared));
    uint64_t handles[] = {faults, memory, loop.handles[0]};
    for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        (void)weft_cap_delete(handles[i]);
    }
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"client_cpu\":0,\"server_cpu\":%u", cpu);
    bench_report(name, &loop, params);
}

static void fault_pager_same_core(void)
{
    measure("fault.pager.same_core", 0);
}
BENCHMARK("fault.pager.same_core", fault_pager_same_core);

static void fault_pager_cross_core(void)
{
    if (bench_options.cpu_count >= 2) {
        measure("fault.pager.cross_core", 1);
    }
}
BENCHMARK("fault.pager.cross_core", fault_pager_cross_core);
