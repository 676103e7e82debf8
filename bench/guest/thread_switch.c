/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.switch: what does it cost to hand the CPU to a thread of another process?
 *
 * Timed: yield to the other process, which does nothing but yield back: two switches and two changes
 * of the address space on CPU 0. The figure is one of the two, rounded. Hot. Not measured: waking a
 * thread up, choosing among many, switching of vector registers (neither side uses them).
 *
 * That the partner really ran in between is checked: it counts its turns in shared memory.
 */
#include "bench.h"

#include "weft/atomic.h"
#include "weft/startup.h"

static void loop_yield(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_yield();
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static _Noreturn void yield_for_ever(void)
{
    struct bench_shared *shared = bench_shared();
    uint64_t turns = 0;
    for (;;) {
        weft_store64_release(&shared->turns, ++turns);
        (void)weft_yield();
    }
}
BENCH_ROLE("yielder", yield_for_ever);

static void thread_switch(void)
{
    struct bench_shared *shared = bench_shared();
    struct bench_loop loop = {0};
    struct bench_partner partner;
    struct weft_grant grants[] = {{"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0}};
    shared->turns = 0;
    bench_partner_start(&partner, "yielder", 0, grants, 1);
    while (weft_load64_acquire(&shared->turns) == 0) {
        (void)weft_yield(); /* until the partner runs */
    }
    uint64_t before = weft_load64_acquire(&shared->turns);
    bench_measure(&loop, "thread.switch", 0, bench_options.samples, loop_yield);
    uint64_t turns = weft_load64_acquire(&shared->turns) - before;
    bench_partner_end(&partner);
    if (turns < loop.total) {
        weft_fail("thread.switch: the partner had %lu turns in %lu yields", turns, loop.total);
    }
    bench_correct(&loop, 2);
    bench_report("thread.switch", &loop, "\"cpu\":0,\"switches_per_sample\":2");
}
BENCHMARK("thread.switch", thread_switch);
