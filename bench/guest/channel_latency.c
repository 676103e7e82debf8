/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.latency: how long does a message take through shared memory, and its answer back?
 *
 * Timed: weft_channel_send of one message of 32 bytes (the four words of a call) to a process that sends it
 * back on a second channel, up to the end of weft_channel_receive. Either both sides sleep as soon as there
 * is nothing for them (polls 0), which takes two signals and two waits for a round trip, or they look
 * POLLS times before, which takes no system call where the partner is on another CPU. Sender on CPU 0,
 * partner on CPU 0 and on CPU 1; hot. Not measured: work with the message.
 */
#include "channel_link.h"

#include "weft/print.h"
#include "weft/startup.h"

#define POLLS 10000

struct message {
    uint64_t words[4];
};

static struct channel_link link; /* for the loop */

static _Noreturn void echo(void)
{
    struct weft_channel there, back;
    struct message message;
    channel_link_join(&there, &back);
    for (;;) {
        if (weft_channel_receive(&there, &message, 1) != 1) {
            weft_fail("the echo cannot receive");
        }
        message.words[0]++;
        if (weft_channel_send(&back, &message, 1) != 1) {
            weft_fail("the echo cannot send");
        }
    }
}
BENCH_ROLE("channel_echo", echo);

static void loop_round_trips(struct bench_loop *loop)
{
    struct message message = {{0, 1, 2, 3}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        int64_t sent = weft_channel_send(&link.there, &message, 1);
        int64_t received = weft_channel_receive(&link.back, &message, 1);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)((sent ^ 1) | (received ^ 1));
    }
    loop->failed = failed | (message.words[0] != loop->total) | (message.words[3] != 3);
}

static void measure(uint32_t cpu, uint32_t polls)
{
    char params[64];
    struct bench_loop loop = {0};
    struct channel_shape shape = {sizeof(struct message), 64, polls};
    channel_link_open(&link, "channel_echo", cpu, shape);
    bench_measure(&loop, "channel.latency", 0, bench_options.samples, loop_round_trips);
    channel_link_close(&link);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"from_cpu\":0,\"to_cpu\":%u,\"bytes\":%lu,\"polls\":%u",
                cpu, sizeof(struct message), polls);
    bench_report("channel.latency", &loop, params);
}

static void channel_latency(void)
{
    measure(0, 0);
    if (bench_options.cpu_count > 1) {
        measure(1, 0);
        measure(1, POLLS);
    }
}
BENCHMARK("channel.latency", channel_latency);
