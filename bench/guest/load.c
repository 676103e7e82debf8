/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that compute: load.h says how they are used.
 */
#include "load.h"

#include "bench.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/time.h"

#define STEPS_PER_PAUSE 100u
#define INSTRUCTIONS_PER_STEP 3u
#define SETTLE_MICROSECONDS 200

static struct weft_group group;
static uint32_t started;        /* threads */
static uint32_t running, ended; /* atomic: how many run; they shall end */

static void compute_up_to_pause(void)
{
    for (uint32_t step = 0; step < STEPS_PER_PAUSE; step++) {
        __asm__ volatile("" : "+r"(step)); /* each step is made */
    }
    weft_pause();
}

void load_work(uint64_t instructions)
{
    for (uint64_t done = 0; done < instructions; done += STEPS_PER_PAUSE * INSTRUCTIONS_PER_STEP) {
        compute_up_to_pause();
    }
}

static void compute(void *unused)
{
    (void)unused;
    weft_fetch_add(&running, 1);
    while (weft_load_acquire(&ended) == 0) {
        compute_up_to_pause();
    }
}

void load_start(uint32_t cpu, uint32_t priority)
{
    if ((started == 0 && weft_group_open(&group) != STATUS_OK) ||
        weft_thread_start(&group, "load", cpu, priority, compute, NULL) != STATUS_OK) {
        weft_fail("a load on CPU %u: no thread is left", cpu);
    }
    started++;
    while (weft_load_acquire(&running) < started) {
        weft_sleep_for(SETTLE_MICROSECONDS); /* it may be less urgent, and on this CPU */
    }
}

void load_end(void)
{
    if (started == 0) {
        return;
    }
    weft_store_release(&ended, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    started = 0;
    weft_store_release(&running, 0);
    weft_store_release(&ended, 0);
    load_settle();
}

void load_set_priority(uint32_t priority, uint32_t weight)
{
    if (weft_thread_schedule(0, priority | (uint64_t)weight << 8, 0, 0, 0) != STATUS_OK) {
        weft_fail("a priority of %u cannot be set", priority);
    }
}

void load_settle(void)
{
    weft_sleep_for(SETTLE_MICROSECONDS);
}
