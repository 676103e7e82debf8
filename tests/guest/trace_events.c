/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes every event of the trace happen that programs can cause: what is declared in the schema is
 * seen on a real machine. The tests here check what the program itself can see; the host looks into
 * the capture of this boot for one event of each kind.
 *
 * User strings: 1 "work", 2 "mark", 3 "load". On every CPU a slice `work` holds a mark and two values
 * of the counter `load`, the CPU's number and the negative of it.
 *
 * weft-test: cpus=4
 * weft-test: cpus=1
 * weft-test: cpus=2 accel=icount
 */
#define PROGRAM "test_trace_events"
#include "child.h"

#include "weft/atomic.h"
#include "weft/trace_events.h"

enum string { STRING_WORK = 1, STRING_MARK = 2, STRING_LOAD = 3 };

static void set_name(uint64_t id, const char *text)
{
    struct weft_name name = weft_name_pack(text);
    EXPECT_STATUS(STATUS_OK, weft_trace_name(id, name.words[0], name.words[1]));
}

/* False where the kernel was built without tracing. */
static _Bool set_mask(uint64_t mask)
{
    uint64_t machine = weft_capability("machine"), before, set;
    return EXPECT_STATUS(STATUS_OK, weft_trace_control(machine, mask, &before)) &&
           EXPECT_STATUS(STATUS_OK, weft_trace_control(machine, mask, &set)) && set == mask;
}

/* ---- user events and system calls ------------------------------------------------------------- */

static void say_something(void *argument)
{
    uint64_t cpu = (uint64_t)argument;
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_BEGIN, STRING_WORK, cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_INSTANT, STRING_MARK, cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_COUNTER, STRING_LOAD, cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_COUNTER, STRING_LOAD, -cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_FLOW_OUT, STRING_MARK, cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_FLOW_IN, STRING_MARK, cpu));
    EXPECT_STATUS(STATUS_OK, weft_trace_user(TRACE_KIND_END, STRING_WORK, cpu));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_trace_user(6, STRING_WORK, cpu));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_trace_user(~0ull, STRING_WORK, cpu));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(0)); /* an exit with an error */
}

static void on_every_cpu(weft_thread_function *function)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint64_t cpu = 0; cpu < cpu_count(); cpu++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "speaker", (uint32_t)cpu,
                                                    WEFT_PRIORITY_DEFAULT, function, (void *)cpu));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

TEST(programs_write_their_own_events,
     "slices, marks, counters and arrows of every CPU, with all system calls")
{
    if (!set_mask(TRACE_CATEGORIES_ALL)) {
        SKIP("this kernel was built without tracing");
    }
    set_name(STRING_WORK, "work");
    set_name(STRING_MARK, "mark");
    set_name(STRING_LOAD, "load");
    on_every_cpu(say_something);
    (void)set_mask(TRACE_CATEGORIES_DEFAULT);
}

TEST(categories_can_be_switched, "the mask that was set comes back; others are refused the right")
{
    uint64_t machine = weft_capability("machine"), before, weak;
    if (!set_mask(TRACE_CATEGORY_USER)) {
        SKIP("this kernel was built without tracing");
    }
    EXPECT_STATUS(STATUS_OK, weft_trace_control(machine, TRACE_CATEGORY_IPC, &before));
    EXPECT_EQUAL(TRACE_CATEGORY_USER, before);
    EXPECT_STATUS(STATUS_OK, weft_trace_control(machine, TRACE_CATEGORIES_DEFAULT, &before));
    EXPECT_EQUAL(TRACE_CATEGORY_IPC, before);
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, machine, 0, 0, &weak));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_trace_control(weak, 0, &before));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_machine_off(weak, 0));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(weak));
}

/* ---- capabilities ----------------------------------------------------------------------------- */

TEST(capabilities_come_and_go, "one is handed on, and taken back with what is mapped through it")
{
    uint64_t memory, copy;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, memory, RIGHT_READ, 0, &copy));
    EXPECT_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, copy, WEFT_FREE_BASE, 0, 1, RIGHT_READ));
    EXPECT_STATUS(STATUS_OK, weft_cap_revoke(memory));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_cap_delete(copy));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

/* ---- switches, wake-ups, moves, sleep --------------------------------------------------------- */

static void wander_and_sleep(void *argument)
{
    uint64_t start = (uint64_t)argument;
    for (uint64_t i = 0; i < 3; i++) {
        EXPECT_STATUS(STATUS_OK, weft_thread_migrate((start + i) % cpu_count()));
        EXPECT_STATUS(STATUS_OK, weft_yield());
        weft_sleep_for(3000); /* long enough for an idle CPU to halt */
    }
}

TEST(threads_move_and_sleep, "switches, wake-ups, migrations, timers, idle CPUs that halt")
{
    on_every_cpu(wander_and_sleep);
}

static void sleep_long(void *argument)
{
    (void)argument;
    (void)weft_sleep_for(1000000);
}

TEST(threads_rest, "a thread comes to rest, and is resumed")
{
    struct weft_group group;
    uint64_t thread;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK,
                   weft_thread_start_named(&group, "rests", other_cpu(), WEFT_PRIORITY_DEFAULT,
                                           sleep_long, NULL, &thread));
    EXPECT_STATUS(STATUS_OK, weft_thread_suspend(thread));
    EXPECT_STATUS(STATUS_OK, weft_thread_resume(thread));
    EXPECT_STATUS(STATUS_OK, weft_thread_kill(thread));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(thread));
    weft_group_close(&group);
}

static void spin(void *argument)
{
    uint64_t deadline = weft_deadline(30000);
    (void)argument;
    while (weft_cycles() < deadline) {
        for (unsigned i = 0; i < 200; i++) {
            (void)weft_cycles();
        }
        weft_pause();
    }
}

TEST(time_slices_end, "two spinners of one CPU are switched by the timer")
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "spinner", other_cpu(),
                                                    WEFT_PRIORITY_DEFAULT, spin, NULL));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

/* ---- messages and signals --------------------------------------------------------------------- */

static int role_serves(uint64_t value)
{
    struct weft_message message = {{0}};
    for (uint64_t i = 0; i < value; i++) {
        uint64_t badge;
        if (weft_ipc_reply_receive(weft_capability("endpoint"), &message, &badge) != STATUS_OK) {
            return 1;
        }
    }
    return 0; /* the last caller never gets its answer */
}

TEST(messages_go_and_are_given_up,
     "calls to a server on the same and on another CPU, the last one dies")
{
    for (uint32_t cpu = 0; cpu < 2 && cpu < cpu_count(); cpu++) {
        struct child child;
        struct child_options options = {.value = 5};
        uint64_t endpoint;
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(cpu, &endpoint));
        struct weft_grant grants[] = {{"endpoint", endpoint, RIGHT_READ, 3}};
        REQUIRE(child_start_with(&child, "serves", cpu, grants, 1, &options));
        for (uint64_t i = 0; i < 4; i++) {
            struct weft_message message = {{i}};
            EXPECT_STATUS(STATUS_OK, weft_ipc_call(endpoint, &message));
        }
        struct weft_message message = {{0}};
        EXPECT_STATUS(STATUS_DEAD, weft_ipc_call(endpoint, &message));
        EXPECT_EQUAL(WEFT_EXITED, child_wait(&child).cause);
        child_close(&child);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
    }
}

static void send_and_call(void *argument)
{
    struct weft_message message = {{1}};
    EXPECT_STATUS(STATUS_OK, weft_ipc_send((uint64_t)argument, &message, NULL));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call((uint64_t)argument, &message));
}

TEST(other_messages_go, "one way, and with an answer that its server has put off")
{
    struct weft_group group;
    struct weft_message message = {{0}};
    uint64_t endpoint, badge, saved;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(0, &endpoint));
    REQUIRE_STATUS(STATUS_OK,
                   weft_thread_start(&group, "sender", other_cpu(), WEFT_PRIORITY_DEFAULT,
                                     send_and_call, (void *)endpoint));
    EXPECT_STATUS(STATUS_OK, weft_ipc_receive(endpoint, &message, &badge, NULL));
    EXPECT_STATUS(STATUS_OK, weft_ipc_receive(endpoint, &message, &badge, NULL));
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_save(&saved));
    EXPECT_STATUS(STATUS_OK, weft_ipc_reply_to(saved, &message, NULL));
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(saved));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(endpoint));
}

static void wait_for_signal(void *argument)
{
    uint64_t bits;
    EXPECT_STATUS(STATUS_OK, weft_notification_wait((uint64_t)argument, 0, &bits));
    EXPECT_EQUAL(0x50, bits);
}

TEST(signals_go, "a notification wakes sleepers on the same and on another CPU")
{
    for (uint32_t cpu = 0; cpu < 2 && cpu < cpu_count(); cpu++) {
        struct weft_group group;
        uint64_t notification;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        REQUIRE_STATUS(STATUS_OK, weft_notification_create(cpu, &notification));
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "waiter", cpu, WEFT_PRIORITY_DEFAULT,
                                                    wait_for_signal, (void *)notification));
        weft_sleep_for(5000);
        EXPECT_STATUS(STATUS_OK, weft_notification_signal(notification, 0x50));
        weft_group_wait(&group);
        weft_group_close(&group);
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
    }
}

/* ---- faults ----------------------------------------------------------------------------------- */

static int role_reads_nothing(uint64_t value)
{
    return *(volatile int *)(value + 0x7000);
}

static int role_divides(uint64_t value)
{
    volatile int zero = (int)value;
    return 1000 / zero;
}

TEST(faults_are_seen, "a page fault and another exception, each the end of a process")
{
    EXPECT_EQUAL(WEFT_FAULT, child_run("reads_nothing", other_cpu(), 0, NULL, 0).cause);
    EXPECT_EQUAL(WEFT_FAULT, child_run("divides", other_cpu(), 0, NULL, 0).cause);
}

#define TIMER_DATA 0x40
#define TIMER_COMMAND 0x43
#define TIMER_ONCE 0x30

TEST(a_device_interrupts, "a clock's line is signalled to its driver, and acknowledged")
{
    uint64_t ports = weft_capability("ports"), notification, interrupt, bits;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(other_cpu(), &notification));
    REQUIRE_STATUS(STATUS_OK, weft_interrupt_create(weft_capability("interrupts"), 0, 0,
                                                    notification, 8, &interrupt));
    EXPECT_STATUS(STATUS_OK, weft_interrupt_acknowledge(interrupt));
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, TIMER_COMMAND, 1, TIMER_ONCE));
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, TIMER_DATA, 1, 0));
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, TIMER_DATA, 1, 4));
    EXPECT_STATUS(STATUS_OK, weft_notification_wait(notification, 0, &bits));
    EXPECT_EQUAL(8, bits);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(interrupt));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

static void use_budget_up(void *argument)
{
    uint64_t budget = weft_microseconds(200), end = weft_deadline(10000);
    (void)argument;
    EXPECT_STATUS(STATUS_OK, weft_thread_schedule(0, WEFT_PRIORITY_DEFAULT | 1 << 8, budget,
                                                  5 * budget, weft_startup()->cpus));
    while (weft_cycles() < end) {
        weft_pause();
    }
}

TEST(a_budget_is_over, "a thread has used up its budget, and gets a new one")
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "spender", other_cpu(),
                                                WEFT_PRIORITY_DEFAULT, use_budget_up, NULL));
    weft_group_wait(&group);
    weft_group_close(&group);
}

TEST(a_crowd_of_pushes, "threads of all CPUs push to one mailbox: doorbells are sent and saved")
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (unsigned round = 0; round < 20; round++) {
        for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start(&group, "pusher", (cpu + 1) % cpu_count(),
                                             WEFT_PRIORITY_DEFAULT, say_something, (void *)0));
        }
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

static const struct role roles[] = {
    {"serves", role_serves},
    {"reads_nothing", role_reads_nothing},
    {"divides", role_divides},
};
ROLES_MAIN(roles)
