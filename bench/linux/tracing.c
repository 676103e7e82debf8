/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.trace.event, linux.trace.sched_switch: what does an event cost that ftrace records?
 *
 * Timed: 64 getppid while the event raw_syscalls/sys_enter is enabled, less the smallest time that 64
 * getppid took while no event was, divided by 64 and rounded: each of them records one event into
 * ftrace's ring in memory. Likewise 32 sched_yield to another process, which yields back, with the
 * event sched/sched_switch: each makes two. Both are SCHED_FIFO, with which they take turns strictly.
 * Hot, on CPU 0. Nobody reads the ring.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 64 /* in a sample */
#define TRACING "/sys/kernel/tracing"

static void set_file(const char *path, const char *value)
{
    int file = (int)must(open(path, O_WRONLY), path);
    must(write(file, value, 1), path);
    (void)close(file);
}

static void calls_loop(struct loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        for (unsigned call = 0; call < EVENTS; call++) {
            (void)syscall(SYS_getppid);
        }
        loop->samples[i] = timestamp() - before;
    }
}

static void yield_back(const void *argument)
{
    (void)argument;
    for (;;) {
        (void)syscall(SYS_sched_yield);
    }
}

/* Between the loops nobody is SCHED_FIFO: threads of the kernel on this CPU switch the event on. */
static void switches_loop(struct loop *loop)
{
    urgent(PRIORITY_WAKER); /* the partner inherits it */
    pid_t partner = partner_start(yield_back, NULL, 0);
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        for (unsigned call = 0; call < EVENTS / 2; call++) {
            (void)syscall(SYS_sched_yield);
        }
        loop->samples[i] = timestamp() - before;
    }
    partner_end(partner);
    urgent(0);
}

static uint64_t smallest_of(const struct loop *loop)
{
    uint64_t smallest = loop->samples[0];
    for (uint64_t i = 1; i < loop->total; i++) {
        smallest = loop->samples[i] < smallest ? loop->samples[i] : smallest;
    }
    return smallest;
}

/* The loop without and with the event that the file enables, and the difference for one event. */
static struct loop loop_event(const char *enable, void (*run)(struct loop *))
{
    struct loop loop = loop_open();
    run(&loop);
    uint64_t without = smallest_of(&loop);
    set_file(enable, "1");
    run(&loop);
    set_file(enable, "0");
    for (uint64_t i = 0; i < loop.total; i++) {
        uint64_t with = loop.samples[i];
        /* report() takes the cost of the time stamps off; here both sides have it. */
        loop.samples[i] = (with > without ? with - without : 0) + options.timestamp_cost;
    }
    return loop;
}

static void mount_tracing(void)
{
    if (mount("tracefs", TRACING, "tracefs", 0, NULL) != 0 && errno != EBUSY) {
        fail(TRACING);
    }
}

void ask_tracing(void)
{
    if (asked("linux.trace.event", 1)) {
        mount_tracing();
        struct loop loop = loop_event(TRACING "/events/raw_syscalls/sys_enter/enable", calls_loop);
        report("linux.trace.event", &loop, EVENTS, "\"cpu\":0");
    }
    if (asked("linux.trace.sched_switch", 1)) {
        mount_tracing();
        struct loop loop = loop_event(TRACING "/events/sched/sched_switch/enable", switches_loop);
        report("linux.trace.sched_switch", &loop, EVENTS, "\"cpu\":0");
    }
}
