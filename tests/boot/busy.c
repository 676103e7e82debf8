/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps every CPU busy for ever: a server on each, and on each a client that calls the server of the
 * next CPU. For tests that look at a running machine, or break one. Says `busy` when all have begun.
 */
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define CPUS_MAX 64

static uint64_t endpoints[CPUS_MAX];
static uint32_t begun;

static void serve(void *argument)
{
    struct weft_message message = {{0}};

    for (;;) {
        uint64_t badge;

        if (weft_ipc_reply_receive((uint64_t)argument, &message, &badge) != STATUS_OK) {
            weft_fail("the server cannot receive");
        }
        message.words[0]++;
    }
}

static void call(void *argument)
{
    for (uint64_t count = 0;; count++) {
        struct weft_message message = {{count}};

        if (weft_ipc_call((uint64_t)argument, &message) != STATUS_OK ||
            message.words[0] != count + 1) {
            weft_fail("a call came back wrong");
        }
        if (count == 0) {
            weft_fetch_add(&begun, 1);
        }
    }
}

static void start(const char *name, uint32_t cpu, weft_thread_function *function, uint64_t endpoint)
{
    if (weft_thread_start(NULL, name, cpu, WEFT_PRIORITY_DEFAULT, function, (void *)endpoint) !=
        STATUS_OK) {
        weft_fail("cannot start %s on CPU %u", name, cpu);
    }
}

int main(void)
{
    uint32_t count = weft_startup()->cpu_count;

    if (count > CPUS_MAX) {
        weft_fail("at most %d CPUs", CPUS_MAX);
    }
    for (uint32_t cpu = 0; cpu < count; cpu++) {
        if (weft_endpoint_create(cpu, &endpoints[cpu]) != STATUS_OK) {
            weft_fail("no endpoint on CPU %u", cpu);
        }
        start("server", cpu, serve, endpoints[cpu]);
    }
    for (uint32_t cpu = 0; cpu < count; cpu++) {
        start("client", cpu, call, endpoints[(cpu + 1) % count]);
    }
    while (weft_load_acquire(&begun) < count) {
        weft_sleep_for(1000);
    }
    weft_print("busy\n");
    for (;;) {
        weft_sleep_for(1000000);
    }
}
