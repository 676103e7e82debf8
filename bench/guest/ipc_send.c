/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.send: what does a message without an answer cost who sends one after the other?
 * ipc.send.one_way: how soon does the receiver have it?
 * ipc.send.timed: the same with a deadline that never comes. ipc.send.non_blocking: the same with
 * WEFT_IPC_NO_WAIT; attempts that come before the receiver waits again do not count.
 * ipc.send.refused: what does it cost to learn that no receiver waits?
 *
 * Timed, ipc.send: BATCH messages of four words in a row by ipc_send, each of which returns when a
 * receiver has it, divided by BATCH and rounded; the receiver takes the next one with ipc_receive at
 * once. Its inverse is the throughput. ipc.send.one_way: from the time stamp before ipc_send to the
 * receiver's time stamp behind ipc_receive; the sender goes on when that is noted: on one CPU by yield,
 * across CPUs by PAUSE. Both CPUs read the same clock. Sender on CPU 0, receiver and endpoint on CPU 0 and
 * on CPU 1; two processes; hot. Not measured: work with the message.
 */
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/time.h"

#define BATCH 16
#define FAR_MICROSECONDS 3600000000ull

static _Noreturn void receive(void)
{
    struct bench_shared *shared = bench_shared();
    uint64_t endpoint = weft_capability("endpoint");
    for (;;) {
        struct weft_message message = {{0}};
        uint64_t badge;
        status_t status = weft_ipc_receive(endpoint, &message, &badge, NULL);
        uint64_t after = weft_timestamp();
        if (status != STATUS_OK) {
            weft_fail("the receiver cannot receive");
        }
        weft_store64_release(&shared->stamps[message.words[0] % BENCH_SAMPLES_MAX], after);
        weft_store64_release(&shared->turns, shared->turns + 1);
    }
}
BENCH_ROLE("receiver", receive);

static void loop_stream(struct bench_loop *loop)
{
    const struct weft_message message = {{0, 1, 2, 3}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (unsigned sent = 0; sent < BATCH; sent++) {
            failed |= (uint64_t)weft_ipc_send(loop->handles[0], &message, NULL);
        }
        loop->samples[i] = weft_timestamp() - before;
    }
    loop->failed = failed;
}

/* Lets the receiver go on. */
static void give_way(uint64_t receiver_cpu)
{
    if (receiver_cpu == 0) {
        (void)weft_yield();
    } else {
        weft_pause();
    }
}

/* The loop's argument: the receiver's CPU. */
static inline __attribute__((always_inline)) void send_each(struct bench_loop *loop,
                                                            struct weft_ipc *ipc)
{
    uint64_t *stamps = bench_shared()->stamps;
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        const struct weft_message message = {{i, 1, 2, 3}};
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_send(loop->handles[0], &message, ipc);
        while (status == STATUS_WOULD_BLOCK) { /* it does not wait yet */
            give_way(loop->argument);
            before = weft_timestamp();
            status = weft_ipc_send(loop->handles[0], &message, ipc);
        }
        while (status == STATUS_OK && weft_load64_acquire(&stamps[i]) == 0) {
            give_way(loop->argument);
        }
        loop->samples[i] = before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed;
}

static void loop_one_way(struct bench_loop *loop)
{
    send_each(loop, NULL);
}

static void loop_timed(struct bench_loop *loop)
{
    struct weft_ipc ipc = {.deadline = weft_deadline(FAR_MICROSECONDS)};
    send_each(loop, &ipc);
}

static void loop_non_blocking(struct bench_loop *loop)
{
    struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};
    send_each(loop, &ipc);
}

static void loop_refused(struct bench_loop *loop)
{
    const struct weft_message message = {{0, 1, 2, 3}};
    struct weft_ipc ipc = {.flags = WEFT_IPC_NO_WAIT};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_send(loop->handles[0], &message, &ipc);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)(status ^ STATUS_WOULD_BLOCK);
    }
    loop->failed = failed;
}

static void report(const char *name, struct bench_loop *loop, const char *more)
{
    char params[64];
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%lu%s", loop->argument, more);
    bench_report(name, loop, params);
}

static void measure_each(const char *name, struct bench_loop *loop, bench_loop_function *function)
{
    stamps_clear();
    bench_measure(loop, "ipc.send.each", 0, bench_options.samples, function);
    stamps_join(loop, name);
    bench_correct(loop, 1);
    report(name, loop, "");
}

static void measure_stream(struct bench_loop *loop)
{
    char more[32];
    struct bench_shared *shared = bench_shared();
    stamps_clear();
    bench_measure(loop, "ipc.send", 0, bench_options.samples, loop_stream);
    while (weft_load64_acquire(&shared->turns) < loop->total * BATCH) {
        (void)weft_yield(); /* the last one has been taken, and is not yet counted */
    }
    bench_correct(loop, BATCH);
    weft_format(more, sizeof(more), ",\"sends_per_sample\":%u", BATCH);
    report("ipc.send", loop, more);
}

static void measure(uint32_t cpu)
{
    struct bench_partner partner;
    struct bench_loop loop = {.handles = {bench_endpoint(cpu)}, .argument = cpu};
    struct weft_grant grants[] = {
        {"endpoint", loop.handles[0], RIGHT_READ, 0},
        {"shared", bench_shared_handle(), RIGHT_READ | RIGHT_WRITE, 0},
    };
    bench_partner_start(&partner, "receiver", cpu, grants, 2);
    measure_each("ipc.send.one_way", &loop, loop_one_way);
    measure_each("ipc.send.timed", &loop, loop_timed);
    measure_each("ipc.send.non_blocking", &loop, loop_non_blocking);
    measure_stream(&loop);
    bench_partner_end(&partner);
    (void)weft_cap_delete(loop.handles[0]);
    loop.handles[0] = bench_endpoint(cpu);
    bench_measure(&loop, "ipc.send.refused", 0, bench_options.samples, loop_refused);
    bench_correct(&loop, 1);
    report("ipc.send.refused", &loop, "");
    (void)weft_cap_delete(loop.handles[0]);
}

static void ipc_send(void)
{
    for (uint32_t cpu = 0; cpu < bench_options.cpu_count && cpu < 2; cpu++) {
        measure(cpu);
    }
    stamps_clear();
}
BENCHMARK("ipc.send", ipc_send);
