/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to threads while these are under way: several CPUs suspend, resume, move and kill threads that
 * call, are served, sleep and wait at the same time. Nobody is lost, and nobody waits for ever.
 *
 * weft-test: cpus=4
 * weft-test: cpus=4 accel=icount seed=1,2,3,4,5,6
 */
#define PROGRAM "test_thread_races"
#include "subject.h"

#include "weft/random.h"

#define SUBJECTS 3
#define COMMANDERS 3
#define ORDERS 12
#define KILLS 6
#define LAST 99 /* the word that ends the server */

struct crowd {
    struct subject subjects[SUBJECTS];
    uint64_t endpoint;
    uint32_t over; /* atomic */
};

static struct crowd crowd;

static _Bool expected(status_t status)
{
    return status == STATUS_OK || status == STATUS_CANCELLED || status == STATUS_DEAD ||
           status == STATUS_BUSY;
}

static void serve(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    (void)argument;
    for (;;) {
        status_t status = weft_ipc_reply_receive(crowd.endpoint, &message, &badge);
        if (status != STATUS_OK || message.words[0] == LAST) {
            return;
        }
    }
}

/* Calls, sleeps, signals and waits, whatever comes of it. */
static void live(void *argument)
{
    struct subject *subject = argument;
    while (!weft_load_acquire(&crowd.over)) {
        struct weft_message message = {{7}};
        status_t status = weft_ipc_call(crowd.endpoint, &message);
        EXPECT(expected(status));
        EXPECT(status != STATUS_OK || message.words[0] == 7);
        EXPECT(expected(weft_sleep(weft_deadline(2))));
        EXPECT(expected(weft_yield()));
        weft_fetch_add(&subject->progress, 1);
    }
}

static void command(void *argument)
{
    struct weft_random random = {(uint64_t)argument + 1};
    struct weft_registers registers;
    for (unsigned i = 0; i < ORDERS; i++) {
        uint64_t thread = crowd.subjects[weft_random_below(&random, SUBJECTS)].handle;
        switch (weft_random_below(&random, 4)) {
        case 0:
            EXPECT(expected(weft_thread_suspend(thread)));
            EXPECT(expected(weft_thread_registers_read(thread, (uint64_t)&registers)));
            break;
        case 1:
            EXPECT(expected(weft_thread_affinity(thread, weft_random_below(&random, cpu_count()))));
            break;
        default:
            EXPECT(expected(weft_thread_resume(thread)));
            break;
        }
    }
}

static _Bool crowd_start(void)
{
    crowd.over = 0;
    return EXPECT_STATUS(STATUS_OK, weft_endpoint_create(cpu_count() - 1, &crowd.endpoint));
}

TEST(orders_meet_messages, "threads are suspended, moved and resumed in the middle of their calls")
{
    struct weft_group servers, commanders;
    REQUIRE(crowd_start());
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&servers));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&commanders));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&servers, "server", other_cpu(),
                                                WEFT_PRIORITY_DEFAULT, serve, NULL));
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        crowd.subjects[i] = (struct subject){0};
        REQUIRE(subject_start(&crowd.subjects[i], i % cpu_count(), live));
    }
    for (uint64_t i = 0; i < COMMANDERS; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&commanders, "commander", (uint32_t)(i + 1) % cpu_count(),
                                         WEFT_PRIORITY_DEFAULT, command, (void *)i));
    }
    weft_group_wait(&commanders);
    weft_group_close(&commanders);
    for (uint32_t i = 0; i < SUBJECTS; i++) { /* none of them is lost */
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(crowd.subjects[i].handle));
        uint32_t before = weft_load_acquire(&crowd.subjects[i].progress);
        wait_until(&crowd.subjects[i].progress, before + 1);
    }
    weft_store_release(&crowd.over, 1);
    for (uint32_t i = 0; i < SUBJECTS; i++) {
        subject_join(&crowd.subjects[i]);
    }
    struct weft_message message = {{LAST}};
    EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(crowd.endpoint, &message));
    weft_group_wait(&servers);
    weft_group_close(&servers);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(crowd.endpoint));
}

/* ---- kills ----------------------------------------------------------------------------------- */

static void kill_it(void *argument)
{
    EXPECT_STATUS(STATUS_OK, weft_thread_kill(*(uint64_t *)argument));
}

static void suspend_it(void *argument)
{
    EXPECT(expected(weft_thread_suspend(*(uint64_t *)argument)));
    EXPECT(expected(weft_thread_resume(*(uint64_t *)argument)));
}

static void move_it(void *argument)
{
    EXPECT(expected(weft_thread_affinity(*(uint64_t *)argument, cpu_count() - 1)));
}

TEST(orders_meet_death, "a thread dies once, whoever else wants something of it at that moment")
{
    static weft_thread_function *const orders[] = {kill_it, suspend_it, move_it};
    struct weft_group server;
    REQUIRE(crowd_start());
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&server));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&server, "server", other_cpu(),
                                                WEFT_PRIORITY_DEFAULT, serve, NULL));
    for (unsigned i = 0; i < KILLS; i++) {
        struct subject subject = {0};
        struct weft_group commanders;
        REQUIRE(subject_start(&subject, i % cpu_count(), live));
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&commanders));
        for (uint32_t n = 0; n < 3; n++) {
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start(&commanders, "commander", (i + n + 1) % cpu_count(),
                                             WEFT_PRIORITY_DEFAULT, orders[n], &subject.handle));
        }
        weft_group_wait(&commanders);
        weft_group_close(&commanders);
        EXPECT_EQUAL(WEFT_THREAD_DEAD, status_of(subject.handle).state);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
        weft_group_close(&subject.group);
    }
    weft_store_release(&crowd.over, 1);
    struct weft_message message = {{LAST}};
    EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(crowd.endpoint, &message));
    weft_group_wait(&server);
    weft_group_close(&server);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(crowd.endpoint));
}

KTAP_MAIN
