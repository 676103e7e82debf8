/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.trace.event: what does an event cost that ftrace records?
 *
 * Timed: 64 getppid while the event raw_syscalls/sys_enter is enabled, less the smallest time that 64
 * getppid took while no event was, divided by 64 and rounded: each of them records one event into
 * ftrace's ring in memory. Hot, on CPU 0. Nobody reads the ring.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS 64
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
        for (unsigned call = 0; call < CALLS; call++) {
            (void)syscall(SYS_getppid);
        }
        loop->samples[i] = timestamp() - before;
    }
}

static uint64_t smallest_of(const struct loop *loop)
{
    uint64_t smallest = loop->samples[0];
    for (uint64_t i = 1; i < loop->total; i++) {
        smallest = loop->samples[i] < smallest ? loop->samples[i] : smallest;
    }
    return smallest;
}

void ask_tracing(void)
{
    static const char event[] = TRACING "/events/raw_syscalls/sys_enter/enable";
    if (!asked("linux.trace.event", 1)) {
        return;
    }
    if (mount("tracefs", TRACING, "tracefs", 0, NULL) != 0 && errno != EBUSY) {
        fail(TRACING);
    }
    struct loop loop = loop_open();
    calls_loop(&loop);
    uint64_t without = smallest_of(&loop);
    set_file(event, "1");
    calls_loop(&loop);
    set_file(event, "0");
    for (uint64_t i = 0; i < loop.total; i++) {
        uint64_t with = loop.samples[i];
        /* report() takes the cost of the time stamps off; here both sides have it. */
        loop.samples[i] = (with > without ? with - without : 0) + options.timestamp_cost;
    }
    report("linux.trace.event", &loop, CALLS, "\"cpu\":0");
}
