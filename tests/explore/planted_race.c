/* SPDX-License-Identifier: Apache-2.0
 *
 * A race on purpose, for the test of `weft explore`: two threads on two CPUs add to a shared counter by
 * loading, computing and storing, with a system call in between. Where the other thread's store falls
 * between one's load and store, it is lost.
 *
 * Both meet once per run, after a number of system calls that takes them far apart unless the kernel's
 * pauses bring them together: so most interleavings lose nothing, and without a seed none is lost.
 * Ends with status 0 where both updates are there and with 1 where one is lost.
 */
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define HEAD_START 8 /* system calls by which the first thread is ahead */
#define ADDERS 2

struct adder {
    uint64_t elsewhere; /* notification of the other CPU, to have something to do in the kernel */
    unsigned errands;   /* system calls before the update */
};

static uint32_t counter; /* atomic, but its updates are not: that is the race */
static uint32_t begun;   /* atomic */

static void errand(const struct adder *adder)
{
    if (weft_notification_signal(adder->elsewhere, 1) != STATUS_OK) {
        weft_fail("cannot signal");
    }
}

static void add(void *argument)
{
    const struct adder *adder = argument;
    weft_fetch_add(&begun, 1);
    while (weft_load_acquire(&begun) < ADDERS) {
        weft_pause();
    }
    for (unsigned i = 0; i < adder->errands; i++) {
        errand(adder);
    }
    uint32_t value = weft_load_acquire(&counter);
    errand(adder); /* the window: whatever the other one stores meanwhile is lost */
    weft_store_release(&counter, value + 1);
}

int main(void)
{
    struct adder adders[ADDERS];
    struct weft_group group;
    if (weft_startup()->cpu_count < ADDERS) {
        weft_fail("needs two CPUs");
    }
    if (weft_group_open(&group) != STATUS_OK) {
        weft_fail("no group");
    }
    for (uint32_t cpu = 0; cpu < ADDERS; cpu++) {
        adders[cpu].errands = cpu == 0 ? 0 : HEAD_START;
        if (weft_notification_create(1 - cpu, &adders[cpu].elsewhere) != STATUS_OK ||
            weft_thread_start(&group, "adder", cpu, WEFT_PRIORITY_DEFAULT, add, &adders[cpu]) !=
                STATUS_OK) {
            weft_fail("cannot start an adder");
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    weft_print("counter is %u of %u\n", counter, ADDERS);
    return counter == ADDERS ? 0 : 1;
}
