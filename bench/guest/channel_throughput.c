/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.throughput: what does a message of a stream through shared memory cost?
 * channel.throughput.per_kib: what does a KiB of it cost?
 *
 * Timed: BURST messages of `bytes` bytes, sent `batch` at a time through a channel that holds CAPACITY
 * of them, divided by BURST and rounded. The receiver, a process on CPU 0 or on CPU 1, takes as many as are
 * there, at most a batch of its own, and checks their numbers. Where the ring is full the sender waits, so
 * over many samples the slower side is measured; in icount mode the work of both. Across CPUs both
 * sides look POLLS times before they sleep; on one CPU they sleep at once. Hot. Not measured: work with the
 * messages but their copying in and out.
 */
#include "channel_link.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"

#define BURST 64
#define CAPACITY 64
#define POLLS 1000
#define BYTES_MAX 4096
#define BATCH_MAX 16

static struct channel_link link; /* for the loop */
static uint8_t buffer[BATCH_MAX * BYTES_MAX] __attribute__((aligned(16)));

/* The number of a message stands at its beginning. */
static uint64_t *number_of(uint64_t place, uint64_t bytes)
{
    return (uint64_t *)(buffer + place * bytes);
}

static _Noreturn void sink(void)
{
    struct weft_channel there, back;
    channel_link_join(&there, &back);
    for (uint64_t next = 0;;) {
        int64_t taken = weft_channel_receive(&there, buffer, BATCH_MAX);
        if (taken < 0) {
            weft_fail("the sink cannot receive: %ld", taken);
        }
        for (int64_t i = 0; i < taken; i++, next++) {
            if (*number_of((uint64_t)i, there.ring.message_size) != next) {
                weft_fail("message %lu is another one", next);
            }
        }
    }
}
BENCH_ROLE("channel_sink", sink);

/* The loop's argument: how many at a time. */
static void loop_bursts(struct bench_loop *loop)
{
    uint64_t batch = loop->argument, next = 0, failed = 0;
    uint64_t bytes = link.there.ring.message_size;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (uint64_t sent = 0; sent < BURST; sent += batch) {
            for (uint64_t place = 0; place < batch; place++) {
                *number_of(place, bytes) = next++;
            }
            failed |= (uint64_t)weft_channel_send(&link.there, buffer, batch) ^ batch;
        }
        loop->samples[i] = weft_timestamp() - before;
    }
    loop->failed = failed;
}

static void measure(uint32_t cpu, uint64_t bytes, uint64_t batch)
{
    char params[80];
    struct bench_loop loop = {.argument = batch};
    struct channel_shape shape = {bytes, CAPACITY, cpu == 0 ? 0 : POLLS};
    memset(buffer, 0, sizeof(buffer)); /* also touches every page before the loop does */
    channel_link_open(&link, "channel_sink", cpu, shape);
    bench_measure(&loop, "channel.through", 0, bench_options.samples, loop_bursts);
    channel_link_close(&link);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u,\"bytes\":%lu,\"batch\":%lu",
                cpu, bytes, batch);
    for (uint64_t i = 0; i < loop.total; i++) {
        loop.samples[i] = (loop.samples[i] + BURST / 2) / BURST;
    }
    bench_report("channel.throughput", &loop, params);
    for (uint64_t i = 0; i < loop.total; i++) {
        loop.samples[i] = (loop.samples[i] * 1024 + bytes / 2) / bytes;
    }
    bench_report("channel.throughput.per_kib", &loop, params);
}

static void channel_throughput(void)
{
    static const uint64_t sizes[] = {16, 64, 256, 1024, BYTES_MAX};
    for (uint32_t cpu = 0; cpu < bench_options.cpu_count && cpu < 2; cpu++) {
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            measure(cpu, sizes[i], 1);
            measure(cpu, sizes[i], BATCH_MAX);
        }
    }
}
BENCHMARK("channel.throughput", channel_throughput);
