/* SPDX-License-Identifier: Apache-2.0
 *
 * storm: what does a message cost when many send to many? (In the manner of hackbench.)
 *
 * 1, 2 or 4 groups of STORM_SIDE senders and STORM_SIDE receivers, each a process with one thread,
 * spread over all CPUs so that each has both; in a round every sender sends STORM_LOOPS messages of
 * 32 bytes to every receiver of its group, one to each in turn. `by` says how: ipc, by ipc_send to the
 * receiver's endpoint; or channel, through a channel for each sender and receiver, where who finds nothing to
 * do sleeps at once.
 *
 * Timed: a round, from the first of the signals that let the senders go to the wake-up by the last receiver,
 * divided by the number of its messages and rounded. In icount mode the work of all CPUs. Not
 * measured: work with the messages, the making of the processes.
 */
#include "storm.h"

#include "weft/atomic.h"
#include "weft/print.h"
#include "weft/startup.h"

#define GROUPS_MAX 4
#define MEMBERS_MAX (GROUPS_MAX * STORM_SIDE)
#define ROUNDS_MAX 40
#define WARMUP_ROUNDS 3

static struct {
    uint32_t members; /* senders; as many receivers */
    struct storm *shared;
    uint64_t memory, done;
    uint64_t endpoints[MEMBERS_MAX];                                 /* of the receivers */
    uint64_t sender_wakes[MEMBERS_MAX], receiver_wakes[MEMBERS_MAX]; /* notifications */
    struct bench_partner senders[MEMBERS_MAX], receivers[MEMBERS_MAX];
} storm;

static void loop_rounds(struct bench_loop *loop)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t bits;
        weft_store_release(&storm.shared->done, 0);
        uint64_t before = weft_timestamp();
        for (uint32_t sender = 0; sender < storm.members; sender++) {
            failed |= (uint64_t)weft_notification_signal(storm.sender_wakes[sender], STORM_GO);
        }
        failed |= (uint64_t)weft_notification_wait(storm.done, 0, &bits);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
    }
    loop->failed = failed;
}

static void start_receiver(uint32_t number, _Bool channels, const char *role)
{
    uint32_t first = number / STORM_SIDE * STORM_SIDE;
    uint32_t cpu = (number + 1) % bench_options.cpu_count;
    struct weft_grant grants[4 + STORM_SIDE] = {
        {"storm", storm.memory, RIGHT_READ | RIGHT_WRITE, 0},
        {"done", storm.done, RIGHT_WRITE, 0},
        {"endpoint", storm.endpoints[number], RIGHT_READ, 0},
        {"wait", storm.receiver_wakes[number], RIGHT_READ, 0},
    };
    for (uint32_t i = 0; i < STORM_SIDE; i++) {
        grants[4 + i] =
            (struct weft_grant){storm_others[i], storm.sender_wakes[first + i], RIGHT_WRITE, 0};
    }
    bench_partner_start(&storm.receivers[number], role, cpu, grants, channels ? 4 + STORM_SIDE : 3);
}

static void start_sender(uint32_t number, _Bool channels, const char *role)
{
    uint32_t first = number / STORM_SIDE * STORM_SIDE;
    struct weft_grant grants[2 + STORM_SIDE] = {
        {"storm", storm.memory, RIGHT_READ | RIGHT_WRITE, 0},
        {"wait", storm.sender_wakes[number], RIGHT_READ, 0},
    };
    for (uint32_t i = 0; i < STORM_SIDE; i++) {
        grants[2 + i] = (struct weft_grant){storm_others[i],
                                            channels ? storm.receiver_wakes[first + i]
                                                     : storm.endpoints[first + i],
                                            RIGHT_WRITE, 0};
    }
    bench_partner_start(&storm.senders[number], role, number % bench_options.cpu_count, grants,
                        2 + STORM_SIDE);
}

static void open_storm(uint32_t groups, _Bool channels)
{
    char role[32];
    storm.members = groups * STORM_SIDE;
    if (weft_memory_create(storm_pages(groups), &storm.memory) != STATUS_OK) {
        weft_fail("storm: no memory is left");
    }
    storm.shared = storm_map(storm.memory, groups);
    storm.shared->receivers = storm.members;
    storm.done = bench_notification(0);
    for (uint32_t i = 0; i < storm.members; i++) {
        uint32_t cpu = (i + 1) % bench_options.cpu_count;
        storm.endpoints[i] = bench_endpoint(cpu);
        storm.receiver_wakes[i] = bench_notification(cpu);
        storm.sender_wakes[i] = bench_notification(i % bench_options.cpu_count);
    }
    for (uint32_t i = 0; i < storm.members; i++) {
        weft_format(role, sizeof(role), "%s n=%u", channels ? "ring_rx" : "ipc_rx", i);
        start_receiver(i, channels, role);
        weft_format(role, sizeof(role), "%s n=%u", channels ? "ring_tx" : "ipc_tx", i);
        start_sender(i, channels, role);
    }
}

static void close_storm(uint32_t groups)
{
    for (uint32_t i = 0; i < storm.members; i++) {
        bench_partner_end(&storm.senders[i]);
        bench_partner_end(&storm.receivers[i]);
        (void)weft_cap_delete(storm.endpoints[i]);
        (void)weft_cap_delete(storm.receiver_wakes[i]);
        (void)weft_cap_delete(storm.sender_wakes[i]);
    }
    (void)weft_cap_delete(storm.done);
    (void)weft_cap_delete(storm.memory);
    if (weft_memory_unmap(HANDLE_SELF, STORM_BASE, storm_pages(groups)) != STATUS_OK) {
        weft_fail("storm: its memory cannot be unmapped");
    }
}

static void measure(uint32_t groups, _Bool channels)
{
    char params[48];
    struct bench_loop loop = {0};
    open_storm(groups, channels);
    bench_measure(&loop, "storm", 0,
                  bench_options.samples < ROUNDS_MAX ? bench_options.samples : ROUNDS_MAX,
                  loop_rounds);
    close_storm(groups);
    bench_correct(&loop, storm.members * STORM_SIDE * STORM_LOOPS);
    weft_format(params, sizeof(params), "\"by\":\"%s\",\"groups\":%u", channels ? "channel" : "ipc",
                groups);
    bench_report("storm", &loop, params);
}

static void run_storm(void)
{
    uint64_t warmup = bench_options.warmup;
    if (bench_options.warmup > WARMUP_ROUNDS) {
        bench_options.warmup = WARMUP_ROUNDS;
    }
    for (uint32_t groups = 1; groups <= GROUPS_MAX; groups *= 2) {
        measure(groups, 0);
        measure(groups, 1);
    }
    bench_options.warmup = warmup;
}
BENCHMARK("storm", run_storm);
