/* SPDX-License-Identifier: Apache-2.0
 *
 * The pauses at schedule points: xorshift64* (Vigna, 2014), one generator per CPU.
 */
#include "smp/sched_point.h"

#include "kernel/arch.h"

#define MULTIPLIER 0x2545f4914f6cdd1dull

void sched_point_seed(uint64_t seed)
{
    percpu(random) = seed == 0 ? 0 : (seed * MULTIPLIER) ^ (percpu(id) + 1ull);
}

void sched_point_pause(void)
{
    uint64_t x = percpu(random);
    unsigned turns;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    percpu(random) = x;
    turns = (unsigned)((x * MULTIPLIER) >> 61); /* 0 .. 7; none in half of the cases */
    for (; turns > 3; turns--) {
        arch_pause();
    }
}
