/* SPDX-License-Identifier: Apache-2.0
 *
 * Partner processes, measuring threads and shared memory of the benchmarks; bench.h says how they
 * are used. Whatever goes wrong ends the program with a line that says what: a benchmark without its
 * partner has no figure.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/thread.h"

#define PARTNER_PAGES 64
#define PARTNER_GRANTS_MAX 12

static void must(status_t status, const char *what)
{
    if (status != STATUS_OK) {
        weft_fail("%s failed: status %ld", what, status);
    }
}

static const struct weft_archive *archive(void)
{
    static struct weft_archive opened;
    if (opened.bytes == NULL) {
        const char *problem = weft_archive_open(&opened);
        if (problem != NULL) {
            weft_fail("boot image: %s", problem);
        }
    }
    return &opened;
}

void bench_partner_spawn(struct bench_partner *partner, const char *role, struct weft_spawn *spawn)
{
    char arguments[40];
    struct weft_grant all[PARTNER_GRANTS_MAX] = {
        {"console", weft_capability("console"), RIGHT_WRITE, 0},
    };
    struct weft_child child;
    if (spawn->grant_count > PARTNER_GRANTS_MAX - 1) {
        weft_fail("too many capabilities for the partner %s", role);
    }
    memcpy(all + 1, spawn->grants, spawn->grant_count * sizeof(all[0]));
    weft_format(arguments, sizeof(arguments), "role=%s", role);
    partner->ended = bench_notification(weft_startup()->cpu);
    spawn->name = role;
    spawn->program = "bench";
    spawn->arguments = arguments;
    spawn->priority = WEFT_PRIORITY_DEFAULT;
    spawn->pages = PARTNER_PAGES;
    spawn->notification = partner->ended;
    spawn->bits = 1;
    spawn->grants = all;
    spawn->grant_count++;
    status_t status = weft_spawn(archive(), spawn, &child);
    if (status != STATUS_OK) {
        weft_fail("partner %s: %s: status %ld", role, spawn->reason, status);
    }
    partner->process = child.process;
    partner->thread_id = child.thread_id;
}

void bench_partner_start(struct bench_partner *partner, const char *role, uint32_t cpu,
                         const struct weft_grant *grants, uint32_t count)
{
    struct weft_spawn spawn = {.cpu = cpu, .grants = grants, .grant_count = count};
    bench_partner_spawn(partner, role, &spawn);
}

void bench_partner_end(struct bench_partner *partner)
{
    uint64_t bits;
    struct weft_end end = weft_process_end(partner->process);
    if (end.cause != WEFT_ALIVE) {
        weft_fail("a partner ended by itself: cause %u, status %u", end.cause, end.status);
    }
    must(weft_process_kill(partner->process), "killing a partner");
    must(weft_notification_wait(partner->ended, 0, &bits), "waiting for a partner's end");
    must(weft_cap_delete(partner->process), "forgetting a partner");
    must(weft_cap_delete(partner->ended), "forgetting a partner's notification");
}

struct start {
    struct bench_loop *loop;
    bench_loop_function *function;
};

static void run_loop(void *argument)
{
    struct start *start = argument;
    start->function(start->loop);
}

void bench_measure(struct bench_loop *loop, const char *name, uint32_t cpu, uint64_t samples,
                   bench_loop_function *function)
{
    static uint64_t room[BENCH_SAMPLES_MAX];
    static struct weft_group group;
    static _Bool group_open;
    if (!group_open) {
        must(weft_group_open(&group), "a notification for the threads");
        group_open = 1;
    }
    memset(room, 0, sizeof(room)); /* also touches every page before the loop does */
    loop->samples = room;
    loop->total = bench_options.warmup + samples;
    struct start start = {loop, function};
    must(weft_thread_start_id(&group, name, cpu, WEFT_PRIORITY_DEFAULT, run_loop, &start,
                              &loop->thread_id),
         "a thread");
    weft_group_wait(&group);
    if (loop->failed != 0) {
        weft_fail("%s: a system call in the loop failed", name);
    }
}

void bench_correct(struct bench_loop *loop, uint64_t operations)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t sample = loop->samples[i];
        uint64_t cost = bench_options.timestamp_cost;
        sample = sample > cost ? sample - cost : 0;
        loop->samples[i] = (sample + operations / 2) / operations;
    }
}

uint64_t bench_shared_handle(void)
{
    static uint64_t handle;
    if (handle == 0) {
        handle = weft_capability("shared");
    }
    if (handle == 0) {
        must(weft_memory_create(BENCH_SHARED_PAGES, &handle), "shared memory");
    }
    return handle;
}

struct bench_shared *bench_shared(void)
{
    static _Bool mapped;
    if (!mapped) {
        must(weft_memory_map(HANDLE_SELF, bench_shared_handle(), WEFT_FREE_BASE, 0,
                             BENCH_SHARED_PAGES, RIGHT_READ | RIGHT_WRITE),
             "mapping shared memory");
        mapped = 1;
    }
    return (struct bench_shared *)WEFT_FREE_BASE;
}

uint32_t bench_cpus_after(uint32_t cpus)
{
    if (cpus == bench_options.cpu_count) {
        return 0;
    }
    return 2 * cpus < bench_options.cpu_count ? 2 * cpus : bench_options.cpu_count;
}

uint64_t bench_endpoint(uint32_t cpu)
{
    uint64_t handle;
    must(weft_endpoint_create(cpu, &handle), "an endpoint");
    return handle;
}

uint64_t bench_notification(uint32_t cpu)
{
    uint64_t handle;
    must(weft_notification_create(cpu, &handle), "a notification");
    return handle;
}
