/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile system calls: unknown numbers, handles that name nothing or the wrong thing, pointers to
 * where the caller has nothing, and any call with any arguments. Each is an error of the caller, or
 * ends it; witnesses on every CPU go on.
 *
 * weft-test: cpus=4 timeout=120
 * weft-test: cpus=1 memory=64M timeout=120
 * weft-test: cpus=2 cpu=qemu64 timeout=120
 * weft-test: cpus=4 accel=icount timeout=120
 */
#define PROGRAM "test_hostile_calls"
#include "witness.h"

#include "nasty.h"

static struct witnesses witnesses;

/* ---- bad arguments, one by one --------------------------------------------------------------- */

static const uint64_t bad_handles[] = {0,          40,         99,         127,        128,  0x101,
                                       0x7fffff01, 0xffffffff, 1ull << 32, 1ull << 63, ~0ull};

/* Every call whose first argument is a handle, with handles that name nothing. */
static int role_uses_bad_handles(uint64_t value)
{
    static const uint8_t numbers[] = {
        SYSCALL_IPC_CALL,       SYSCALL_IPC_REPLY_RECEIVE, SYSCALL_NOTIFICATION_SIGNAL,
        SYSCALL_PROCESS_STATUS, SYSCALL_NOTIFICATION_WAIT, SYSCALL_PROCESS_KILL,
        SYSCALL_CAP_COPY,       SYSCALL_CAP_DELETE,        SYSCALL_MEMORY_WRITE,
        SYSCALL_MEMORY_UNMAP,   SYSCALL_CONSOLE_WRITE,     SYSCALL_MACHINE_OFF,
        SYSCALL_TRACE_CONTROL,
    };
    (void)value;
    for (unsigned i = 0; i < sizeof(numbers); i++) {
        for (unsigned j = 0; j < sizeof(bad_handles) / sizeof(bad_handles[0]); j++) {
            status_t status = weft_syscall5(numbers[i], bad_handles[j], 0, 0, 0, 0);
            if (status != STATUS_BAD_HANDLE) {
                return 1 + (int)i;
            }
        }
    }
    return 0;
}

/* Calls with a capability of the wrong type: the process itself everywhere else. */
static int role_uses_wrong_types(uint64_t value)
{
    static const uint8_t numbers[] = {
        SYSCALL_IPC_CALL,          SYSCALL_IPC_REPLY_RECEIVE, SYSCALL_NOTIFICATION_SIGNAL,
        SYSCALL_NOTIFICATION_WAIT, SYSCALL_MEMORY_WRITE,      SYSCALL_CONSOLE_WRITE,
        SYSCALL_MACHINE_OFF,       SYSCALL_TRACE_CONTROL,
    };
    (void)value;
    for (unsigned i = 0; i < sizeof(numbers); i++) {
        if (weft_syscall5(numbers[i], HANDLE_SELF, 0, 0, 0, 0) != STATUS_WRONG_TYPE) {
            return 1 + (int)i;
        }
    }
    return 0;
}

static int role_uses_bad_pointers(uint64_t value)
{
    static const uint64_t addresses[] = {0,
                                         8,
                                         STARTUP_ADDRESS - 8,
                                         WEFT_FREE_BASE,
                                         USER_TOP - 8,
                                         USER_TOP,
                                         NOT_CANONICAL,
                                         KERNEL_MEMORY,
                                         KERNEL_IMAGE,
                                         ~0ull - 4,
                                         ~0ull,
                                         1ull << 63};
    uint64_t console = weft_capability("console");
    uint64_t memory;
    (void)value;
    if (weft_memory_create(2, &memory) != STATUS_OK) {
        return 1;
    }
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        static const uint64_t lengths[] = {16, CONSOLE_LINE_MAX};
        for (unsigned j = 0; j < 2; j++) {
            if (weft_console_write(console, addresses[i], lengths[j]) != STATUS_BAD_ADDRESS) {
                return 10 + (int)i;
            }
            if (weft_memory_write(memory, 0, addresses[i], lengths[j]) != STATUS_BAD_ADDRESS) {
                return 30 + (int)i;
            }
        }
        if (weft_console_write(console, addresses[i], CONSOLE_LINE_MAX + 1) !=
                STATUS_BAD_ARGUMENT ||
            weft_console_write(console, addresses[i], ~0ull) != STATUS_BAD_ARGUMENT ||
            weft_memory_write(memory, 0, addresses[i], ~0ull) != STATUS_BAD_ARGUMENT) {
            return 50 + (int)i;
        }
    }
    return 0;
}

static int role_uses_bad_numbers(uint64_t value)
{
    static const uint64_t numbers[] = {SYSCALL_COUNT, 255,        256,        1000,
                                       0xffffffff,    1ull << 32, 1ull << 63, ~0ull};
    (void)value;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (weft_syscall5(numbers[i], 1, 2, 3, 4, 5) != STATUS_BAD_SYSCALL) {
            return 1 + (int)i;
        }
    }
    return 0;
}

TEST(bad_arguments_are_errors,
     "unknown calls, handles that name nothing or the wrong thing, bad pointers")
{
    static const char *const names[] = {"uses_bad_handles", "uses_wrong_types", "uses_bad_pointers",
                                        "uses_bad_numbers"};
    REQUIRE(witnesses_start(&witnesses));
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        for (unsigned i = 0; i < 4; i++) {
            struct weft_end end = child_run(names[i], cpu, 0, NULL, 0);
            if (!EXPECT_EQUAL(WEFT_EXITED, end.cause) || !EXPECT_EQUAL(0, end.status)) {
                ktap_note("%s", names[i]);
            }
        }
    }
    witnesses_end(&witnesses);
}

/* ---- bad arguments at random ----------------------------------------------------------------- */

#define RANDOM_CALLS 3000
#define RANDOM_PROGRAMS 24

/* Calls that end the program at once, or may let it wait forever: not while there is much to do. */
static _Bool ends_the_fun(uint64_t number, uint64_t handle, unsigned done)
{
    switch (number) {
    case SYSCALL_THREAD_EXIT:
    case SYSCALL_PROCESS_EXIT:
        return 1;
    case SYSCALL_PROCESS_KILL:
        return handle == HANDLE_SELF;
    case SYSCALL_IPC_CALL:
    case SYSCALL_IPC_REPLY_RECEIVE:
    case SYSCALL_NOTIFICATION_WAIT:
        return handle < CAPABILITY_SLOTS && done < RANDOM_CALLS * 9 / 10;
    default:
        return 0;
    }
}

/* Any call with any arguments. */
static int role_calls_at_random(uint64_t value)
{
    struct weft_random random = {value};
    for (unsigned i = 0; i < RANDOM_CALLS; i++) {
        uint64_t number = weft_random_below(&random, SYSCALL_COUNT + 2);
        uint64_t a[6];
        for (unsigned j = 0; j < 6; j++) {
            a[j] = nasty_value(&random);
        }
        if (ends_the_fun(number, a[0], i)) {
            continue;
        }
        if (number == SYSCALL_SLEEP) {
            a[0] = weft_deadline(weft_random_below(&random, 50));
        }
        (void)weft_syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    return 0;
}

struct watchdog {
    uint64_t process;
    uint64_t microseconds;
};

/* Ends a program that put itself to sleep forever. */
static void kill_later(void *argument)
{
    struct watchdog *watchdog = argument;
    weft_sleep_for(watchdog->microseconds);
    EXPECT_STATUS(STATUS_OK, weft_process_kill(watchdog->process));
}

TEST(random_calls_do_no_harm, "programs that make any call with any arguments, side by side")
{
    unsigned ends[4] = {0};
    REQUIRE(witnesses_start(&witnesses));
    for (unsigned i = 0; i < RANDOM_PROGRAMS; i += 3) {
        struct child children[3];
        struct watchdog watchdogs[3];
        struct weft_group group;
        REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
        for (unsigned j = 0; j < 3; j++) {
            struct child_options options = {.value = i + j + 1, .silent = 1, .pages = 200};
            REQUIRE(child_start_with(&children[j], "calls_at_random", (i + j) % cpu_count(), NULL,
                                     0, &options));
            watchdogs[j] = (struct watchdog){children[j].process, 200000};
            REQUIRE_STATUS(STATUS_OK,
                           weft_thread_start(&group, "watchdog", 0, WEFT_PRIORITY_DEFAULT,
                                             kill_later, &watchdogs[j]));
        }
        for (unsigned j = 0; j < 3; j++) {
            ends[child_wait(&children[j]).cause]++;
        }
        weft_group_wait(&group);
        weft_group_close(&group);
        for (unsigned j = 0; j < 3; j++) {
            child_close(&children[j]);
        }
        witnesses_go_on(&witnesses);
    }
    ktap_note("%u exited, %u faulted, %u were killed", ends[WEFT_EXITED], ends[WEFT_FAULT],
              ends[WEFT_KILLED]);
    EXPECT_EQUAL(0, ends[WEFT_ALIVE]);
    witnesses_end(&witnesses);
}

static const struct role roles[] = {
    {"witness", role_witness},
    {"uses_bad_handles", role_uses_bad_handles},
    {"uses_wrong_types", role_uses_wrong_types},
    {"uses_bad_pointers", role_uses_bad_pointers},
    {"uses_bad_numbers", role_uses_bad_numbers},
    {"calls_at_random", role_calls_at_random},
};
ROLES_MAIN(roles)
