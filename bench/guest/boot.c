/* SPDX-License-Identifier: Apache-2.0
 *
 * boot.first_user: how long does the machine take from the kernel's entry to the first program?
 *
 * Timed: from CPU 0's first instruction of C in the kernel to init's: page tables, the clock's calibration, the
 * start of all other CPUs, the first process. Once per boot. Not measured: the loader, the few instructions of
 * assembly before C, what init does (it reads the boot image and starts this program).
 */
#include "bench.h"

#include "weft/startup.h"

static void boot_first_user(void)
{
    static uint64_t samples[BENCH_SAMPLES_MAX];
    const struct weft_startup *startup = weft_startup();
    struct bench_loop loop = {.samples = samples, .total = bench_options.warmup + 1};
    samples[bench_options.warmup] = startup->user_entered - startup->kernel_entered;
    bench_report("boot.first_user", &loop, "\"cpu\":0");
}
BENCHMARK("boot.first_user", boot_first_user);
