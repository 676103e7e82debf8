/* SPDX-License-Identifier: Apache-2.0
 *
 * What two CPUs may do at the same moment: a capability is copied while it is deleted, a process is
 * killed while its messages are on their way. Whoever comes second gets an error or an answer;
 * nothing dead comes back to life, and everything that was killed ends.
 *
 * weft-test: cpus=4
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6
 */
#define PROGRAM "test_races"
#include "child.h"

#include "weft/atomic.h"
#include "weft/random.h"

#define COPIES 150
#define KILLS 60

static void spin(uint64_t turns)
{
    for (uint64_t i = 0; i < turns; i++) {
        weft_pause();
    }
}

/* ---- a copy against a deletion --------------------------------------------------------------- */

struct copy {
    uint64_t original;
    uint64_t pause;
    uint64_t copied; /* the new handle */
    status_t status;
    uint32_t go; /* atomic */
};

static void copy_it(void *argument)
{
    struct copy *copy = argument;
    while (!weft_load_acquire(&copy->go)) {
        weft_pause();
    }
    spin(copy->pause);
    copy->status =
        weft_cap_copy(HANDLE_SELF, copy->original, RIGHT_READ | RIGHT_WRITE, 0, &copy->copied);
}

/* One thread copies, this one deletes. True: the copy succeeded. */
static _Bool copy_against_deletion(struct copy *copy, uint32_t cpu, uint64_t pause)
{
    struct weft_group group;
    if (!EXPECT_STATUS(STATUS_OK, weft_group_open(&group)) ||
        !EXPECT_STATUS(STATUS_OK, weft_thread_start(&group, "copier", cpu, WEFT_PRIORITY_DEFAULT,
                                                    copy_it, copy))) {
        return 0;
    }
    weft_store_release(&copy->go, 1);
    spin(pause);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(copy->original));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(copy->status == STATUS_OK || copy->status == STATUS_BAD_HANDLE);
    return copy->status == STATUS_OK;
}

static void answer_once(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_receive(*(uint64_t *)argument, &message, &badge));
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply(&message, NULL));
}

TEST(an_endpoint_is_copied_or_gone, "a copy that succeeds while the original goes can be used")
{
    if (cpu_count() < 4) {
        SKIP("needs 4 CPUs");
    }
    struct weft_random random = {1};
    for (unsigned i = 0; i < COPIES; i++) {
        struct copy copy = {.pause = weft_random_below(&random, 30)};
        struct weft_group group;
        struct weft_message message = {{0}};
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(i % cpu_count(), &copy.original));
        if (!copy_against_deletion(&copy, i % 3 + 1, weft_random_below(&random, 30))) {
            continue;
        }
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "server", 0, WEFT_PRIORITY_DEFAULT,
                                                    answer_once, &copy.copied));
        EXPECT_STATUS(STATUS_OK, weft_ipc_call(copy.copied, &message));
        weft_group_wait(&group);
        weft_group_close(&group);
        REQUIRE_STATUS(STATUS_OK, weft_cap_delete(copy.copied));
    }
}

TEST(a_notification_is_copied_or_gone, "the same, with an object that dies with its last handle")
{
    if (cpu_count() < 4) {
        SKIP("needs 4 CPUs");
    }
    struct weft_random random = {2};
    uint64_t bits, other[4];
    for (unsigned i = 0; i < COPIES; i++) {
        struct copy copy = {.pause = weft_random_below(&random, 30)};
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(i % cpu_count(), &copy.original));
        if (!copy_against_deletion(&copy, i % 3 + 1, weft_random_below(&random, 30))) {
            continue;
        }
        for (unsigned n = 0; n < 4; n++) { /* they take the memory of what has died */
            REQUIRE_STATUS(STATUS_OK, weft_notification_create(i % cpu_count(), &other[n]));
        }
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(copy.copied, 4));
        EXPECT_STATUS(STATUS_OK, weft_notification_wait(copy.copied, 0, &bits));
        EXPECT_EQUAL(4, bits);
        for (unsigned n = 0; n < 4; n++) {
            REQUIRE_STATUS(STATUS_OK, weft_cap_delete(other[n]));
        }
        REQUIRE_STATUS(STATUS_OK, weft_cap_delete(copy.copied));
    }
}

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
    if (cpu_count() < 4) {
        SKIP("needs 4 CPUs");
    }
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
