/* SPDX-License-Identifier: Apache-2.0
 *
 * net.send.stream, net.receive.stream: what does a MiB of a TCP stream cost, sent to a machine outside and received
 * from it?
 * net.send.copied, net.receive.copied: and if the client has the data elsewhere than in the socket's window?
 * http.get.small, http.get.fresh: what does a request for a file of 1,000 bytes cost, on a connection that stays, and on
 * one of its own?
 * http.get.large: and a MiB of a large file?
 *
 * The machine outside is the host (bench/host/weft/bench/peer.py): it connects to this program and does what it is told on
 * this connection: takes a number of bytes and says so, sends a number, or makes requests to port 80. Timed: from the
 * order to its end. All of it is on CPU 0: this program, the network server, the drivers, for HTTP its server and the file
 * system's, and the filler (filler.h). The image is bench_net, in which init starts the services. Not measured: the other
 * side.
 */
#include "bench.h"
#include "filler.h"

#include "weft/file.h"
#include "weft/print.h"
#include "weft/socket.h"
#include "weft/startup.h"
#include "weft/string.h"

#define CONTROL_PORT 90
#define PATIENCE 60000000u /* µs; of an order */
#define NET_PLACE (WEFT_FREE_BASE + 0x4000000ull)
#define MIB (1u << 20)
#define STREAM_MIB 4u
#define PIECE (64u << 10)
#define SMALL_BYTES 1000u
#define SMALL_REQUESTS 50u
#define FRESH_REQUESTS 10u
#define LARGE_REQUESTS 2u

static struct weft_net net;
static struct weft_socket control;
static uint8_t data[PIECE];

static void must(int64_t result, const char *what)
{
    if (result < 0) {
        weft_fail("%s: %s", what, weft_net_error_text(result));
    }
}

static void open_network(void)
{
    struct weft_listener listener = {.net = &net, .address = {.port = CONTROL_PORT}, .backlog = 1};
    if (net.service != 0) {
        return;
    }
    if (weft_capability("net") == 0) {
        weft_fail("there is no capability net (the image is bench_net)");
    }
    must(weft_net_open(&net, weft_capability("net"), NET_PLACE, 4), "the network");
    weft_print("weft: waiting for the host\n");
    must(weft_listener_accept(&listener, &control, NULL, weft_deadline(PATIENCE)), "the host");
    filler_start();
}

/* ---- orders ------------------------------------------------------------------------------------------ */

static void order(const char *line)
{
    must(weft_socket_send(&control, line, strlen(line), weft_deadline(PATIENCE)), "an order");
}

/* The host says "ok", or what went wrong. */
static void obeyed(void)
{
    char answer[100];
    size_t length = 0;
    do {
        int64_t came = weft_socket_receive(&control, answer + length, sizeof(answer) - 1 - length,
                                           weft_deadline(PATIENCE));
        must(came, "the host's answer");
        length += (size_t)came;
        answer[length] = '\0';
        if (came == 0 || length == sizeof(answer) - 1) {
            weft_fail("the host does not answer: %s", answer);
        }
    } while (answer[length - 1] != '\n');
    if (strcmp(answer, "ok\n") != 0) {
        weft_fail("the host: %s", answer);
    }
}

static void send_stream(_Bool copied)
{
    for (uint64_t left = STREAM_MIB * MIB; left > 0;) {
        int64_t sent = copied ? weft_socket_send(&control, data, PIECE, 0)
                              : weft_socket_send_window(&control, WEFT_WINDOW_BYTES, 0);
        must(sent, "sending");
        left -= (uint64_t)sent;
    }
    obeyed();
}

static void receive_stream(_Bool copied)
{
    for (uint64_t left = STREAM_MIB * MIB; left > 0;) {
        uint64_t most = copied ? PIECE : WEFT_WINDOW_BYTES;
        most = most < left ? most : left;
        int64_t came = copied ? weft_socket_receive(&control, data, most, weft_deadline(PATIENCE))
                              : weft_socket_receive_window(&control, most, weft_deadline(PATIENCE));
        must(came == 0 ? WEFT_NET_CLOSED : came, "receiving");
        left -= (uint64_t)came;
    }
}

/* ---- loops ------------------------------------------------------------------------------------------- */

static void loop_send(struct bench_loop *loop)
{
    char line[40];
    weft_format(line, sizeof(line), "take %u\n", STREAM_MIB * MIB);
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = clock_without_filler();
        order(line);
        send_stream(loop->argument != 0);
        loop->samples[i] = clock_without_filler() - before;
    }
}

static void loop_receive(struct bench_loop *loop)
{
    char line[40];
    weft_format(line, sizeof(line), "send %u\n", STREAM_MIB * MIB);
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = clock_without_filler();
        order(line);
        receive_stream(loop->argument != 0);
        loop->samples[i] = clock_without_filler() - before;
    }
}

/* `argument` is the line. */
static void loop_http(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = clock_without_filler();
        order((const char *)loop->argument);
        obeyed();
        loop->samples[i] = clock_without_filler() - before;
    }
}

static void measure(const char *name, bench_loop_function *function, uint64_t argument,
                    uint64_t operations)
{
    struct bench_loop loop = {.argument = argument};
    bench_measure(&loop, "net", 0, bench_options.samples, function);
    bench_correct(&loop, operations);
    bench_report(name, &loop, "\"cpu\":0");
}

static void net_questions(void)
{
    open_network();
    measure("net.send.stream", loop_send, 0, STREAM_MIB);
    measure("net.receive.stream", loop_receive, 0, STREAM_MIB);
    measure("net.send.copied", loop_send, 1, STREAM_MIB);
    measure("net.receive.copied", loop_receive, 1, STREAM_MIB);
}
BENCHMARK("net", net_questions);

static void make_file(const char *path, uint64_t bytes)
{
    static struct weft_files files;
    struct weft_file file;
    int64_t result = 0;
    if (files.service == 0) {
        result = weft_files_open(&files, weft_capability("files"), WEFT_FREE_BASE, 256);
    }
    if (result == 0) {
        result = weft_file_open(&files, &file, path, WEFT_FILE_WRITE | WEFT_FILE_CREATE);
    }
    for (uint64_t done = 0; result >= 0 && done < bytes;) {
        uint64_t piece = bytes - done < PIECE ? bytes - done : PIECE;
        result = weft_file_write(&file, data, piece);
        done += piece;
    }
    if (result < 0 || (result = weft_file_close(&file)) < 0) {
        weft_fail("%s: %s", path, weft_file_result_text(result));
    }
}

static void ask_http(const char *name, uint32_t requests, uint32_t each, const char *path,
                     uint32_t bytes)
{
    char line[80];
    weft_format(line, sizeof(line), "get %u %u %s %u\n", requests, each, path, bytes);
    measure(name, loop_http, (uint64_t)line, requests);
}

static void http_questions(void)
{
    open_network();
    make_file("/small.txt", SMALL_BYTES);
    make_file("/large.bin", MIB);
    ask_http("http.get.small", SMALL_REQUESTS, SMALL_REQUESTS, "/small.txt", SMALL_BYTES);
    ask_http("http.get.fresh", FRESH_REQUESTS, 1, "/small.txt", SMALL_BYTES);
    ask_http("http.get.large", LARGE_REQUESTS, LARGE_REQUESTS, "/large.bin", MIB);
}
BENCHMARK("http", http_questions);
