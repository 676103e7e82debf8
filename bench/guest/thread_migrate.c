/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.migrate: how long is a thread away that moves to another CPU?
 *
 * Timed: one way, thread_migrate from before its stub on one CPU to after it on the other, by turns from CPU
 * 0 to CPU 1 and back. Both CPUs have nothing else to do; the one it comes to has been idle since it left.
 * Needs two CPUs; with one there is no figure. Not measured: cold caches, vector registers, a busy CPU,
 * moving another thread than oneself (thread_affinity).
 */
#include "bench.h"

#include "weft/startup.h"

static void loop_migrate(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_thread_migrate((i + 1) % 2);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status | (after < before);
    }
}

static void thread_migrate(void)
{
    struct bench_loop loop = {0};
    if (bench_options.cpu_count < 2) {
        return;
    }
    bench_measure(&loop, "thread.migrate", 0, bench_options.samples, loop_migrate);
    bench_correct(&loop, 1);
    bench_report("thread.migrate", &loop, "\"cpus\":2");
}
BENCHMARK("thread.migrate", thread_migrate);
