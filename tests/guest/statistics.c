/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel tells of itself: counters per CPU, time and memory per process and thread.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=4 accel=icount
 */
#define PROGRAM "test_statistics"
#include "subject.h"

#define ROUNDS 100

static struct weft_cpu_statistics counters(uint32_t cpu)
{
    struct weft_cpu_statistics statistics = {0};
    EXPECT_STATUS(STATUS_OK, weft_statistics_cpu(weft_startup()->cpus, cpu, (uint64_t)&statistics));
    return statistics;
}

static struct weft_process_statistics of_process(uint64_t process)
{
    struct weft_process_statistics statistics = {0};
    EXPECT_STATUS(STATUS_OK, weft_process_statistics(process, (uint64_t)&statistics));
    return statistics;
}

static void serve(void *argument)
{
    struct subject *server = argument;
    struct weft_message message = {{0}};
    uint64_t badge;
    while (weft_ipc_reply_receive(server->object, &message, &badge) == STATUS_OK) {
    }
}

TEST(messages_are_counted, "calls, switches and doorbells are counted on the CPU where they happen")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        struct subject server = {0};
        struct weft_message message = {{0}};
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &server.object));
        REQUIRE(subject_start(&server, cpu, serve));
        REQUIRE_STATUS(STATUS_OK,
                       weft_ipc_call(server.object, &message)); /* from now on it waits */
        struct weft_cpu_statistics here = counters(weft_startup()->cpu), there = counters(cpu);
        for (unsigned i = 0; i < ROUNDS; i++) {
            REQUIRE_STATUS(STATUS_OK, weft_ipc_call(server.object, &message));
        }
        struct weft_cpu_statistics now = counters(weft_startup()->cpu);
        EXPECT(now.messages >= here.messages + ROUNDS);
        EXPECT(now.switches >= here.switches + ROUNDS);
        EXPECT(counters(cpu).switches >= there.switches + ROUNDS);
        if (cpu != weft_startup()->cpu) {
            EXPECT(now.doorbells_sent + now.doorbells_elided >=
                   here.doorbells_sent + here.doorbells_elided + ROUNDS);
        }
        EXPECT_STATUS(STATUS_OK, weft_thread_kill(server.handle));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(server.handle));
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(server.object));
        weft_group_close(&server.group);
    }
}

TEST(interrupts_and_shootdowns_are_counted, "timers and unmappings are seen where they interrupt")
{
    uint32_t here = weft_startup()->cpu;
    struct weft_cpu_statistics before = counters(here);
    uint64_t memory;
    weft_sleep_for(1000);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    REQUIRE_STATUS(STATUS_OK,
                   weft_memory_map(HANDLE_SELF, memory, WEFT_FREE_BASE, 0, 1, RIGHT_READ));
    REQUIRE_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, WEFT_FREE_BASE, 1));
    EXPECT(counters(here).interrupts > before.interrupts);
    EXPECT(counters(here).shootdowns > before.shootdowns);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(time_is_told, "a thread that runs has used about that time, and so has its process")
{
    uint64_t wanted = weft_microseconds(3000);
    struct subject subject = {0};
    struct weft_thread_status before, after;
    uint64_t used = of_process(HANDLE_SELF).time;
    REQUIRE(subject_start(&subject, cpu_count() - 1, spin));
    wait_until(&subject.progress, 1);
    before = status_of(subject.handle);
    do { /* it may share its CPU with this thread, and the host with others */
        weft_sleep_for(500);
        after = status_of(subject.handle);
    } while (after.time < before.time + wanted);
    EXPECT(of_process(HANDLE_SELF).time >= used + wanted);
    EXPECT_EQUAL(2, of_process(HANDLE_SELF).threads);
    weft_fetch_add(&subject.progress, 1000000000);
    weft_group_wait(&subject.group);
    weft_group_close(&subject.group);
    while (of_process(HANDLE_SELF).threads != 1) {
        weft_sleep_for(100);
    }
    EXPECT(of_process(HANDLE_SELF).time >= used + wanted); /* it is not forgotten with the thread */
    after = status_of(subject.handle);
    weft_sleep_for(1000);
    EXPECT_EQUAL(after.time, status_of(subject.handle).time);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(subject.handle));
}

TEST(memory_is_told, "a process's quota, and what is left of it")
{
    uint64_t process, memory;
    struct weft_process_statistics own = of_process(HANDLE_SELF);
    EXPECT(own.pages_free < own.pages);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(10, &memory));
    EXPECT(of_process(HANDLE_SELF).pages_free <= own.pages_free - 10);
    EXPECT_EQUAL(own.pages, of_process(HANDLE_SELF).pages);
    REQUIRE_STATUS(STATUS_OK, weft_process_create(40, 'q', 0, 0, 0, 0, &process));
    struct weft_process_statistics made = of_process(process);
    EXPECT_EQUAL(40, made.pages);
    EXPECT(made.pages_free > 30 && made.pages_free < 40);
    EXPECT_EQUAL(0, made.threads);
    EXPECT_EQUAL(0, made.time);
    EXPECT_STATUS(STATUS_OK, weft_process_kill(process));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(statistics_need_read, "who may not look learns nothing")
{
    uint64_t process, weak, cpus = weft_startup()->cpus, at = STARTUP_ADDRESS;
    struct weft_cpu_statistics counter;
    REQUIRE_STATUS(STATUS_OK, weft_process_create(16, 'q', 0, 0, 0, 0, &process));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, process, RIGHT_MANAGE, 0, &weak));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_process_statistics(weak, (uint64_t)&counter));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_process_statistics(cpus, (uint64_t)&counter));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_process_statistics(process, at)); /* read-only */
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(weak));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_process_statistics(weak, (uint64_t)&counter));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, cpus, RIGHT_WRITE, 0, &weak));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_statistics_cpu(weak, 0, (uint64_t)&counter));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_statistics_cpu(cpus, cpu_count(), (uint64_t)&counter));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_statistics_cpu(process, 0, (uint64_t)&counter));
    EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_statistics_cpu(cpus, 0, at));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(weak));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_statistics_cpu(weak, 0, (uint64_t)&counter));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(process));
}

KTAP_MAIN
