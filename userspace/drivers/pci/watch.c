/* SPDX-License-Identifier: Apache-2.0
 *
 * How the bus server learns that a driver is dead, whatever killed it, without anybody's help.
 *
 * A driver claims with an endpoint of its own on which it never receives: its lifeline. A thread here calls it
 * and waits for the answer that never comes. When the driver ends, the last capability to receive there goes
 * with it, and the kernel gives the call STATUS_DEAD: at once, and for certain. A driver that deletes the
 * endpoint has let its device go; one that hands the endpoint on, or answers, harms only itself.
 */
#include "bus.h"

#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

struct watch {
    uint64_t lifeline; /* 0: this watch is free */
    uint64_t bit;
};

static struct watch watches[WATCHES_MAX];
static uint64_t gone;

void watch_open(uint64_t the_gone)
{
    gone = the_gone;
}

static void watch_run(void *argument)
{
    struct watch *watch = argument;
    struct weft_message message = {{0}};

    (void)weft_ipc_call(watch->lifeline, &message);
    (void)weft_notification_signal(gone, watch->bit);
}

uint32_t watch_start(uint64_t lifeline)
{
    for (uint32_t i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &watches[i];
        if (watch->lifeline == 0) {
            *watch = (struct watch){.lifeline = lifeline, .bit = 1ull << i};
            if (weft_thread_start(NULL, "watch", weft_startup()->cpu, WEFT_PRIORITY_DEFAULT,
                                  watch_run, watch) != STATUS_OK) {
                watch->lifeline = 0;
                return NOBODY;
            }
            return i;
        }
    }
    return NOBODY;
}

void watch_finished(uint32_t watch)
{
    (void)weft_cap_delete(watches[watch].lifeline);
    watches[watch].lifeline = 0;
}
