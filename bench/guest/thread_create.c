/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.create: how long does a thread take to be made, to run, and to be gone?
 *
 * Timed: thread_create on CPU 0 in the caller's own process, the new thread's run up to its signal and its
 * thread_exit, and the caller's wait for that signal. Both have the same priority: the caller blocks, the
 * new thread runs. Its stack exists before and is used again. Not measured: another CPU, a new process, the
 * library's own care for stacks and groups.
 */
#include "bench.h"

#include "weft/thread.h"

#define STACK_BYTES 8192

static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));

static _Noreturn void run(uint64_t notification)
{
    (void)weft_notification_signal(notification, 1);
    for (;;) {
        (void)weft_thread_exit(0);
    }
}

static void loop_create(struct bench_loop *loop)
{
    uint64_t bits;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t handle = 0;
        uint64_t before = weft_timestamp();
        status_t status =
            weft_thread_create(HANDLE_SELF, WEFT_PRIORITY_DEFAULT << 16, (uint64_t)run,
                               (uint64_t)stack + STACK_BYTES - 8, loop->handles[0], &handle);
        status |= weft_notification_wait(loop->handles[0], 0, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
        /* It may have signalled and not yet ended: the stack is free when it is dead. */
        loop->failed |= (uint64_t)weft_thread_kill(handle) & ~(uint64_t)STATUS_DEAD;
        loop->failed |= (uint64_t)weft_cap_delete(handle);
    }
}

static void thread_create(void)
{
    struct bench_loop loop = {.handles = {bench_notification(0)}};
    bench_measure(&loop, "thread.create", 0, bench_options.samples, loop_create);
    bench_correct(&loop, 1);
    bench_report("thread.create", &loop, "\"cpu\":0");
}
BENCHMARK("thread.create", thread_create);
