/* SPDX-License-Identifier: Apache-2.0
 *
 * What can somebody of middle urgency do to an urgent client? All on CPU 0: the client at the top, a
 * busy thread in the middle, and at the bottom a server that computes for WORK_INSTRUCTIONS per call.
 *
 * priority.inversion.free: the server waits for calls. It runs on its caller's account, so the one in the
 *     middle should not matter.
 * priority.inversion.held: the server works for a client at the bottom when the urgent one calls, and the
 *     one in the middle begins, right before that call, with MIDDLE_INSTRUCTIONS of work. A queue is first
 *     come, first served, and its waiters lend nothing to the server: the one in the middle goes first.
 *
 * Timed: the urgent client's ipc_call, there and back, the server's work in it; each without (`middle` 0)
 * and with the thread in the middle. Not measured: chains of servers, other CPUs.
 */
#include "load.h"
#include "bench.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/time.h"

#define WORK_INSTRUCTIONS 10000
#define MIDDLE_INSTRUCTIONS 50000
#define LOW_PRIORITY LOAD_PRIORITY_LOW
#define MIDDLE_PRIORITY 16
#define GAP_MICROSECONDS 100
#define STOP 1

static uint64_t endpoint, begin; /* the server's; the notification of the one in the middle */
static uint32_t ended;           /* atomic */

static void serve(void *unused)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    (void)unused;
    while (weft_ipc_reply_receive(endpoint, &message, &badge) == STATUS_OK &&
           message.words[0] != STOP) {
        load_work(WORK_INSTRUCTIONS);
    }
    (void)weft_ipc_reply(&message, NULL);
}

/* Keeps the server busy, at the bottom. */
static void call_always(void *unused)
{
    struct weft_message message = {{0}};
    (void)unused;
    while (weft_load_acquire(&ended) == 0 && weft_ipc_call(endpoint, &message) == STATUS_OK) {
    }
}

/* Works each time that it is told to; with `begin` 0 it is not there. */
static void work_in_the_middle(void *unused)
{
    uint64_t bits;
    (void)unused;
    while (weft_notification_wait(begin, 0, &bits) == STATUS_OK && weft_load_acquire(&ended) == 0) {
        load_work(MIDDLE_INSTRUCTIONS);
    }
}

static void loop_call(struct bench_loop *loop)
{
    struct weft_message message = {{0}};
    for (uint64_t i = 0; i < loop->total; i++) {
        weft_sleep_for(GAP_MICROSECONDS); /* the others run */
        loop->failed |= begin != 0 ? (uint64_t)weft_notification_signal(begin, 1) : 0;
        uint64_t before = weft_timestamp();
        status_t status = weft_ipc_call(endpoint, &message);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static struct weft_group workers; /* the server and the one in the middle */
static struct weft_group clients; /* the low client */

static void start(struct weft_group *group, const char *name, uint32_t priority,
                  weft_thread_function *function)
{
    if (weft_thread_start(group, name, 0, priority, function, NULL) != STATUS_OK) {
        weft_fail("priority.inversion: no thread is left");
    }
}

/* The low client first: nobody would answer it any more. */
static void end_all(void)
{
    struct weft_message stop = {{STOP}};
    weft_store_release(&ended, 1);
    weft_group_wait(&clients);
    (void)weft_ipc_call(endpoint, &stop);
    if (begin != 0) {
        (void)weft_notification_signal(begin, 1);
    }
    weft_group_wait(&workers);
    load_settle();
    (void)weft_cap_delete(endpoint);
    if (begin != 0) {
        (void)weft_cap_delete(begin);
    }
}

static void measure(const char *name, _Bool held, _Bool middle)
{
    char params[96];
    struct bench_loop loop = {0};
    endpoint = bench_endpoint(0);
    begin = middle ? bench_notification(0) : 0;
    weft_store_release(&ended, 0);
    if (weft_group_open(&workers) != STATUS_OK || weft_group_open(&clients) != STATUS_OK) {
        weft_fail("priority.inversion: no notification is left");
    }
    start(&workers, "server", LOW_PRIORITY, serve);
    if (held) {
        start(&clients, "low client", LOW_PRIORITY, call_always);
    }
    if (middle) {
        start(&workers, "middle", MIDDLE_PRIORITY, work_in_the_middle);
    }
    bench_measure(&loop, "urgent client", 0, bench_options.samples, loop_call);
    end_all();
    weft_group_close(&workers);
    weft_group_close(&clients);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpu\":0,\"work\":%u,\"middle\":%u", WORK_INSTRUCTIONS,
                middle ? MIDDLE_INSTRUCTIONS : 0);
    bench_report(name, &loop, params);
}

static void priority_inversion_free(void)
{
    measure("priority.inversion.free", 0, 0);
    measure("priority.inversion.free", 0, 1);
}
BENCHMARK("priority.inversion.free", priority_inversion_free);

static void priority_inversion_held(void)
{
    measure("priority.inversion.held", 1, 0);
    measure("priority.inversion.held", 1, 1);
}
BENCHMARK("priority.inversion.held", priority_inversion_held);
