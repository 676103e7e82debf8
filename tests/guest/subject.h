/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that tests do things to: started with a capability to it, told apart by what it does.
 */
#pragma once

#include "child.h"

#include "weft/atomic.h"

struct subject {
    uint64_t handle;
    struct weft_group group;
    uint64_t argument;
    uint64_t object;   /* endpoint or notification that it waits for */
    status_t status;   /* of what it did last */
    uint32_t progress; /* atomic */
};

static unused_function _Bool subject_start(struct subject *subject, uint32_t cpu,
                                           weft_thread_function *function)
{
    return EXPECT_STATUS(STATUS_OK, weft_group_open(&subject->group)) &&
           EXPECT_STATUS(STATUS_OK, weft_thread_start_named(&subject->group, "subject", cpu,
                                                            WEFT_PRIORITY_DEFAULT, function,
                                                            subject, &subject->handle));
}

/* Its function has returned, or does soon. */
static unused_function void subject_join(struct subject *subject)
{
    weft_group_wait(&subject->group);
    weft_group_close(&subject->group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject->handle));
}

static unused_function struct weft_thread_status status_of(uint64_t thread)
{
    struct weft_thread_status status = {0};
    EXPECT_STATUS(STATUS_OK, weft_thread_status(thread, (uint64_t)&status));
    return status;
}

static unused_function void wait_until(const uint32_t *value, uint32_t wanted)
{
    while (weft_load_acquire(value) < wanted) {
        weft_sleep_for(50);
    }
}

/* Runs for a while: a loop of nothing but pauses makes the emulator's clock creep. */
static unused_function void take_time(void)
{
    for (volatile unsigned i = 0; i < 2000; i++) {
    }
    weft_pause();
}

/* What a subject may do. */

static unused_function void spin(void *argument)
{
    struct subject *subject = argument;
    while (weft_load_acquire(&subject->progress) < 1000000000) {
        weft_fetch_add(&subject->progress, 1);
        take_time();
    }
}

static unused_function void sleep_once(void *argument)
{
    struct subject *subject = argument;
    weft_store_release(&subject->progress, 1);
    subject->status = weft_sleep(~0ull >> 1);
}

static unused_function void wait_once(void *argument)
{
    struct subject *subject = argument;
    uint64_t bits;
    weft_store_release(&subject->progress, 1);
    subject->status = weft_notification_wait(subject->object, 0, &bits);
}
