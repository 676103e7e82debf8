/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.{pipe,socket,eventfd,futex}.{same_core,cross_core}: how long is a process away that asks
 * another one and waits for the answer?
 *
 * Timed: the whole round trip between two processes, from before the asking system call until the
 * answer is there; hot. Pipe (two of them) and Unix socket (one stream) carry 32 bytes each way,
 * eventfd (two of them) the 8 bytes that it can; the futex carries nothing, a word in shared memory
 * says whose turn it is, and neither side spins on it: it looks once, as every user of futexes must,
 * before it sleeps. Same core: both on CPU 0; cross core: the partner on CPU 1. Scheduling policy
 * and everything else is Linux's default.
 */
#include "lab.h"

#include <linux/futex.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Both sides of a channel made of files: what each writes to and reads from. */
struct channel {
    int there[2]; /* [0] is read by the partner, [1] written by the client */
    int back[2];
    size_t bytes;
};

static void write_all(int file, const void *data, size_t bytes)
{
    if (write(file, data, bytes) != (ssize_t)bytes) {
        fail("write");
    }
}

static void read_all(int file, void *data, size_t bytes)
{
    if (read(file, data, bytes) != (ssize_t)bytes) {
        fail("read");
    }
}

static void answer_by_file(const void *argument)
{
    const struct channel *channel = argument;
    uint64_t message[MESSAGE_BYTES / 8];
    for (;;) {
        read_all(channel->there[0], message, channel->bytes);
        write_all(channel->back[1], message, channel->bytes);
    }
}

static void ask_by_file(struct loop *loop, const void *argument)
{
    const struct channel *channel = argument;
    uint64_t message[MESSAGE_BYTES / 8] = {1, 2, 3, 4};
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = timestamp();
        write_all(channel->there[1], message, channel->bytes);
        read_all(channel->back[0], message, channel->bytes);
        loop->samples[i] = timestamp() - before;
    }
}

static void futex_wait(uint32_t *word, uint32_t unwanted)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == unwanted) {
        (void)syscall(SYS_futex, word, FUTEX_WAIT, unwanted, NULL, NULL, 0);
    }
}

static void futex_wake(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    must(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0), "futex");
}

static void answer_by_futex(const void *argument)
{
    (void)argument;
    for (uint32_t turn = 0;; turn++) {
        futex_wait(&shared->there, turn);
        futex_wake(&shared->back, turn + 1);
    }
}

static void ask_by_futex(struct loop *loop, const void *argument)
{
    (void)argument;
    for (uint32_t turn = 0; turn < loop->total; turn++) {
        uint64_t before = timestamp();
        futex_wake(&shared->there, turn + 1);
        futex_wait(&shared->back, turn);
        loop->samples[turn] = timestamp() - before;
    }
}

static void open_pipe(struct channel *channel)
{
    channel->bytes = MESSAGE_BYTES;
    must(pipe(channel->there), "pipe");
    must(pipe(channel->back), "pipe");
}

static void open_socket(struct channel *channel)
{
    int ends[2]; /* [0] is the partner's */
    channel->bytes = MESSAGE_BYTES;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    channel->there[0] = channel->back[1] = ends[0];
    channel->there[1] = channel->back[0] = ends[1];
}

static void open_eventfd(struct channel *channel)
{
    channel->bytes = 8;
    channel->there[0] = channel->there[1] = (int)must(eventfd(0, 0), "eventfd");
    channel->back[0] = channel->back[1] = (int)must(eventfd(0, 0), "eventfd");
}

static void close_all(const struct channel *channel)
{
    (void)close(channel->there[0]);
    (void)close(channel->there[1]);
    (void)close(channel->back[0]);
    (void)close(channel->back[1]);
}

static void round_trip(const char *name, unsigned server_cpu, void (*open)(struct channel *),
                       partner_function *answer, void (*ask)(struct loop *, const void *))
{
    struct channel channel = {{-1, -1}, {-1, -1}, 0};
    char params[64];
    if (!asked(name, server_cpu + 1)) {
        return;
    }
    struct loop loop = loop_open();
    if (open != NULL) {
        open(&channel);
    }
    pid_t partner = partner_start(answer, &channel, server_cpu);
    ask(&loop, &channel);
    partner_end(partner);
    close_all(&channel);
    (void)snprintf(params, sizeof(params), "\"client_cpu\":0,\"server_cpu\":%u", server_cpu);
    report(name, &loop, 1, params);
}

void ask_round_trips(void)
{
    static const struct {
        const char *name[2]; /* same core, cross core */
        void (*open)(struct channel *);
        partner_function *answer;
        void (*ask)(struct loop *, const void *);
    } kinds[] = {
        {{"linux.pipe.same_core", "linux.pipe.cross_core"}, open_pipe, answer_by_file, ask_by_file},
        {{"linux.futex.same_core", "linux.futex.cross_core"}, NULL, answer_by_futex, ask_by_futex},
        {{"linux.eventfd.same_core", "linux.eventfd.cross_core"},
         open_eventfd,
         answer_by_file,
         ask_by_file},
        {{"linux.socket.same_core", "linux.socket.cross_core"},
         open_socket,
         answer_by_file,
         ask_by_file},
    };
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            round_trip(kinds[i].name[cpu], cpu, kinds[i].open, kinds[i].answer, kinds[i].ask);
        }
    }
}
