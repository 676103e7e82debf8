/* SPDX-License-Identifier: Apache-2.0
 *
 * syscall.yield: what does a yield cost when nobody else wants the CPU?
 * syscall.cheap: what do other calls cost that end where they began, on their CPU, without a wait?
 *
 * Timed: one call, from before its stub to after it, hot, on CPU 0; the record's parameter `call` says which.
 * `bad_handle` is cap_inspect of a handle that names nothing: the way to an error. The objects live on CPU
 * 0. Not measured: cold caches, objects of other CPUs, to which a call travels.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"

struct call {
    const char *name;
    status_t (*make)(uint64_t handle);
    status_t wanted;
};

static status_t yield(uint64_t handle)
{
    (void)handle;
    return weft_yield();
}

static status_t sleep_past(uint64_t handle)
{
    (void)handle;
    return weft_sleep(1);
}

static status_t inspect(uint64_t handle)
{
    uint64_t value;
    return weft_cap_inspect(handle, 0, &value);
}

static status_t inspect_nothing(uint64_t handle)
{
    uint64_t value;
    (void)handle;
    return weft_cap_inspect(0, 0, &value);
}

/* The bits are set already but for the first time: nobody waits for them. */
static status_t signal(uint64_t handle)
{
    return weft_notification_signal(handle, 1);
}

static status_t process_status(uint64_t handle)
{
    uint64_t state;
    (void)handle;
    return weft_process_status(HANDLE_SELF, &state);
}

static status_t statistics_cpu(uint64_t handle)
{
    struct weft_cpu_statistics statistics;
    (void)handle;
    return weft_statistics_cpu(weft_startup()->cpus, 0, (uint64_t)&statistics);
}

static status_t statistics_process(uint64_t handle)
{
    struct weft_process_statistics statistics;
    (void)handle;
    return weft_process_statistics(HANDLE_SELF, (uint64_t)&statistics);
}

static const struct call calls[] = {
    {"sleep_past", sleep_past, STATUS_OK},
    {"cap_inspect", inspect, STATUS_OK},
    {"bad_handle", inspect_nothing, STATUS_BAD_HANDLE},
    {"notification_signal", signal, STATUS_OK},
    {"process_status", process_status, STATUS_OK},
    {"statistics_cpu", statistics_cpu, STATUS_OK},
    {"process_statistics", statistics_process, STATUS_OK},
};
static const struct call yield_call = {"yield", yield, STATUS_OK};

static const struct call *chosen;

/* The call goes through a pointer, alike for all: the same work as a direct one but for a few instructions
 * (call, return and the frame between them). */
static void loop_calls(struct bench_loop *loop)
{
    status_t (*make)(uint64_t) = chosen->make;
    uint64_t handle = loop->handles[0];
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        status_t status = make(handle);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)(status ^ chosen->wanted);
    }
}

static void measure(const char *name, const struct call *call)
{
    char params[64];
    struct bench_loop loop = {.handles = {bench_notification(0)}};
    chosen = call;
    bench_measure(&loop, name, 0, bench_options.samples, loop_calls);
    (void)weft_cap_delete(loop.handles[0]);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpu\":0,\"call\":\"%s\"", call->name);
    bench_report(name, &loop, params);
}

static void syscall_yield(void)
{
    measure("syscall.yield", &yield_call);
}
BENCHMARK("syscall.yield", syscall_yield);

static void syscall_cheap(void)
{
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        measure("syscall.cheap", &calls[i]);
    }
}
BENCHMARK("syscall.cheap", syscall_cheap);
