/* SPDX-License-Identifier: Apache-2.0
 *
 * Something to look at in the scope: on each CPU from `first` on a loom, which works a while for each call, and a shuttle,
 * which calls the looms one after the other, works a while itself and rests. It goes on until the machine is switched off.
 *
 * Arguments: first=CPU (0), last=CPU (the last), work=US (150), rest=US (2000), spin=CPU: on this one a thread that
 * never rests (none).
 */
#include "weft/print.h"
#include "weft/random.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define LOOMS_MAX 16u
#define NO_CPU 255u
#define PRIORITY (WEFT_PRIORITY_DEFAULT - 8)

static uint64_t endpoints[LOOMS_MAX];
static uint32_t looms;
static uint64_t work, rest;

static void work_for(uint64_t microseconds)
{
    uint64_t end = weft_deadline(microseconds);
    while (weft_cycles() < end) {
    }
}

static void loom(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    for (;;) {
        if (weft_ipc_reply_receive((uint64_t)argument, &message, &badge) != STATUS_OK) {
            weft_fail("a loom cannot receive");
        }
        work_for(work);
    }
}

static void shuttle(void *argument)
{
    struct weft_random random = {(uint64_t)argument + 1};
    for (uint32_t at = (uint32_t)(uint64_t)argument;; at++) {
        struct weft_message message = {{at}};
        if (weft_ipc_call(endpoints[at % looms], &message) != STATUS_OK) {
            weft_fail("a loom does not answer");
        }
        work_for(weft_random_below(&random, work + 1));
        weft_sleep_for(rest / 2 + weft_random_below(&random, rest + 1));
    }
}

static void spin(void *unused)
{
    (void)unused;
    for (;;) {
        weft_pause();
    }
}

static void start(const char *kind, uint32_t cpu, weft_thread_function *function, uint64_t argument)
{
    char name[NAME_MAX + 1];
    (void)weft_format(name, sizeof(name), "%s %u", kind, cpu);
    if (weft_thread_start(NULL, name, cpu, PRIORITY, function, (void *)argument) != STATUS_OK) {
        weft_fail("cannot start %s", name);
    }
}

int main(void)
{
    uint32_t last_cpu = weft_startup()->cpu_count - 1;
    uint32_t first = (uint32_t)weft_argument_number("first", 0);
    uint32_t last = (uint32_t)weft_argument_number("last", last_cpu);
    uint32_t spinner = (uint32_t)weft_argument_number("spin", NO_CPU);

    last = last < last_cpu ? last : last_cpu;
    work = weft_argument_number("work", 150);
    rest = weft_argument_number("rest", 2000);
    if (first > last || last - first >= LOOMS_MAX) {
        weft_fail("first and last must be up to %u CPUs that there are", LOOMS_MAX);
    }
    looms = last - first + 1;
    for (uint32_t i = 0; i < looms; i++) {
        if (weft_endpoint_create(first + i, &endpoints[i]) != STATUS_OK) {
            weft_fail("no endpoint on CPU %u", first + i);
        }
        start("loom", first + i, loom, endpoints[i]);
    }
    for (uint32_t i = 0; i < looms; i++) {
        start("shuttle", first + i, shuttle, i);
    }
    if (spinner <= last_cpu) {
        start("spinner", spinner, spin, 0);
    }
    for (;;) {
        (void)weft_sleep(UINT64_MAX);
    }
}
