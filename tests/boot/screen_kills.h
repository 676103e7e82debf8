/* SPDX-License-Identifier: Apache-2.0
 *
 * What display_kills.c and compositor_kills.c have in common: threads that go on drawing while a service dies, `kills=N`
 * times, and how long it takes to come back.
 */
#pragma once

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/thread.h"
#include "weft/time.h"

#define KILLS 8u /* where the command line does not say it */
#define KILLS_MAX 1000u

static uint32_t stop; /* atomic */

struct deaths {
    const char *name;
    uint64_t count;
    uint64_t
        times[KILLS_MAX]; /* microseconds from the end to the first answer of the next instance */
};

static inline uint64_t kills_wanted(void)
{
    uint64_t kills = weft_argument_number("kills", KILLS);
    if (kills == 0 || kills > KILLS_MAX) {
        weft_fail("kills must be 1 to %u", KILLS_MAX);
    }
    return kills;
}

static inline void kills_start(struct weft_group *group, void (*draw)(void *))
{
    static uint32_t count;
    uint32_t cpu = ++count % weft_startup()->cpu_count;
    if (weft_thread_start(group, "painter", cpu, WEFT_PRIORITY_DEFAULT, draw, NULL) != STATUS_OK) {
        weft_fail("no thread");
    }
}

/* Until who counts these turns has begun and ended one: what dies next has had a call of it. */
static inline void kills_let_draw(const uint32_t *turns)
{
    uint32_t before = weft_load_acquire(turns);
    while (weft_load_acquire(turns) - before < 2) {
        weft_sleep_for(100);
    }
}

static inline void kills_one(struct deaths *deaths)
{
    struct weft_service_info before, after;
    if (weft_supervisor_find(deaths->name, &before) != STATUS_OK ||
        weft_supervisor_kill(deaths->name) != STATUS_OK) {
        weft_fail("%s cannot be killed", deaths->name);
    }
    do {
        weft_sleep_for(100);
    } while (weft_supervisor_find(deaths->name, &after) != STATUS_OK ||
             after.instance == before.instance || after.answered_at == 0);
    deaths->times[deaths->count++] = (after.answered_at - after.failed_at) / weft_microseconds(1);
}

static inline void kills_tell(struct deaths *deaths)
{
    uint64_t *times = deaths->times;
    for (uint64_t i = 1; i < deaths->count; i++) {
        uint64_t value = times[i], j = i;
        for (; j > 0 && times[j - 1] > value; j--) {
            times[j] = times[j - 1];
        }
        times[j] = value;
    }
    weft_print("@weft {\"record\":\"restart\",\"service\":\"%s\",\"kills\":%lu,\"median_us\":%lu,"
               "\"max_us\":%lu}\n",
               deaths->name, deaths->count, times[deaths->count / 2], times[deaths->count - 1]);
}
