/* SPDX-License-Identifier: Apache-2.0
 *
 * A delay on purpose, for tests of what finds it in the trace: while a client calls a server again and
 * again, a thread of a higher priority wakes up on the server's CPU now and then, and runs for a while
 * (`planted` in the timeline). The client measures each call itself and says which were slow.
 *
 * Arguments: calls=N (400), delays=N (after so many it is enough, too), client=CPU (0), server=CPU (1),
 * work=US (3: of the server, for a call), delay=US (60), every=US (700), limit=US (40: a call that takes
 * longer is slow). One line comes out:
 *     @weft {"record":"delayed","calls":400,"delays":7,"slow":[41,103,...]}
 */
#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define CALLS_MAX 2000
#define PRIORITY (WEFT_PRIORITY_DEFAULT - 8) /* of client and server */
#define NAME_PLANTED 1

static uint64_t samples[CALLS_MAX];
static uint64_t calls, endpoint;
static uint32_t done, delays; /* atomic */

static void spin_for(uint64_t microseconds)
{
    uint64_t end = weft_deadline(microseconds);

    while (weft_cycles() < end) {
    }
}

static void serve(void *argument)
{
    struct weft_message message = {{0}};
    uint64_t work = weft_argument_number("work", 3);

    (void)argument;
    for (;;) {
        uint64_t badge;

        if (weft_ipc_reply_receive(endpoint, &message, &badge) != STATUS_OK) {
            weft_fail("the server cannot receive");
        }
        spin_for(work);
        message.words[0]++;
    }
}

static void call(void *argument)
{
    uint64_t enough = weft_argument_number("delays", CALLS_MAX), most = calls;

    (void)argument;
    for (calls = 0; calls < most && weft_load_acquire(&delays) < enough; calls++) {
        struct weft_message message = {{calls}};
        uint64_t before = weft_timestamp();

        if (weft_ipc_call(endpoint, &message) != STATUS_OK || message.words[0] != calls + 1) {
            weft_fail("a call came back wrong");
        }
        samples[calls] = weft_timestamp() - before;
    }
    weft_store_release(&done, 1);
}

static void intrude(void *argument)
{
    uint64_t length = weft_argument_number("delay", 60);
    uint64_t pause = weft_argument_number("every", 700);

    (void)argument;
    weft_sleep_for(pause);
    while (!weft_load_acquire(&done)) {
        (void)weft_trace_user(TRACE_KIND_BEGIN, NAME_PLANTED, delays);
        spin_for(length);
        (void)weft_trace_user(TRACE_KIND_END, NAME_PLANTED, delays);
        weft_fetch_add(&delays, 1);
        weft_sleep_for(pause);
    }
}

static void start(struct weft_group *group, const char *name, uint32_t cpu, uint32_t priority,
                  weft_thread_function *function)
{
    if (weft_thread_start(group, name, cpu, priority, function, NULL) != STATUS_OK) {
        weft_fail("cannot start %s on CPU %u", name, cpu);
    }
}

static void report(void)
{
    uint64_t limit = weft_microseconds(weft_argument_number("limit", 40));
    const char *separator = "";
    struct weft_line line = {0};
    _Bool fits =
        weft_line_add(&line, "@weft {\"record\":\"delayed\",\"calls\":%lu,\"delays\":%u,\"slow\":[",
                      calls, delays);

    for (uint64_t i = 0; i < calls; i++) {
        if (samples[i] > limit) {
            fits = fits && weft_line_add(&line, "%s%lu", separator, i);
            separator = ",";
        }
    }
    if (!fits || !weft_line_add(&line, "]}")) {
        weft_fail("too many calls were slow");
    }
    weft_line_print(&line);
}

int main(void)
{
    struct weft_name name = weft_name_pack("planted");
    uint32_t cpu = (uint32_t)weft_argument_number("server", 1);
    struct weft_group group;

    calls = weft_argument_number("calls", 400);
    if (calls < 1 || calls > CALLS_MAX) {
        weft_fail("calls must be 1 to %d", CALLS_MAX);
    }
    (void)weft_trace_name(NAME_PLANTED, name.words[0], name.words[1]);
    if (weft_group_open(&group) != STATUS_OK || weft_endpoint_create(cpu, &endpoint) != STATUS_OK) {
        weft_fail("no endpoint on CPU %u", cpu);
    }
    start(NULL, "server", cpu, PRIORITY, serve);
    start(&group, "intruder", cpu, WEFT_PRIORITY_DEFAULT, intrude);
    weft_sleep_for(weft_argument_number("every", 700) /
                   2); /* until it sleeps, for the first time */
    start(&group, "client", (uint32_t)weft_argument_number("client", 0), PRIORITY, call);
    weft_group_wait(&group);
    report();
    return 0;
}
