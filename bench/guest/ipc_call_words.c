/* SPDX-License-Identifier: Apache-2.0
 *
 * ipc.call.words: what does a call cost by the number of its words?
 *
 * Timed: the round trip of a call that carries 0 to 8 words there and as many back, the words loaded from
 * memory before it and stored to memory after it. Up to MESSAGE_WORDS words travel in registers, which
 * are carried whether they are used or not (ipc_call); the others go as bytes of the message and of the
 * answer (ipc_call_with, ipc_reply_receive_with), which is another way through the kernel. Client on
 * CPU 0, server on CPU 0 and on CPU 1; two processes; hot. Not measured: work with the words.
 */
#include "ipc_call.h"

#include "weft/print.h"
#include "weft/startup.h"

#define WORDS_MAX 8

static volatile uint64_t here[MESSAGE_WORDS]; /* volatile: each word is loaded and stored */
static uint64_t more_there[WORDS_MAX - MESSAGE_WORDS], more_back[WORDS_MAX - MESSAGE_WORDS];

/* `words` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void call_in_registers(struct bench_loop *loop,
                                                                    unsigned words)
{
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (unsigned word = 0; word < words; word++) {
            message.words[word] = here[word];
        }
        status_t status = weft_ipc_call(loop->handles[0], &message);
        for (unsigned word = 0; word < words; word++) {
            here[word] = message.words[word];
        }
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status;
    }
    loop->failed = failed | (message.words[0] != loop->total);
}

static void loop_0(struct bench_loop *loop)
{
    call_in_registers(loop, 0);
}

static void loop_1(struct bench_loop *loop)
{
    call_in_registers(loop, 1);
}

static void loop_2(struct bench_loop *loop)
{
    call_in_registers(loop, 2);
}

static void loop_3(struct bench_loop *loop)
{
    call_in_registers(loop, 3);
}

static void loop_4(struct bench_loop *loop)
{
    call_in_registers(loop, 4);
}

static void loop_more(struct bench_loop *loop)
{
    uint32_t bytes = (uint32_t)loop->argument * sizeof(uint64_t);
    struct weft_ipc ipc = {
        .send_address = (uint64_t)more_there,
        .send_bytes = bytes,
        .receive_address = (uint64_t)more_back,
        .receive_bytes = bytes,
    };
    struct weft_message message = {{0}};
    uint64_t failed = 0;
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        for (unsigned word = 0; word < MESSAGE_WORDS; word++) {
            message.words[word] = here[word];
        }
        status_t status = weft_ipc_call_with(loop->handles[0], &message, &ipc);
        for (unsigned word = 0; word < MESSAGE_WORDS; word++) {
            here[word] = message.words[word];
        }
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        failed |= (uint64_t)status ^ bytes;
    }
    for (uint64_t word = 0; word < loop->argument; word++) {
        failed |= more_back[word] ^ (word + 1);
    }
    loop->failed =
        failed | (message.words[0] != loop->total) | (message.words[1] != loop->total * bytes);
}

static void measure(struct call_server *server, unsigned words, bench_loop_function *function)
{
    char more[24];
    struct bench_loop loop = {.handles = {server->endpoint}};
    for (unsigned word = 0; word < MESSAGE_WORDS; word++) {
        here[word] = 0;
    }
    if (words > MESSAGE_WORDS) {
        loop.argument = words - MESSAGE_WORDS;
        here[3] = loop.argument * sizeof(uint64_t); /* so many bytes shall come back */
        for (uint64_t word = 0; word < loop.argument; word++) {
            more_there[word] = word + 1;
            more_back[word] = 0;
        }
    }
    bench_measure(&loop, "ipc.call.words", 0, bench_options.samples, function);
    weft_format(more, sizeof(more), ",\"words\":%u", words);
    call_report("ipc.call.words", &loop, server, 0, more);
}

static void ipc_call_words(void)
{
    static bench_loop_function *const in_registers[] = {loop_0, loop_1, loop_2, loop_3, loop_4};
    for (uint32_t cpu = 0; cpu < call_places(); cpu++) {
        struct call_server server;
        call_server_start(&server, cpu);
        for (unsigned words = 0; words <= MESSAGE_WORDS; words++) {
            measure(&server, words, in_registers[words]);
        }
        call_server_end(&server);
        call_server_start_as(&server, "carrier", cpu);
        for (unsigned words = MESSAGE_WORDS + 1; words <= WORDS_MAX; words++) {
            measure(&server, words, loop_more);
        }
        call_server_end(&server);
    }
}
BENCHMARK("ipc.call.words", ipc_call_words);
