/* SPDX-License-Identifier: Apache-2.0
 *
 * What do the other forms of a notification cost?
 *
 * ipc.notify.round_trip: two processes on two CPUs that take turns, as ipc.notify.same_core on one.
 * ipc.notify.same_process: as ipc.notify.same_core, with a thread of the own process for a partner.
 * ipc.notify.timed: as ipc.notify.same_core.two_calls, where this side waits with a deadline that never
 * comes. ipc.notify.signal: a signal to a notification for which nobody waits, on CPU 0 and on CPU 1; one
 * way, and only the sender's part of it. ipc.notify.poll: a wait that shall not wait, as its deadline has
 * passed, and finds nothing. ipc.notify.timed_out: a wait that ends by its deadline of
 * DEADLINE_MICROSECONDS; timed is what lies behind the deadline: how late the waiter runs again.
 *
 * Timed: from before the first stub to after the last one; CPU 0 unless said; hot.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/time.h"

#define DEADLINE_MICROSECONDS 100
#define FAR_MICROSECONDS 3600000000ull
#define PASSED 1 /* a deadline long ago */

static void loop_turns(struct bench_loop *loop)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t before = weft_timestamp();
        status_t status =
            weft_notification_signal_wait(loop->handles[0], 1, loop->handles[1], &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status | (bits ^ 2);
    }
    loop->failed = failed;
}

static void loop_timed(struct bench_loop *loop)
{
    uint64_t deadline = weft_deadline(FAR_MICROSECONDS), failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t before = weft_timestamp();
        status_t signalled = weft_notification_signal(loop->handles[0], 1);
        status_t woken = weft_notification_wait(loop->handles[1], deadline, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)(signalled | woken) | (bits ^ 2);
    }
    loop->failed = failed;
}

static void loop_signal(struct bench_loop *loop)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_notification_signal(loop->handles[0], 1);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed;
}

static void loop_poll(struct bench_loop *loop)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t before = weft_timestamp();
        status_t status = weft_notification_wait(loop->handles[0], PASSED, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)(status ^ STATUS_TIMED_OUT);
    }
    loop->failed = failed;
}

static void loop_timed_out(struct bench_loop *loop)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t deadline = weft_deadline(DEADLINE_MICROSECONDS);
        status_t status = weft_notification_wait(loop->handles[0], deadline, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - deadline;
        failed |= (uint64_t)(status ^ STATUS_TIMED_OUT) | (after < deadline);
    }
    loop->failed = failed;
}

/* With a partner process on `cpu` that answers each signal. */
static void measure_turns(const char *name, uint32_t cpu, bench_loop_function *function)
{
    char params[48];
    struct bench_partner partner;
    struct bench_loop loop = {.handles = {bench_notification(cpu), bench_notification(0)}};
    struct weft_grant grants[] = {
        {"there", loop.handles[0], RIGHT_READ, 0},
        {"back", loop.handles[1], RIGHT_WRITE, 0},
    };
    bench_partner_start(&partner, "responder", cpu, grants, 2);
    bench_measure(&loop, "ipc.notify.forms", 0, bench_options.samples, function);
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    (void)weft_cap_delete(loop.handles[1]);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u", cpu);
    bench_report(name, &loop, params);
}

/* Alone with a notification that lives on `cpu`. */
static void measure_alone(const char *name, uint32_t cpu, bench_loop_function *function)
{
    char params[48];
    struct bench_loop loop = {.handles = {bench_notification(cpu)}};
    bench_measure(&loop, "ipc.notify.forms", 0, bench_options.samples, function);
    (void)weft_cap_delete(loop.handles[0]);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u", cpu);
    bench_report(name, &loop, params);
}

static void ipc_notify_round_trip(void)
{
    if (bench_options.cpu_count > 1) {
        measure_turns("ipc.notify.round_trip", 1, loop_turns);
    }
}
BENCHMARK("ipc.notify.round_trip", ipc_notify_round_trip);

static void ipc_notify_timed(void)
{
    measure_turns("ipc.notify.timed", 0, loop_timed);
}
BENCHMARK("ipc.notify.timed", ipc_notify_timed);

static void ipc_notify_signal(void)
{
    for (uint32_t cpu = 0; cpu < bench_options.cpu_count && cpu < 2; cpu++) {
        measure_alone("ipc.notify.signal", cpu, loop_signal);
    }
}
BENCHMARK("ipc.notify.signal", ipc_notify_signal);

static void ipc_notify_poll(void)
{
    measure_alone("ipc.notify.poll", 0, loop_poll);
}
BENCHMARK("ipc.notify.poll", ipc_notify_poll);

static void ipc_notify_timed_out(void)
{
    measure_alone("ipc.notify.timed_out", 0, loop_timed_out);
}
BENCHMARK("ipc.notify.timed_out", ipc_notify_timed_out);

static void respond(void *argument)
{
    struct bench_loop *loop = argument;
    uint64_t bits;
    status_t status = weft_notification_wait(loop->handles[0], 0, &bits);
    while (status == STATUS_OK && bits == 1) { /* bit 1: the end */
        status = weft_notification_signal_wait(loop->handles[1], 2, loop->handles[0], &bits);
    }
}

static void ipc_notify_same_process(void)
{
    struct weft_group group;
    struct bench_loop loop = {.handles = {bench_notification(0), bench_notification(0)}};
    if (weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "responder", 0, WEFT_PRIORITY_DEFAULT, respond, &loop) !=
            STATUS_OK) {
        weft_fail("ipc.notify.same_process: no thread is left");
    }
    bench_measure(&loop, "ipc.notify.proc", 0, bench_options.samples, loop_turns);
    (void)weft_notification_signal(loop.handles[0], 2);
    weft_group_wait(&group);
    weft_group_close(&group);
    (void)weft_cap_delete(loop.handles[0]);
    (void)weft_cap_delete(loop.handles[1]);
    bench_correct(&loop, 1);
    bench_report("ipc.notify.same_process", &loop, "\"from_cpu\":0,\"to_cpu\":0");
}
BENCHMARK("ipc.notify.same_process", ipc_notify_same_process);
