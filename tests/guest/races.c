/* SPDX-License-Identifier: Apache-2.0
 *
 * What two CPUs may do at the same moment: a process is killed while its messages are on their way.
 * Everything that was killed ends.
 *
 * weft-test: cpus=4
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6
 */
#define PROGRAM "test_races"
#include "child.h"

#include "weft/random.h"

#define KILLS 60

/* ---- a kill against messages ----------------------------------------------------------------- */

static uint64_t busy_endpoint;

static void serve(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    (void)argument;
    while (weft_ipc_reply_receive(busy_endpoint, &message, &badge) == STATUS_OK) {
    }
}

/* Whoever comes back from a call that was ended from outside must not run on. */
static void call_on(void *argument)
{
    struct weft_message message = {{0}};
    (void)argument;
    while (weft_ipc_call(busy_endpoint, &message) == STATUS_OK) {
    }
    for (;;) {
        weft_sleep_for(1000000);
    }
}

/* Servers and clients live together, their endpoint on another CPU. */
static int role_talks_to_itself(uint64_t value)
{
    uint32_t here = 1 + value % 3;
    if (weft_endpoint_create(1 + (value + 1) % 3, &busy_endpoint) != STATUS_OK ||
        weft_thread_start(NULL, "server", here, WEFT_PRIORITY_DEFAULT, serve, NULL) != STATUS_OK ||
        weft_thread_start(NULL, "client", here, WEFT_PRIORITY_DEFAULT, call_on, NULL) !=
            STATUS_OK) {
        return 1;
    }
    call_on(NULL);
    return 2;
}

TEST(everybody_killed_ends, "a process is killed while its messages travel: no thread is left over")
{
    struct weft_random random = {3};
    for (unsigned i = 0; i < KILLS; i++) {
        struct child child;
        struct child_options options = {.value = i};
        REQUIRE(child_start_with(&child, "talks_to_itself", 1 + i % 3, NULL, 0, &options));
        weft_sleep_for(200 + weft_random_below(&random, 200));
        child_kill(&child);
    }
}

static const struct role roles[] = {{"talks_to_itself", role_talks_to_itself}};
ROLES_MAIN(roles)
