/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that computes: load.h says how it is used.
 */
#include "load.h"

#include "bench.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define STEPS_PER_PAUSE 100

static struct weft_group group;
static uint32_t running, ended; /* atomic: the thread runs; it shall end */

static void compute(void *unused)
{
    (void)unused;
    weft_store_release(&running, 1);
    while (weft_load_acquire(&ended) == 0) {
        for (uint32_t step = 0; step < STEPS_PER_PAUSE; step++) {
            __asm__ volatile("" : "+r"(step)); /* each step is made */
        }
        weft_pause();
    }
}

void load_start(uint32_t cpu, uint32_t priority)
{
    weft_store_release(&running, 0);
    weft_store_release(&ended, 0);
    if (weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "load", cpu, priority, compute, NULL) != STATUS_OK) {
        weft_fail("a load on CPU %u: no thread is left", cpu);
    }
    while (weft_load_acquire(&running) == 0) {
        weft_pause();
        (void)weft_yield();
    }
}

void load_end(void)
{
    weft_store_release(&ended, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
}
