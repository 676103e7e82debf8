/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests that talk to the world outside of the machine in icount mode. When all CPUs wait there, the clock jumps to
 * the next timer at once, and minutes pass while a process of the host gets ready to answer: TCP's timers would give up.
 * Somebody who never waits, on the lowest priority, lets the clock go as fast as instructions do.
 */
#pragma once

#include "weft/ktap.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define PACE_TURNS 10000

/* Each pause lets QEMU run the other CPUs; without, they would wait for a tenth of a second each time. */
static inline void pace(void *unused)
{
    volatile uint32_t turns;
    (void)unused;
    for (;;) {
        for (turns = 0; turns < PACE_TURNS; turns = turns + 1) {
        }
        weft_pause();
    }
}

/* Begins, until the program ends, where the arguments have the word `pace`. */
static inline void pace_begin(void)
{
    char word[8];
    if (weft_argument("pace", word, sizeof(word))) {
        EXPECT_STATUS(STATUS_OK, weft_thread_start(NULL, "pace", 0, 1, pace, NULL));
    }
}
