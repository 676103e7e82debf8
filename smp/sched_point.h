/* SPDX-License-Identifier: Apache-2.0
 *
 * SCHED_POINT(): a place where, in the test profile, the kernel pauses for a pseudo-random while.
 *
 * In QEMU's icount mode a pause gives the turn to the next CPU, so each seed (`seed=` on the kernel's
 * command line) is another interleaving of the real binary, and the same seed is the same one again.
 * Put one at each side of every hand-over. Without a seed, and in the bench profile, it is nothing.
 */
#pragma once

#include "kernel/cpu.h"

void sched_point_pause(void);

#define SCHED_POINT()                                                                              \
    do {                                                                                           \
        if (CONFIG_TEST && unlikely(percpu(random) != 0)) {                                        \
            sched_point_pause();                                                                   \
        }                                                                                          \
    } while (0)

/* Gives this CPU its own stream of numbers; 0 switches the pauses off. */
void sched_point_seed(uint64_t seed);
