/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps every other CPU in user mode for ever, in a loop without system calls; the rest have nothing to
 * do and halt. For tests that reach CPUs from outside. Says `spinning` when all have begun.
 */
#include "weft/arch.h"
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

static uint32_t begun;

static void spin(void *argument)
{
    (void)argument;
    weft_fetch_add(&begun, 1);
    for (;;) {
        weft_pause();
    }
}

int main(void)
{
    uint32_t count = weft_startup()->cpu_count;

    for (uint32_t cpu = 1; cpu < count; cpu += 2) {
        if (weft_thread_start(NULL, "spinner", cpu, WEFT_PRIORITY_DEFAULT, spin, NULL) !=
            STATUS_OK) {
            weft_fail("cannot start a spinner on CPU %u", cpu);
        }
    }
    while (weft_load_acquire(&begun) < count / 2) {
        weft_sleep_for(1000);
    }
    weft_print("spinning\n");
    for (;;) {
        weft_sleep_for(100000000);
    }
}
