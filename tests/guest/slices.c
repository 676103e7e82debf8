/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a time slice is: measured where time is counted in instructions, so that no other load on
 * the host counts.
 *
 * weft-test: cpus=1,2 accel=icount
 * weft-test: cpus=2 accel=icount append="timeslice_us=1000"
 */
#define PROGRAM "test_slices"
#include "child.h"

#define PAUSES 6
#define PRIORITY 10
#define SLICE_DEFAULT 10000 /* microseconds */

struct sharer {
    uint64_t shortest; /* pause in which the other one ran */
    uint64_t at_least; /* what is shorter is no pause */
};

static void spin_for_pauses(void *argument)
{
    struct sharer *sharer = argument;
    uint64_t now = weft_cycles(), end = now + 8 * PAUSES * sharer->at_least;
    for (unsigned pauses = 0; pauses < PAUSES && now < end;) {
        uint64_t last = now;
        now = weft_cycles();
        if (now - last > sharer->at_least) {
            pauses++;
            sharer->shortest = now - last < sharer->shortest ? now - last : sharer->shortest;
        }
    }
}

TEST(a_slice_is_as_long_as_it_was_set, "of two spinners each runs for one slice, not for two")
{
    uint64_t slice = weft_microseconds(weft_argument_number("timeslice_us", SLICE_DEFAULT));
    struct sharer sharers[2] = {{~0ull, slice / 2}, {~0ull, slice / 2}};
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "sharer", other_cpu(), PRIORITY,
                                                    spin_for_pauses, &sharers[i]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(sharers[0].shortest < slice * 3 / 2 || sharers[1].shortest < slice * 3 / 2);
}

KTAP_MAIN
