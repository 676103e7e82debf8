/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: the clock counts cycles of the time stamp counter, weft_startup()->clock_hz per second, the
 * same on all CPUs.
 */
#pragma once

#include "weft/startup.h"
#include "weft/syscalls.h"

static inline uint64_t weft_microseconds(uint64_t microseconds)
{
    return weft_startup()->clock_hz / 1000 * microseconds / 1000;
}

/* The clock's value in so many microseconds from now. */
static inline uint64_t weft_deadline(uint64_t microseconds)
{
    return weft_cycles() + weft_microseconds(microseconds);
}

static inline void weft_sleep_for(uint64_t microseconds)
{
    (void)weft_sleep(weft_deadline(microseconds));
}
