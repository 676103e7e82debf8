/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.getppid: what does it cost to enter the kernel and to leave it again?
 * linux.sched_yield: what does it cost to hand the CPU to another process?
 * linux.sched_yield.alone: and when nobody else wants it?
 * linux.migrate: how long is a process away that moves to another CPU?
 *
 * Timed: one getppid, past the C library's stub; one sched_yield to another process on CPU 0 that
 * does nothing but yield back, halved: two switches and two changes of the address space. The partner
 * counts its turns; a round in which it had none or two is not what the name says, so the number of
 * its turns must be that of the client's within a tenth, or the loop is repeated. One sched_setaffinity
 * of the caller, by turns from CPU 0 to CPU 1 and back, until it runs there. Hot.
 */
#include "lab.h"

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define YIELD_ATTEMPTS 5
#define SETTLE_TURNS 1000 /* a new process first gets more turns than its equal */

static void getppid_loop(struct loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        (void)syscall(SYS_getppid);
        loop->samples[i] = timestamp() - before;
    }
}

static void yield_back(const void *argument)
{
    (void)argument;
    for (;;) {
        (void)syscall(SYS_sched_yield);
        __atomic_store_n(&shared->turns, shared->turns + 1, __ATOMIC_RELAXED);
    }
}

static void yield_loop(struct loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        (void)syscall(SYS_sched_yield);
        loop->samples[i] = timestamp() - before;
    }
}

static uint64_t yielder_turns(void)
{
    return __atomic_load_n(&shared->turns, __ATOMIC_RELAXED);
}

static pid_t yielder_start(void)
{
    __atomic_store_n(&shared->turns, 0, __ATOMIC_RELAXED);
    pid_t partner = partner_start(yield_back, NULL, 0);
    while (yielder_turns() < SETTLE_TURNS) {
        (void)syscall(SYS_sched_yield);
    }
    return partner;
}

static _Bool alternated(uint64_t turns, uint64_t own)
{
    return turns >= own - own / 10 && turns <= own + own / 10;
}

static void ask_yield(void)
{
    for (unsigned attempt = 0; attempt < YIELD_ATTEMPTS; attempt++) {
        struct loop loop = loop_open();
        pid_t partner = yielder_start();
        uint64_t turns = yielder_turns();
        yield_loop(&loop);
        turns = yielder_turns() - turns;
        partner_end(partner);
        if (alternated(turns, loop.total)) {
            report("linux.sched_yield", &loop, 2, "\"cpu\":0");
            return;
        }
    }
    fail("sched_yield does not alternate");
}

void ask_migration(void)
{
    cpu_set_t only[2];
    if (!asked("linux.migrate", 2)) {
        return;
    }
    struct loop loop = loop_open();
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        CPU_ZERO(&only[cpu]);
        CPU_SET(cpu, &only[cpu]);
    }
    for (uint64_t i = 0; i < loop.total; i++) {
        uint64_t before = timestamp();
        long result = syscall(SYS_sched_setaffinity, 0, sizeof(cpu_set_t), &only[(i + 1) % 2]);
        loop.samples[i] = timestamp() - before;
        must(result, "sched_setaffinity");
    }
    run_on(0);
    report("linux.migrate", &loop, 1, "\"cpus\":2");
}

void ask_system_calls(void)
{
    if (asked("linux.getppid", 1)) {
        struct loop loop = loop_open();
        getppid_loop(&loop);
        report("linux.getppid", &loop, 1, "\"cpu\":0");
    }
    if (asked("linux.sched_yield.alone", 1)) {
        struct loop loop = loop_open();
        yield_loop(&loop);
        report("linux.sched_yield.alone", &loop, 1, "\"cpu\":0");
    }
    if (asked("linux.sched_yield", 1)) {
        ask_yield();
    }
}
