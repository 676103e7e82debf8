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
    const struct weft_startup *startup = weft_startup();
    uint64_t sample = startup->user_entered - startup->kernel_entered;
    struct bench_loop loop = {.samples = &sample, .total = 1};
    uint64_t warmup = bench_options.warmup;
    bench_options.warmup = 0; /* a machine boots once */
    bench_report("boot.first_user", &loop, "\"cpu\":0");
    bench_options.warmup = warmup;
}
BENCHMARK("boot.first_user", boot_first_user);
