/* SPDX-License-Identifier: Apache-2.0
 *
 * Two threads send each other messages through the ring under a channel as fast as they can, under
 * ThreadSanitizer; both sleep when there is nothing to do. Run it as
 *
 *     channel_stress_tsan MESSAGES CAPACITY BATCH SECONDS
 *
 * A message is ordinary data, so a missing order between the two sides is a data race that the
 * sanitizer sees. The wake-ups are relaxed atomics on purpose: they must not lend their order to the
 * ring. Sleeping is a wait for the wake-up alone, so a lost one stops the run.
 *
 * Exit code 0: all messages arrived in order; 1: not, or nobody was woken for SECONDS; 2: usage; 66: a
 * data race (ThreadSanitizer's own code).
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weft/channel_ring.h"

#define BATCH_MAX 64

struct message {
    uint64_t number, check, more;
};

struct side {
    struct weft_ring ring;
    atomic_uint bell;
    uint64_t random;
    unsigned long wakes, sleeps, moves;
} __attribute__((aligned(128)));

static struct side sender, receiver;
static uint64_t message_count, batch_max;
static double patience;
static atomic_uint failed;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool fail(const char *what)
{
    if (!atomic_exchange_explicit(&failed, 1, memory_order_relaxed)) {
        fprintf(stderr, "%s\n", what);
    }
    return false;
}

static uint64_t random_batch(struct side *side)
{
    side->random ^= side->random << 13;
    side->random ^= side->random >> 7;
    side->random ^= side->random << 17;
    return 1 + (side->random >> 33) % batch_max;
}

static void wake(struct side *self, struct side *other)
{
    self->wakes++;
    atomic_store_explicit(&other->bell, 1, memory_order_relaxed);
}

/* False: give up. */
static bool sleep_until_woken(struct side *self)
{
    int64_t asleep = weft_ring_sleep(&self->ring);
    double since = now();

    if (asleep <= 0) {
        return asleep == 0 || fail("an honest partner is called corrupt");
    }
    self->sleeps++;
    while (!atomic_exchange_explicit(&self->bell, 0, memory_order_relaxed)) {
        if (atomic_load_explicit(&failed, memory_order_relaxed)) {
            return false;
        }
        sched_yield();
        if (now() - since > patience) {
            return fail("somebody sleeps for ever");
        }
    }
    return true;
}

static void *send(void *unused)
{
    struct message messages[BATCH_MAX];
    uint64_t sent = 0;

    (void)unused;
    while (sent < message_count) {
        uint64_t count = random_batch(&sender);
        bool needed;

        count = count < message_count - sent ? count : message_count - sent;
        for (uint64_t i = 0; i < count; i++) {
            messages[i] = (struct message){sent + i, ~(sent + i), (sent + i) * 31};
        }
        int64_t moved = weft_ring_put(&sender.ring, messages, count, &needed);
        if (moved < 0) {
            fail("sending fails");
            break;
        }
        if (needed) {
            wake(&sender, &receiver);
        }
        sender.moves += moved > 0;
        sent += (uint64_t)moved;
        if (moved == 0 && !sleep_until_woken(&sender)) {
            break;
        }
    }
    if (weft_ring_close(&sender.ring)) {
        wake(&sender, &receiver);
    }
    return NULL;
}

static bool check(const struct message *messages, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = first + i;

        if (messages[i].number != number || messages[i].check != ~number ||
            messages[i].more != number * 31) {
            return fail("a message is lost, garbled or out of order");
        }
    }
    return true;
}

static void *receive(void *taken_out)
{
    struct message messages[BATCH_MAX];
    uint64_t *taken = taken_out;

    for (;;) {
        bool needed;
        int64_t moved = weft_ring_take(&receiver.ring, messages, random_batch(&receiver), &needed);

        if (moved < 0) {
            return moved == WEFT_CHANNEL_CLOSED ? NULL : (fail("receiving fails"), NULL);
        }
        if (needed) {
            wake(&receiver, &sender);
        }
        if (!check(messages, *taken, (uint64_t)moved)) {
            return NULL;
        }
        receiver.moves += moved > 0;
        *taken += (uint64_t)moved;
        if (moved == 0 && !sleep_until_woken(&receiver)) {
            return NULL;
        }
    }
}

int main(int count, char **arguments)
{
    uint64_t capacity = count == 5 ? strtoull(arguments[2], NULL, 10) : 0;
    size_t bytes = weft_ring_bytes(capacity, sizeof(struct message));
    pthread_t threads[2];
    uint64_t taken = 0;
    void *memory = NULL;

    if (count != 5 || (message_count = strtoull(arguments[1], NULL, 10)) == 0 ||
        (batch_max = strtoull(arguments[3], NULL, 10)) - 1 >= BATCH_MAX ||
        (patience = atof(arguments[4])) <= 0 ||
        posix_memalign(&memory, WEFT_RING_LINE, bytes) != 0 || memset(memory, 0, bytes) == NULL ||
        weft_ring_open(&sender.ring, memory, bytes, capacity, sizeof(struct message),
                       WEFT_RING_SENDER) != 0 ||
        weft_ring_open(&receiver.ring, memory, bytes, capacity, sizeof(struct message),
                       WEFT_RING_RECEIVER) != 0) {
        fprintf(stderr, "usage: channel_stress_tsan MESSAGES CAPACITY BATCH(1-64) SECONDS\n");
        return 2;
    }
    sender.random = 1, receiver.random = 2;
    pthread_create(&threads[0], NULL, send, NULL);
    pthread_create(&threads[1], NULL, receive, &taken);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    printf("arrived %lu of %lu, moves %lu %lu, sleeps %lu, wakes %lu\n", taken, message_count,
           sender.moves, receiver.moves, sender.sleeps + receiver.sleeps,
           sender.wakes + receiver.wakes);
    free(memory);
    return atomic_load(&failed) || taken != message_count ? 1 : 0;
}
