/* SPDX-License-Identifier: Apache-2.0
 *
 * Vector registers belong to their thread: through yields, sleeps, the end of a time slice, moves to
 * other CPUs, and between processes, whoever else uses them meanwhile. A new thread starts with
 * clean ones.
 *
 * weft-test: cpus=4
 * weft-test: cpus=4 append="timeslice_us=500"
 * weft-test: cpus=2 cpu=qemu64
 * weft-test: cpus=1 accel=icount
 */
#define PROGRAM "test_fpu"
#include "child.h"

#include "weft/atomic.h"

#define THREADS 6
#define ROUNDS 40

static uint32_t turn; /* atomic: makes every thread's values its own */

static uint64_t own_seed(void)
{
    return (uint64_t)(weft_fetch_add(&turn, 1) + 1) << 40;
}

static void on_cpu(uint32_t cpu, uint32_t count, weft_thread_function *work)
{
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE_STATUS(STATUS_OK,
                       weft_thread_start(&group, "vectors", (cpu + i / THREADS) % cpu_count(),
                                         WEFT_PRIORITY_DEFAULT, work, NULL));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
}

static void keep_while_yielding(void *argument)
{
    uint64_t seed = own_seed();
    (void)argument;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        EXPECT_EQUAL(0, weft_vector_registers_differ(seed + i, SYSCALL_YIELD, 0, 0));
    }
}

TEST(yields_keep_them, "threads of one CPU that yield to each other")
{
    on_cpu(0, THREADS * cpu_count(), keep_while_yielding);
}

static void keep_while_sleeping(void *argument)
{
    uint64_t seed = own_seed();
    (void)argument;
    for (uint64_t i = 0; i < ROUNDS / 4; i++) {
        EXPECT_EQUAL(0, weft_vector_registers_differ(seed + i, SYSCALL_SLEEP,
                                                     weft_deadline(50 + i * 13 % 100), 0));
    }
}

TEST(sleeps_keep_them, "threads of one CPU that sleep and wake among each other")
{
    on_cpu(0, THREADS * cpu_count(), keep_while_sleeping);
}

static void keep_while_spinning(void *argument)
{
    uint64_t seed = own_seed();
    (void)argument;
    for (uint64_t i = 0; i < 4; i++) {
        EXPECT_EQUAL(0,
                     weft_vector_registers_differ(seed + i, SYSCALL_NULL, 0, weft_deadline(12000)));
    }
}

TEST(preemption_keeps_them, "threads of one CPU that never give it up")
{
    on_cpu(other_cpu(), 3, keep_while_spinning);
}

static void keep_while_moving(void *argument)
{
    uint64_t seed = own_seed();
    (void)argument;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        EXPECT_EQUAL(0, weft_vector_registers_differ(seed + i, SYSCALL_THREAD_MIGRATE,
                                                     (seed >> 40) * i % cpu_count(), 0));
    }
}

TEST(migration_keeps_them, "threads that move from CPU to CPU")
{
    on_cpu(0, THREADS * cpu_count(), keep_while_moving);
}

static int role_yields(uint64_t value)
{
    for (uint64_t i = 0; i < 4 * ROUNDS; i++) {
        if (weft_vector_registers_differ(value << 32 | i, SYSCALL_YIELD, 0, 0) != 0) {
            return 1;
        }
    }
    return 0;
}

TEST(processes_keep_them, "threads of different processes on one CPU")
{
    struct child children[4];
    for (unsigned i = 0; i < 4; i++) {
        struct child_options options = {.value = i + 1};
        REQUIRE(child_start_with(&children[i], "yields", other_cpu(), NULL, 0, &options));
    }
    for (unsigned i = 0; i < 4; i++) {
        struct weft_end end = child_wait(&children[i]);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
        child_close(&children[i]);
    }
}

/* Nothing of another thread may be seen by a new one, nor by one that uses them for the first time. */
static void look_at_fresh_registers(void *argument)
{
    uint64_t words[2] = {1, 1};
    (void)argument;
#if defined(__x86_64__)
    __asm__ volatile("movups %%xmm7, %0" : "=m"(words));
#endif
    EXPECT_EQUAL(0, words[0]);
    EXPECT_EQUAL(0, words[1]);
}

TEST(new_threads_start_clean, "a new thread sees zeros, not what others left behind")
{
    for (uint32_t cpu = 0; cpu < cpu_count(); cpu++) {
        on_cpu(cpu, 1, keep_while_yielding);
        on_cpu(cpu, 2, look_at_fresh_registers);
    }
}

static const struct role roles[] = {{"yields", role_yields}};
ROLES_MAIN(roles)
