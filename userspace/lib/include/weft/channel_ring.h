/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring under a channel (weft/channel.h): messages of one size from one sender to one receiver
 * through memory that both map. No system calls and no library but its atomics, so that exactly this
 * file is attacked on the host (tests/host/channel_*).
 *
 * Each side opens its own end, a private struct weft_ring, on the same shared memory:
 *
 *     weft_ring_open(&ring, memory, bytes, capacity, message_size, WEFT_RING_SENDER);
 *     sent = weft_ring_put(&ring, messages, count, &wake);       or weft_ring_take(): 0 .. count
 *     if (wake) { wake the other side by any means }
 *     if (sent == 0 && weft_ring_sleep(&ring) > 0) { wait for the other side's wake, then try again }
 *
 * Theory of operation
 *
 * 1. Positions. Each side counts the messages that it has moved, in a word of its own: `published`
 *    belongs to the sender, `consumed` to the receiver. Position p is the slot p modulo the capacity.
 *    What a side may still move follows from both: the two ends are mirror images, the sender's is
 *    just `capacity` ahead (`lead`). 62 bits of position do not come round in a machine's life.
 * 2. Hand-over. A side moves its position after it has written or read the slots (release), the other
 *    touches these slots after it has seen the position (acquire). So no slot is ever touched by both.
 * 3. Sleeping. Who finds nothing to do sets SLEEPS in the *other* side's word; who owns the word
 *    clears it with every move and learns from the old value whether there is somebody to wake. The
 *    classical mistake is a flag beside the position: sleeper "set flag, look at position", mover
 *    "move position, look at flag"; both stores may be late, both sides see nothing, and the sleeper
 *    sleeps for ever. Here position and flag are one word and both change it by read-modify-writes,
 *    which have one order and always read the newest value. Either the move comes first: then the
 *    sleeper's compare-and-exchange fails, as the position is not the one that it saw last. Or the
 *    sleeper comes first: then the move finds SLEEPS and wakes. No fence, and no third case.
 * 4. Waking for nothing. A wake-up may come late, when its message has long been taken. The sleeper
 *    then looks again and declares its sleep again. Its flag may still be set; the compare-and-exchange
 *    of the same value onto itself proves that it is. To believe a *load* that shows the flag would be
 *    wrong: a load may be late. So the wake-up itself needs to carry no memory order.
 * 5. The end. Either side may close: CLOSED in its own word, in the same operation that moves and
 *    wakes. The receiver still gets what was sent before; the sender is refused from then on.
 * 6. The partner may be an enemy. Geometry is never read from shared memory. A position is believed
 *    only if it has not gone back and leaves between nothing and the whole capacity to move; slots are
 *    masked in any case. An own word that somebody else wrote, a closed partner that opens again, and
 *    a word that keeps a sleeper awake without moving are noticed. All of these break this end for
 *    good: every later call returns WEFT_CHANNEL_CORRUPT. What an enemy can do is send garbage, stop,
 *    or wake for nothing. Messages are copied out once, before anybody looks at them.
 * 7. Limits. One thread per end. One size of message: positions then always stand at the beginning of
 *    a message and no length has to be trusted; what is longer lies in memory of its own, and the
 *    message says where.
 *
 * Keys: (A) atomic, changed by both sides; (P) private to one end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/atomic.h"

#define WEFT_RING_SLEEPS 1ull /* in a word: the other side waits for the owner's next move */
#define WEFT_RING_CLOSED 2ull /* in a word: its owner will not move any more */
#define WEFT_RING_FLAG_BITS 2
#define WEFT_RING_CAPACITY_MAX (1ull << 24)
#define WEFT_RING_MESSAGE_MAX (1ull << 24)
#define WEFT_RING_LINE 128 /* two cache lines: processors fetch them in pairs */

/* What can go wrong with a channel; results that are not counts. */
enum weft_channel_error {
    WEFT_CHANNEL_CLOSED = -1,    /* one of the sides has closed it, and there is nothing left */
    WEFT_CHANNEL_CORRUPT = -2,   /* the partner broke the rules; this end is of no use any more */
    WEFT_CHANNEL_CANCELLED = -3, /* the wait was ended by a bit that is not the channel's */
    WEFT_CHANNEL_FAILED = -4,    /* a system call failed; the channel's `status` says how */
    WEFT_CHANNEL_BAD = -5,       /* open: a geometry that cannot be, or too little memory */
};

/* Which end. */
enum weft_ring_role { WEFT_RING_SENDER, WEFT_RING_RECEIVER };

/* The shared memory. All zeros is an empty ring, so that nobody has to begin. What different sides
 * write most stands on different lines. */
struct weft_ring_shared {
    _Alignas(WEFT_RING_LINE) uint64_t published; /* (A) the sender's position and flags */
    _Alignas(WEFT_RING_LINE) uint64_t consumed;  /* (A) the receiver's */
    _Alignas(WEFT_RING_LINE) unsigned char messages[];
};

/* One end. All fields are private (P); only what the first three point to is shared. */
struct weft_ring {
    uint64_t *own;   /* (A) this side's word */
    uint64_t *other; /* (A) the other side's word */
    unsigned char *messages;
    size_t message_size;
    uint64_t capacity; /* messages; a power of two */
    uint64_t lead;     /* how far this side may be ahead of the other: capacity or 0 */
    uint64_t done;     /* this side's position */
    uint64_t last;     /* the newest value of *other that was believed */
    int64_t error;     /* a weft_channel_error that stays; 0: none */
};

static inline size_t weft_ring_bytes(uint64_t capacity, size_t message_size)
{
    return sizeof(struct weft_ring_shared) + (size_t)capacity * message_size;
}

/* 0, or WEFT_CHANNEL_BAD. The memory must be aligned to WEFT_RING_LINE, as pages are. */
static inline int64_t weft_ring_open(struct weft_ring *ring, void *memory, size_t bytes,
                                     uint64_t capacity, size_t message_size,
                                     enum weft_ring_role role)
{
    struct weft_ring_shared *shared = memory;

    if (capacity == 0 || (capacity & (capacity - 1)) != 0 || capacity > WEFT_RING_CAPACITY_MAX ||
        message_size == 0 || message_size > WEFT_RING_MESSAGE_MAX ||
        bytes < weft_ring_bytes(capacity, message_size) ||
        (uintptr_t)memory % WEFT_RING_LINE != 0) {
        return WEFT_CHANNEL_BAD;
    }
    *ring = (struct weft_ring){
        .own = role == WEFT_RING_SENDER ? &shared->published : &shared->consumed,
        .other = role == WEFT_RING_SENDER ? &shared->consumed : &shared->published,
        .messages = shared->messages,
        .message_size = message_size,
        .capacity = capacity,
        .lead = role == WEFT_RING_SENDER ? capacity : 0,
    };
    return 0;
}

/* How many messages may be moved, by what was seen last: at most the capacity. Reads nothing shared. */
static inline uint64_t weft_ring_available(const struct weft_ring *ring)
{
    return (ring->last >> WEFT_RING_FLAG_BITS) + ring->lead - ring->done;
}

static inline int64_t weft_ring_break(struct weft_ring *ring)
{
    return ring->error = WEFT_CHANNEL_CORRUPT;
}

/* Looks at the other side's word. How many messages may be moved, or an error. */
static inline int64_t weft_ring_look(struct weft_ring *ring)
{
    uint64_t value, available;

    if (ring->error != 0) {
        return ring->error;
    }
    /* [channel.look] acquire: the slots that this position hands over are touched after it is seen.
     * Pairs with [channel.move]. */
    value = weft_load64_acquire(ring->other);
    available = (value >> WEFT_RING_FLAG_BITS) + ring->lead - ring->done;
    if (available > ring->capacity || available < weft_ring_available(ring) ||
        (ring->last & ~value & WEFT_RING_CLOSED) != 0) {
        return weft_ring_break(ring);
    }
    ring->last = value;
    return (int64_t)available;
}

/* Stores a new value into the own word. 1: the other side sleeps, wake it; 0; or an error. */
static inline int64_t weft_ring_store(struct weft_ring *ring, uint64_t value)
{
    uint64_t before = ring->done << WEFT_RING_FLAG_BITS;
    /* [channel.move] release: this side is done with the slots, from here on they are the other's.
     * That this is one operation with the clearing of SLEEPS is what loses no wake-up (3.).
     * Pairs with [channel.look]. */
    uint64_t found = weft_exchange64_release(ring->own, value);

    if ((found & ~WEFT_RING_SLEEPS) != before) {
        return weft_ring_break(ring);
    }
    return (found & WEFT_RING_SLEEPS) != 0;
}

/* Hands `count` slots over, at least one and at most what is available. Result as weft_ring_store(). */
static inline int64_t weft_ring_move(struct weft_ring *ring, uint64_t count)
{
    int64_t wake = weft_ring_store(ring, (ring->done + count) << WEFT_RING_FLAG_BITS);

    ring->done += count;
    return wake;
}

/* The slot `ahead` of the own position. Always inside of the ring, whatever the positions are. */
static inline void *weft_ring_slot(const struct weft_ring *ring, uint64_t ahead)
{
    return ring->messages + ((ring->done + ahead) & (ring->capacity - 1)) * ring->message_size;
}

/* What may be moved of `count`; looks only if what was seen last does not suffice. */
static inline int64_t weft_ring_prepare(struct weft_ring *ring, uint64_t count)
{
    uint64_t available = weft_ring_available(ring);

    if (ring->error != 0) {
        return ring->error;
    }
    if (available < count) {
        int64_t found = weft_ring_look(ring);

        if (found < 0) {
            return found;
        }
        available = (uint64_t)found;
    }
    return (int64_t)(available < count ? available : count);
}

/* How many of `count` slots lie before the end of the ring; the others begin at slot 0. */
static inline uint64_t weft_ring_first_run(const struct weft_ring *ring, uint64_t count)
{
    uint64_t run = ring->capacity - (ring->done & (ring->capacity - 1));

    return run < count ? run : count;
}

/* Sender. Sends up to `count` messages at once; how many, 0 if the ring is full, or an error.
 * *wake: the receiver sleeps and must be woken. */
static inline int64_t weft_ring_put(struct weft_ring *ring, const void *messages, uint64_t count,
                                    bool *wake)
{
    int64_t moved = weft_ring_prepare(ring, count);
    int64_t result;

    *wake = false;
    if (moved >= 0 && (ring->last & WEFT_RING_CLOSED) != 0) {
        return WEFT_CHANNEL_CLOSED;
    }
    if (moved <= 0) {
        return moved;
    }
    uint64_t run = weft_ring_first_run(ring, (uint64_t)moved);
    __builtin_memcpy(weft_ring_slot(ring, 0), messages, run * ring->message_size);
    __builtin_memcpy(weft_ring_slot(ring, run),
                     (const unsigned char *)messages + run * ring->message_size,
                     ((uint64_t)moved - run) * ring->message_size);
    result = weft_ring_move(ring, (uint64_t)moved);
    *wake = result > 0;
    return result < 0 ? result : moved;
}

/* Receiver. Takes up to `count` messages at once; how many, 0 if the ring is empty, or an error.
 * *wake: the sender sleeps and must be woken. */
static inline int64_t weft_ring_take(struct weft_ring *ring, void *messages, uint64_t count,
                                     bool *wake)
{
    int64_t moved = weft_ring_prepare(ring, count);
    int64_t result;

    *wake = false;
    if (moved == 0 && (ring->last & WEFT_RING_CLOSED) != 0 && count > 0) {
        return WEFT_CHANNEL_CLOSED;
    }
    if (moved <= 0) {
        return moved;
    }
    uint64_t run = weft_ring_first_run(ring, (uint64_t)moved);
    __builtin_memcpy(messages, weft_ring_slot(ring, 0), run * ring->message_size);
    __builtin_memcpy((unsigned char *)messages + run * ring->message_size,
                     weft_ring_slot(ring, run), ((uint64_t)moved - run) * ring->message_size);
    result = weft_ring_move(ring, (uint64_t)moved);
    *wake = result > 0;
    return result < 0 ? result : moved;
}

/* Declares that this side sleeps. 1: the other side's next move or its end will wake it; 0: something
 * has happened since the last look, try again; or an error. */
static inline int64_t weft_ring_sleep(struct weft_ring *ring)
{
    uint64_t found = ring->last;

    if (ring->error != 0) {
        return ring->error;
    }
    if (weft_ring_available(ring) != 0 || (ring->last & WEFT_RING_CLOSED) != 0) {
        return 0;
    }
    /* Relaxed: success says that nothing has happened, so there is nothing to see; after a failure
     * weft_ring_look() looks with acquire. */
    if (weft_compare_exchange64_relaxed(ring->other, &found, ring->last | WEFT_RING_SLEEPS)) {
        ring->last |= WEFT_RING_SLEEPS;
        return 1;
    }
    if (((found ^ ring->last) & ~WEFT_RING_SLEEPS) == 0) {
        return weft_ring_break(ring); /* only the flag has changed: that was no move */
    }
    return 0;
}

/* Ends the channel from this side. True: the other side may sleep and must be woken. */
static inline bool weft_ring_close(struct weft_ring *ring)
{
    int64_t wake;

    if (ring->error == WEFT_CHANNEL_CLOSED) {
        return false;
    }
    wake = weft_ring_store(ring, ring->done << WEFT_RING_FLAG_BITS | WEFT_RING_CLOSED);
    ring->error = ring->error != 0 ? ring->error : WEFT_CHANNEL_CLOSED;
    return wake != 0;
}
