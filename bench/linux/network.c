/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.send.stream, linux.receive.stream: what does a MiB of a TCP stream cost, sent and received?
 * linux.http.small, linux.http.fresh, linux.http.large: what does an HTTP request cost, to the server in http.c?
 *
 * As bench/throughput/net.c: the host connects to port 90 and does what it is told on this connection. Timed from the
 * order to its end, on CPU 0, with the filler. Each call sends or takes PIECE bytes at most. The network has a fixed
 * address, so no program is needed for it. The HTTP server is another process.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_PORT 90
#define HTTP_PORT 80
#define MIB (1u << 20)
#define STREAM_MIB 4u
#define SMALL_BYTES 1000u
#define PIECE (256u << 10)

struct question {
    const char *name;
    void (*ask)(const struct question *question);
    uint32_t operations;
    const char *line;
};

static int control = -1;
static char data[PIECE];

/* ---- the network --------------------------------------------------------------------------------------- */

static void set_address(int any, unsigned long what, const char *address)
{
    struct ifreq request = {.ifr_name = "eth0"};
    struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
    in->sin_family = AF_INET;
    (void)inet_pton(AF_INET, address, &in->sin_addr);
    must(ioctl(any, what, &request), address);
}

static void network_open(void)
{
    struct ifreq request = {.ifr_name = "eth0"};
    virtio_drivers();
    module_load("failover");
    module_load("net_failover");
    module_load("virtio_net");
    int any = (int)must(socket(AF_INET, SOCK_DGRAM, 0), "a socket");
    set_address(any, SIOCSIFADDR, "10.0.2.15");
    set_address(any, SIOCSIFNETMASK, "255.255.255.0");
    must(ioctl(any, SIOCGIFFLAGS, &request), "eth0's flags");
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    must(ioctl(any, SIOCSIFFLAGS, &request), "eth0 up");
    (void)close(any);
}

int listen_on(uint16_t port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1;
    int listener = (int)must(socket(AF_INET, SOCK_STREAM, 0), "a socket");
    must(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "SO_REUSEADDR");
    must(bind(listener, (struct sockaddr *)&here, sizeof(here)), "bind");
    must(listen(listener, 16), "listen");
    return listener;
}

static void control_open(void)
{
    int one = 1;
    if (control >= 0) {
        return;
    }
    network_open();
    int listener = listen_on(CONTROL_PORT);
    control = (int)must(accept(listener, NULL, NULL), "the host");
    must(setsockopt(control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
    (void)close(listener);
    filler_start();
}

/* ---- orders -------------------------------------------------------------------------------------------- */

static void order(const char *line)
{
    must(send(control, line, strlen(line), 0), "an order");
}

static void obeyed(void)
{
    char answer[100];
    size_t length = 0;
    do {
        long came = must(recv(control, answer + length, sizeof(answer) - 1 - length, 0),
                         "the host's answer");
        length += (size_t)came;
        answer[length] = '\0';
        if (came == 0 || length == sizeof(answer) - 1) {
            fail("the host does not answer");
        }
    } while (answer[length - 1] != '\n');
    if (strcmp(answer, "ok\n") != 0) {
        fail(answer);
    }
}

static void send_stream(void)
{
    for (uint64_t left = STREAM_MIB * MIB; left > 0;) {
        left -= (uint64_t)must(send(control, data, PIECE < left ? PIECE : left, 0), "sending");
    }
    obeyed();
}

static void receive_stream(void)
{
    for (uint64_t left = STREAM_MIB * MIB; left > 0;) {
        long came = must(recv(control, data, PIECE < left ? PIECE : left, 0), "receiving");
        if (came == 0) {
            fail("the host's stream");
        }
        left -= (uint64_t)came;
    }
}

static void ask(const struct question *question, void (*work)(void))
{
    struct loop loop = loop_open();
    for (uint64_t i = 0; i < loop.total; i++) {
        uint64_t before = clock_without_filler();
        order(question->line);
        work();
        loop.samples[i] = clock_without_filler() - before;
    }
    report(question->name, &loop, question->operations, "\"cpu\":0");
}

static void ask_send(const struct question *question)
{
    ask(question, send_stream);
}

static void ask_receive(const struct question *question)
{
    ask(question, receive_stream);
}

/* ---- HTTP ---------------------------------------------------------------------------------------------- */

static void make_file(const char *path, uint64_t bytes)
{
    int file = (int)must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), path);
    for (uint64_t left = bytes; left > 0;) {
        left -= (uint64_t)must(write(file, data, PIECE < left ? PIECE : left), path);
    }
    must(fsync(file), "fsync");
    (void)close(file);
}

static void serve(const void *listener)
{
    http_serve(*(const int *)listener, FILES);
}

static void ask_http(const struct question *question)
{
    static int listener = -1;
    if (listener < 0) {
        files_mount();
        make_file(FILES "/small.txt", SMALL_BYTES);
        make_file(FILES "/large.bin", MIB);
        listener = listen_on(HTTP_PORT);
        (void)partner_start(serve, &listener, 0); /* ends with the machine */
    }
    ask(question, obeyed);
}

void ask_network(void)
{
    static const struct question questions[] = {
        {"linux.send.stream", ask_send, STREAM_MIB, "take 4194304\n"},
        {"linux.receive.stream", ask_receive, STREAM_MIB, "send 4194304\n"},
        {"linux.http.small", ask_http, 50, "get 50 50 /small.txt 1000\n"},
        {"linux.http.fresh", ask_http, 10, "get 10 1 /small.txt 1000\n"},
        {"linux.http.large", ask_http, 2, "get 2 2 /large.bin 1048576\n"},
    };
    for (unsigned i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        if (asked(questions[i].name, 1)) {
            control_open();
            questions[i].ask(&questions[i]);
        }
    }
}
