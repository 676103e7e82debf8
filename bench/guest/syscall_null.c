/* SPDX-License-Identifier: Apache-2.0
 *
 * syscall.null: what does the way into the kernel and back cost?
 *
 * Timed: one `null` system call, from before its stub to after it, on CPU 0; one operation, hot (the
 * same call in a loop). Not measured: anything that a real call does besides, cold caches, a kernel
 * that is entered from another address space.
 */
#include "bench.h"

static void loop_null(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_null();
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static void syscall_null(void)
{
    struct bench_loop loop = {0};
    bench_measure(&loop, "syscall.null", 0, bench_options.samples, loop_null);
    bench_correct(&loop, 1);
    bench_report("syscall.null", &loop, "\"cpu\":0");
}
BENCHMARK("syscall.null", syscall_null);
