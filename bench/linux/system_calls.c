/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.getppid: what does it cost to enter the kernel and to leave it again?
 * linux.sched_yield: what does it cost to hand the CPU to another process?
 * linux.sched_yield.alone: and when nobody else wants it?
 * linux.migrate: how long is a process away that moves to another CPU?
 *
 * Timed: one getppid, past the C library's stub; one sched_yield to another process on CPU 0 that
 * does nothing but yield back, halved: two switches and two changes of the address space. Linux does
 * not promise that two processes take turns by yielding: the partner counts its turns, and yields in
 * which it had none or several are left out (the record says how many). One sched_setaffinity
 * of the caller, by turns from CPU 0 to CPU 1 and back, until it runs there. Hot.
 */
#include "lab.h"

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define YIELDS_MAX 1000000
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

static uint64_t partner_turns(void)
{
    return __atomic_load_n(&shared->turns, __ATOMIC_RELAXED);
}

/* Keeps the yields in which the partner had one turn; how many it did not keep. */
static uint64_t yield_by_turns(struct loop *loop)
{
    uint64_t kept = 0, made = 0;
    for (; kept < loop->total && made < YIELDS_MAX; made++) {
        uint64_t turns = partner_turns();
        uint64_t before = timestamp();
        (void)syscall(SYS_sched_yield);
        loop->samples[kept] = timestamp() - before;
        kept += partner_turns() - turns == 1;
    }
    if (kept < loop->total) {
        fail("sched_yield does not alternate");
    }
    return made - kept;
}

static void ask_yield(void)
{
    char params[48];
    struct loop loop = loop_open();
    pid_t partner = partner_start(yield_back, NULL, 0);
    while (partner_turns() < SETTLE_TURNS) {
        (void)syscall(SYS_sched_yield);
    }
    uint64_t left_out = yield_by_turns(&loop);
    partner_end(partner);
    (void)snprintf(params, sizeof(params), "\"cpu\":0,\"left_out\":%lu", left_out);
    report("linux.sched_yield", &loop, 2, params);
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
