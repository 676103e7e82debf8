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

/* No pause in here: QEMU would look for other work at each. */
static inline void pace(void *unused)
{
    (void)unused;
    for (;;) {
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
