/* SPDX-License-Identifier: Apache-2.0
 *
 * What do two processes on one CPU pay to take turns by notifications?
 *
 * ipc.notify.same_core: with notification_signal_wait, one system call on each side.
 * ipc.notify.same_core.two_calls: with notification_signal and notification_wait.
 *
 * Timed: the round trip on CPU 0: signal the partner, wait; the partner wakes, signals back, waits;
 * until the first one is awake again. Two signals, two waits, two changes of the address space; hot.
 * Not measured: data (a notification carries bits), signals to a thread that is not asleep.
 */
#include "bench.h"

#include "weft/startup.h"

static void loop_turns(struct bench_loop *loop)
{
    uint64_t there = loop->handles[0];
    uint64_t back = loop->handles[1];
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t before = weft_timestamp();
        status_t status = weft_notification_signal_wait(there, 1, back, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status | (bits ^ 2);
    }
    loop->failed = failed;
}

static void loop_turns_two_calls(struct bench_loop *loop)
{
    uint64_t there = loop->handles[0];
    uint64_t back = loop->handles[1];
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        uint64_t before = weft_timestamp();
        status_t signalled = weft_notification_signal(there, 1);
        status_t woken = weft_notification_wait(back, 0, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)(signalled | woken) | (bits ^ 2);
    }
    loop->failed = failed;
}

static _Noreturn void respond(void)
{
    uint64_t there = weft_capability("there");
    uint64_t back = weft_capability("back");
    uint64_t bits;
    status_t status = weft_notification_wait(there, 0, &bits);
    while (status == STATUS_OK) {
        status = weft_notification_signal_wait(back, bits + 1, there, &bits);
    }
    weft_fail("the responder cannot answer");
}
BENCH_ROLE("responder", respond);

static _Noreturn void respond_in_two_calls(void)
{
    uint64_t there = weft_capability("there");
    uint64_t back = weft_capability("back");
    for (;;) {
        uint64_t bits;
        status_t woken = weft_notification_wait(there, 0, &bits);
        status_t signalled = weft_notification_signal(back, bits + 1);
        if ((woken | signalled) != STATUS_OK) {
            weft_fail("the responder cannot answer");
        }
    }
}
BENCH_ROLE("responder_two_calls", respond_in_two_calls);

static void take_turns(const char *name, const char *responder,
                       void (*turns)(struct bench_loop *loop))
{
    struct bench_partner partner;
    struct bench_loop loop = {.handles = {bench_notification(0), bench_notification(0)}};
    struct weft_grant grants[] = {
        {"there", loop.handles[0], RIGHT_READ, 0},
        {"back", loop.handles[1], RIGHT_WRITE, 0},
    };
    bench_partner_start(&partner, responder, 0, grants, 2);
    bench_measure(&loop, "ipc.notify.same", 0, bench_options.samples, turns);
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    (void)weft_cap_delete(loop.handles[1]);
    bench_correct(&loop, 1);
    bench_report(name, &loop, "\"cpu\":0");
}

static void ipc_notify_same_core(void)
{
    take_turns("ipc.notify.same_core", "responder", loop_turns);
}
BENCHMARK("ipc.notify.same_core", ipc_notify_same_core);

static void ipc_notify_same_core_two_calls(void)
{
    take_turns("ipc.notify.same_core.two_calls", "responder_two_calls", loop_turns_two_calls);
}
BENCHMARK("ipc.notify.same_core.two_calls", ipc_notify_same_core_two_calls);
