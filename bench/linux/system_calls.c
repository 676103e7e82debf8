/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.getppid: what does it cost to enter the kernel and to leave it again?
 * linux.sched_yield: what does it cost to hand the CPU to another process?
 *
 * Timed: one getppid, past the C library's stub; one sched_yield to another process on CPU 0 that
 * does nothing but yield back, halved: two switches and two changes of the address space. The partner
 * counts its turns; a round in which it had none or two is not what the name says, so the number of
 * its turns must be that of the client's within a tenth, or there is no figure. Hot.
 */
#include "lab.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static void ask_yield(void)
{
    struct loop loop = loop_open();
    pid_t partner = partner_start(yield_back, NULL, 0);
    while (__atomic_load_n(&shared->turns, __ATOMIC_RELAXED) < SETTLE_TURNS) {
        (void)syscall(SYS_sched_yield);
    }
    uint64_t before = __atomic_load_n(&shared->turns, __ATOMIC_RELAXED);
    yield_loop(&loop);
    uint64_t turns = __atomic_load_n(&shared->turns, __ATOMIC_RELAXED) - before;
    partner_end(partner);
    if (turns < loop.total - loop.total / 10 || turns > loop.total + loop.total / 10) {
        printf("linux baseline: %lu turns of the partner in %lu\n", turns, loop.total);
        fail("sched_yield does not alternate");
    }
    report("linux.sched_yield", &loop, 2, "\"cpu\":0");
}

void ask_system_calls(void)
{
    if (asked("linux.getppid", 1)) {
        struct loop loop = loop_open();
        getppid_loop(&loop);
        report("linux.getppid", &loop, 1, "\"cpu\":0");
    }
    if (asked("linux.sched_yield", 1)) {
        ask_yield();
    }
}
