/* SPDX-License-Identifier: Apache-2.0
 *
 * Pseudo-random numbers (the splitmix64 sequence): the same seed gives the same numbers, which is
 * what tests and benchmarks want. Not for secrets. One generator per thread.
 */
#pragma once

#include <stdint.h>

struct weft_random {
    uint64_t state; /* any seed */
};

static inline uint64_t weft_random_next(struct weft_random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15ull;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    return mixed ^ (mixed >> 31);
}

/* 0 .. limit - 1; limit > 0. Slightly uneven for huge limits. */
static inline uint64_t weft_random_below(struct weft_random *random, uint64_t limit)
{
    return weft_random_next(random) % limit;
}
