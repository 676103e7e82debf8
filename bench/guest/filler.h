/* SPDX-License-Identifier: Apache-2.0
 *
 * For what waits for a device: a thread of the lowest priority on CPU 0 which counts its turns while all others wait. What it
 * took is subtracted from the time: so a figure contains no waiting, however long the host takes, and the CPU never idles,
 * when icount's clock would jump.
 */
#pragma once

#include <stdint.h>

#include "weft/time.h"

#define FILLER_INSTRUCTIONS 2u /* of a turn */

extern uint64_t filler_turns; /* written by the filler alone */

/* It runs from the first call on, for ever. */
void filler_start(void);

static inline uint64_t clock_without_filler(void)
{
    uint64_t turns = *(volatile uint64_t *)&filler_turns;
    return weft_timestamp() - turns * FILLER_INSTRUCTIONS;
}
