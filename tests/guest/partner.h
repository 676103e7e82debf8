/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of messages: a partner thread, objects on a CPU, and all placements of the two.
 */
#pragma once

#include "weft/ktap.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#include "weft/atomic.h"

#define ROUNDS 20

static __attribute__((unused)) uint32_t cpu_count(void)
{
    return weft_startup()->cpu_count;
}

/* One partner thread, and where it finds what it needs. */
struct partner {
    uint64_t endpoint;
    uint64_t other; /* a notification, or a reply capability */
    uint64_t count;
    uint64_t sum;
    status_t status;
    uint32_t ready; /* atomic */
    struct weft_group group;
};

static __attribute__((unused)) void partner_start(struct partner *partner, uint32_t cpu,
                                                  weft_thread_function *work)
{
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&partner->group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&partner->group, "partner", cpu,
                                                WEFT_PRIORITY_DEFAULT, work, partner));
}

static __attribute__((unused)) void partner_end(struct partner *partner)
{
    weft_group_wait(&partner->group);
    weft_group_close(&partner->group);
}

static __attribute__((unused)) uint64_t endpoint_on(uint32_t cpu)
{
    uint64_t handle = 0;
    EXPECT_STATUS(STATUS_OK, weft_endpoint_create(cpu, &handle));
    return handle;
}

static __attribute__((unused)) uint64_t notification_on(uint32_t cpu)
{
    uint64_t handle = 0;
    EXPECT_STATUS(STATUS_OK, weft_notification_create(cpu, &handle));
    return handle;
}

/* Runs a test for all placements of the partner and the object on up to three CPUs. */
static __attribute__((unused)) void everywhere(void (*test)(uint32_t partner, uint32_t object))
{
    uint32_t cpus = cpu_count() < 3 ? cpu_count() : 3;
    for (uint32_t place = 0; place < cpus * cpus; place++) {
        test(place / cpus, place % cpus);
    }
}
