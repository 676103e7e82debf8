/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: messages of one size from one thread to one other, mostly of another process, through
 * memory that both map. A system call is made only to wake a partner that sleeps.
 *
 * Who sets a channel up creates a memory object (zeroed, as all are) and two notifications, one for
 * each side, best on the CPU where that side runs, and gives both sides the memory. Each side maps
 * it and opens its end; both must name the same geometry:
 *
 *     struct weft_channel channel;
 *     struct weft_channel_options options = {
 *         .memory = (void *)address, .bytes = 2 * WEFT_PAGE_SIZE,
 *         .capacity = 64, .message_size = sizeof(struct request),
 *         .wait = my_notification, .signal = your_notification,
 *     };
 *     weft_channel_open(&channel, &options, WEFT_RING_SENDER);
 *     int64_t sent = weft_channel_send(&channel, requests, count);
 *
 * Results are numbers of messages, or a negative weft_channel_error. After WEFT_CHANNEL_CORRUPT the
 * end is of no use any more: the partner has broken the rules (weft/channel_ring.h says which), and
 * nothing of this process was touched.
 *
 * An end belongs to one thread. The death of a partner is not seen in the memory: let its end be
 * signalled to the `wait` notification of the other (weft_spawn()), with a bit that is not the
 * channel's; then the wait returns WEFT_CHANNEL_CANCELLED.
 */
#pragma once

#include "weft/arch.h"
#include "weft/channel_ring.h"

#define WEFT_CHANNEL_BIT 1ull

struct weft_channel_options {
    void *memory;      /* mapped for reading and writing, aligned to WEFT_RING_LINE */
    size_t bytes;      /* of it; weft_ring_bytes(capacity, message_size) are needed */
    uint64_t capacity; /* messages: a power of two up to WEFT_RING_CAPACITY_MAX */
    size_t message_size;
    uint64_t wait;   /* notification on which this side sleeps, right read; 0: it never sleeps */
    uint64_t signal; /* the partner's, right write; 0: the partner never sleeps */
    uint64_t bits;   /* of `wait` that mean the partner; 0: WEFT_CHANNEL_BIT */
    uint32_t
        polls; /* looks before each sleep; worth it where the partner answers soon, on another CPU */
};

struct weft_channel {
    struct weft_ring ring;
    uint64_t wait, signal, bits;
    uint32_t polls;
    uint64_t others;        /* bits that ended waits and are not the channel's, gathered */
    status_t status;        /* of the system call that failed, after WEFT_CHANNEL_FAILED */
    uint64_t sleeps, wakes; /* statistics: waits of this side, signals to the other */
};

/* 0, or WEFT_CHANNEL_BAD. */
int64_t weft_channel_open(struct weft_channel *channel, const struct weft_channel_options *options,
                          enum weft_ring_role role);

/* Sender. Sends what there is room for, up to `count`, without waiting: 0 .. count, or an error. */
int64_t weft_channel_try_send(struct weft_channel *channel, const void *messages, uint64_t count);

/* Sender. Sends all, sleeping while the ring is full: `count`, or an error, after which a part may have
 * been sent. That the receiver has closed is noticed when the ring is full, at the latest. */
int64_t weft_channel_send(struct weft_channel *channel, const void *messages, uint64_t count);

/* Receiver. Takes what is there, up to `count`, without waiting: 0 .. count, or an error. */
int64_t weft_channel_try_receive(struct weft_channel *channel, void *messages, uint64_t count);

/* Receiver. The same, but sleeps until there is at least one: 1 .. count, or an error.
 * WEFT_CHANNEL_CLOSED comes after the last message. `count` > 0. */
int64_t weft_channel_receive(struct weft_channel *channel, void *messages, uint64_t count);

/* Declares that this side will wait on its notification, for those who wait for several channels with
 * one wait. 1: wait; 0: something has happened, try again; or an error. */
int64_t weft_channel_sleep(struct weft_channel *channel);

/* Ends the channel from this side, and tells the other. The memory stays mapped. */
void weft_channel_close(struct weft_channel *channel);
