/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that a kernel may stumble over, for tests that pass anything to it.
 */
#pragma once

#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/random.h"

#define KERNEL_IMAGE 0xffffffff80200000ull
#define KERNEL_MEMORY 0xffff800000000000ull
#define NOT_CANONICAL 0x0000900000000000ull

/* A small number, one with any number of bits, or one from the edges of something. */
static uint64_t nasty_value(struct weft_random *random)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      63,
                                      127,
                                      128,
                                      4095,
                                      4096,
                                      WEFT_PRIORITY_DEFAULT << 16,
                                      STARTUP_ADDRESS,
                                      WEFT_PROGRAM_BASE,
                                      WEFT_FREE_BASE,
                                      USER_TOP - 4096,
                                      USER_TOP,
                                      KERNEL_MEMORY,
                                      KERNEL_IMAGE,
                                      NOT_CANONICAL,
                                      1ull << 31,
                                      1ull << 32,
                                      1ull << 63,
                                      ~0ull};
    uint64_t kind = weft_random_below(random, 4);
    if (kind == 0) {
        return weft_random_below(random, 16);
    }
    if (kind == 1) {
        return weft_random_next(random) >> weft_random_below(random, 64);
    }
    return values[weft_random_below(random, sizeof(values) / sizeof(values[0]))];
}
