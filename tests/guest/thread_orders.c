/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspending, resuming and killing single threads, whatever they are doing.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount seed=1,2,3
 */
#define PROGRAM "test_thread_orders"
#include "subject.h"

/* ---- suspend and resume ---------------------------------------------------------------------- */

static void expect_rest(struct subject *subject)
{
    uint32_t before = weft_load_acquire(&subject->progress);
    EXPECT_EQUAL(WEFT_THREAD_SUSPENDED, status_of(subject->handle).state);
    weft_sleep_for(2000);
    EXPECT_EQUAL(before, weft_load_acquire(&subject->progress));
}

TEST(a_running_thread_rests, "a suspended thread does not run until it is resumed, on any CPU")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject subject = {0};
        REQUIRE(subject_start(&subject, cpu, spin));
        for (unsigned i = 0; i < 5; i++) {
            uint32_t before = weft_load_acquire(&subject.progress);
            wait_until(&subject.progress, before + 1);
            EXPECT_EQUAL(WEFT_THREAD_ACTIVE, status_of(subject.handle).state);
            EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
            EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle)); /* it rests already */
            expect_rest(&subject);
            EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
            EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle)); /* changes nothing */
        }
        weft_fetch_add(&subject.progress, 1000000000);
        subject_join(&subject);
    }
}

static void call_once(void *argument)
{
    struct subject *subject = argument;
    struct weft_message message = {{subject->argument}};
    weft_store_release(&subject->progress, 1);
    subject->status = weft_ipc_call(subject->object, &message);
    subject->argument = message.words[0];
}

static void receive_once(void *argument)
{
    struct subject *subject = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    weft_store_release(&subject->progress, 1);
    subject->status = weft_ipc_reply_receive(subject->object, &message, &badge);
}

/* A thread that waits on `cpu` for an object of another is suspended there; its wait is over. */
static void suspend_waiting(weft_thread_function *function, uint32_t cpu, uint64_t object)
{
    struct subject subject = {.object = object};
    REQUIRE(subject_start(&subject, cpu, function));
    wait_until(&subject.progress, 1);
    weft_sleep_for(500);
    EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
    EXPECT_EQUAL(WEFT_THREAD_SUSPENDED, status_of(subject.handle).state);
    EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
    subject_join(&subject);
    EXPECT_STATUS(STATUS_CANCELLED, subject.status);
}

TEST(waits_end_with_rest,
     "who is suspended while it sleeps or waits, here or elsewhere, gets `cancelled`")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        for (uint32_t there = 0; there < cpu_count(); there++) {
            uint64_t endpoint, notification, bits;
            REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(there, &endpoint));
            REQUIRE_STATUS(STATUS_OK, weft_notification_create(there, &notification));
            suspend_waiting(sleep_once, cpu, 0);
            suspend_waiting(wait_once, cpu, notification);
            suspend_waiting(call_once, cpu, endpoint);
            suspend_waiting(receive_once, cpu, endpoint);
            EXPECT_STATUS(STATUS_OK, weft_notification_signal(notification, 2));
            EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits)); /* not busy */
            EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
            EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
        }
    }
}

TEST(a_held_client_rests,
     "a client that is suspended while its call is served is lost to the server")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject client = {.argument = 5};
        struct weft_message message = {{0}};
        uint64_t badge;
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &client.object));
        REQUIRE(subject_start(&client, cpu, call_once));
        REQUIRE_STATUS(STATUS_OK, weft_ipc_reply_receive(client.object, &message, &badge));
        EXPECT_EQUAL(5, message.words[0]);
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(client.handle));
        EXPECT_STATUS(STATUS_NO_CALLER, weft_ipc_reply(&message, NULL));
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(client.handle));
        subject_join(&client);
        EXPECT_STATUS(STATUS_CANCELLED, client.status);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(client.object));
    }
}

/* Takes a call, and answers it when it is allowed to. */
static void serve_slowly(void *argument)
{
    struct subject *server = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    server->status = weft_ipc_reply_receive(server->object, &message, &badge);
    weft_store_release(&server->progress, 1);
    while (weft_load_acquire(&server->progress) < 2) {
        take_time();
    }
    message.words[0]++;
    (void)weft_ipc_reply(&message, NULL);
}

TEST(a_server_rests_with_its_client,
     "a suspended server keeps its client and answers when it goes on")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject server = {0}, client = {.argument = 7};
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu_count() - 1 - cpu, &server.object));
        client.object = server.object;
        REQUIRE(subject_start(&server, cpu, serve_slowly));
        REQUIRE(subject_start(&client, other_cpu(), call_once));
        wait_until(&server.progress, 1);
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(server.handle));
        EXPECT_STATUS(STATUS_OK, weft_thread_affinity(server.handle, other_cpu()));
        weft_store_release(&server.progress, 2);
        weft_sleep_for(1000);
        EXPECT_EQUAL(7, client.argument);
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(server.handle));
        subject_join(&client);
        EXPECT_STATUS(STATUS_OK, client.status);
        EXPECT_EQUAL(8, client.argument);
        EXPECT_EQUAL(other_cpu(), status_of(server.handle).cpu);
        subject_join(&server);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(server.object));
    }
}

static void suspend_itself(void *argument)
{
    struct subject *subject = argument;
    while (weft_load64_acquire(&subject->argument) == 0) {
        take_time();
    }
    subject->status = weft_thread_suspend(subject->argument);
    weft_store_release(&subject->progress, 1);
}

TEST(suspending_oneself, "a thread can suspend itself, and goes on behind that call")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject subject = {.status = -1};
        REQUIRE(subject_start(&subject, cpu, suspend_itself));
        weft_store64_release(&subject.argument, subject.handle);
        while (status_of(subject.handle).state != WEFT_THREAD_SUSPENDED) {
            weft_sleep_for(50);
        }
        expect_rest(&subject);
        EXPECT_STATUS(STATUS_OK, weft_thread_resume(subject.handle));
        subject_join(&subject);
        EXPECT_STATUS(STATUS_OK, subject.status);
        EXPECT_EQUAL(1, subject.progress);
    }
}

/* ---- kill ------------------------------------------------------------------------------------ */

static void kill_waiting(weft_thread_function *function, uint32_t cpu, uint64_t object)
{
    struct subject subject = {.object = object, .status = 1};
    REQUIRE(subject_start(&subject, cpu, function));
    wait_until(&subject.progress, 1);
    EXPECT_STATUS(STATUS_OK, weft_thread_kill(subject.handle));
    EXPECT_EQUAL(WEFT_THREAD_DEAD, status_of(subject.handle).state);
    EXPECT_STATUS(STATUS_OK, weft_thread_kill(subject.handle)); /* changes nothing */
    EXPECT_STATUS(STATUS_DEAD, weft_thread_suspend(subject.handle));
    EXPECT_STATUS(STATUS_DEAD, weft_thread_resume(subject.handle));
    EXPECT_STATUS(STATUS_DEAD, weft_thread_affinity(subject.handle, 0));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
    weft_group_close(&subject.group);
    EXPECT_EQUAL(1, subject.status); /* it never came back */
}

TEST(one_thread_is_killed, "a thread can be killed in any state; its process lives on")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        uint64_t endpoint, notification;
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(other_cpu(), &endpoint));
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &notification));
        kill_waiting(spin, cpu, 0);
        kill_waiting(sleep_once, cpu, 0);
        kill_waiting(wait_once, cpu, notification);
        kill_waiting(call_once, cpu, endpoint);
        kill_waiting(receive_once, cpu, endpoint);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    }
}

TEST(a_resting_thread_is_killed, "a suspended thread can be killed")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject subject = {0};
        REQUIRE(subject_start(&subject, cpu, spin));
        EXPECT_STATUS(STATUS_OK, weft_thread_suspend(subject.handle));
        EXPECT_STATUS(STATUS_OK, weft_thread_kill(subject.handle));
        EXPECT_EQUAL(WEFT_THREAD_DEAD, status_of(subject.handle).state);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
        weft_group_close(&subject.group);
    }
}

/* ---- several who give orders ----------------------------------------------------------------- */

struct rivals {
    uint64_t other;
    uint32_t *go;
    uint32_t done; /* atomic */
    status_t status;
};

static void suspend_the_other(void *argument)
{
    struct rivals *rivals = argument;
    while (!weft_load_acquire(rivals->go)) {
        take_time();
    }
    rivals->status = weft_thread_suspend(rivals->other);
    weft_store_release(&rivals->done, 1);
}

TEST(two_suspend_each_other, "two threads that suspend each other do not wait for ever")
{
    for (unsigned round = 0; round < 20; round++) {
        uint32_t go = 0;
        struct rivals rivals[2] = {{.go = &go}, {.go = &go}};
        uint64_t handles[2];
        struct weft_group group;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        for (unsigned i = 0; i < 2; i++) {
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start_named(&group, "rival", (round + i) % cpu_count(),
                                                   WEFT_PRIORITY_DEFAULT, suspend_the_other,
                                                   &rivals[i], &handles[i]));
        }
        rivals[0].other = handles[1];
        rivals[1].other = handles[0];
        weft_store_release(&go, 1);
        while (!weft_load_acquire(&rivals[0].done) || !weft_load_acquire(&rivals[1].done)) {
            (void)weft_thread_resume(handles[0]);
            (void)weft_thread_resume(handles[1]);
            weft_sleep_for(100);
        }
        (void)weft_thread_resume(handles[0]); /* it may rest behind its call */
        (void)weft_thread_resume(handles[1]);
        weft_group_wait(&group);
        weft_group_close(&group);
        for (unsigned i = 0; i < 2; i++) {
            EXPECT(rivals[i].status == STATUS_OK || rivals[i].status == STATUS_CANCELLED ||
                   rivals[i].status == STATUS_DEAD);
            EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
        }
    }
}

KTAP_MAIN
