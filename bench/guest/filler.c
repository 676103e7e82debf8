/* SPDX-License-Identifier: Apache-2.0
 *
 * The filler; filler.h says what it is for.
 */
#include "filler.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define FILLER_PRIORITY 8

uint64_t filler_turns;

static void run_filler(void *unused)
{
    (void)unused;
    for (;;) {
        __asm__ volatile("1: incq %0\n\tjmp 1b" : "+m"(filler_turns));
    }
}

void filler_start(void)
{
    static _Bool started;
    if (!started &&
        weft_thread_start(NULL, "filler", 0, FILLER_PRIORITY, run_filler, NULL) != STATUS_OK) {
        weft_fail("there is no filler");
    }
    started = 1;
}
