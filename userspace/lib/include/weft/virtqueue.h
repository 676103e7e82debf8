/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's side of a split virtqueue (virtio 1.2, section 2.7): chains of buffers for a device, and what it
 * has done with them. No system calls and no library but its atomics, so that exactly this file is attacked on
 * the host (tests/host/virtqueue_model_asan.c).
 *
 *     virtqueue_init(&queue, memory, size, features);      memory: virtqueue_bytes(size), zeroed
 *     head = virtqueue_add(&queue, pieces, read, written); a chain; VIRTQUEUE_FULL: no room
 *     if (virtqueue_publish(&queue)) { notify the device }
 *     while (virtqueue_take(&queue, &head, &length) > 0) { the chain `head` is done }
 *     if (virtqueue_sleep(&queue)) { wait for its interrupt }
 *
 * Theory of operation
 *
 * 1. Three areas. The *descriptors* are the driver's: address, length, the next of a chain. The *available* ring
 *    is written by the driver: heads of chains, and an index that counts them. The *used* ring is written by the
 *    device: heads that it has done. Indices count to 65536 and begin again; slots are the index modulo the size.
 * 2. Hand-over to the device. Descriptors and slot first, then the index (release). The device reads the index
 *    first (acquire), then what lies behind it. And back, over the used ring, with the roles exchanged.
 * 3. Who must be told. Each side says from which index on it wants to be told of the other's progress: the
 *    device in `available_event`, the driver in `used_event` (VIRTIO_RING_F_EVENT_IDX). Without that feature there
 *    are flags which say no more than yes or no. Either way a side that goes to sleep first writes its wish and
 *    then looks at the other's index once more, and the other first moves the index and then looks at the wish.
 *    Store, then load of something else: that takes a full fence on both sides, or both see nothing and the
 *    queue stands still for ever. (A channel of ours needs none, as it keeps both in one word.)
 * 4. The device is believed nothing that could harm this process: a head that is not under way, or an index that
 *    claims more than was given, breaks the queue for good (VIRTQUEUE_BROKEN). What the device writes into
 *    memory it was told of is its own business.
 * 5. Indirect chains. A descriptor may point to a table of descriptors in other memory; a chain then takes one
 *    place of the queue however long it is (virtqueue_add_table).
 * 6. Limits: one thread; no packed rings; size a power of two up to VIRTQUEUE_SIZE_MAX.
 *
 * Keys: (D) written by the device, (P) private to the driver.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/atomic.h"

#define VIRTQUEUE_SIZE_MAX 256u
#define VIRTQUEUE_ALIGNMENT 16u /* of its memory; pages are */

#define VIRTQUEUE_INDIRECT (1ull << 28) /* feature bits */
#define VIRTQUEUE_EVENT_INDEX (1ull << 29)

enum virtqueue_error {
    VIRTQUEUE_FULL = -1,   /* no descriptors left: take what is done, and try again */
    VIRTQUEUE_BROKEN = -2, /* the device broke the rules; reset it */
};

enum virtqueue_flag {
    VIRTQUEUE_NEXT = 1,
    VIRTQUEUE_WRITTEN = 2, /* the device writes there */
    VIRTQUEUE_TABLE = 4,
};
#define VIRTQUEUE_QUIET 1u /* in `flags` of a ring: its writer's wish not to be told */

struct virtqueue_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags; /* enum virtqueue_flag */
    uint16_t next;
};

struct virtqueue_available {
    uint16_t flags;
    /* [virtqueue.device_take] acquire: the device, or QEMU for it, reads heads and descriptors behind the index.
     * Pairs with [virtqueue.publish]. */
    uint16_t index;
    uint16_t heads[]; /* as many as the queue's size, then used_event */
};

struct virtqueue_done {
    uint32_t head;
    uint32_t length; /* bytes that the device has written */
};

struct virtqueue_used {
    uint16_t flags; /* (D) */
    /* (D) [virtqueue.device_done] release: the device has written what it has done before. Pairs with
     * [virtqueue.take]. */
    uint16_t index;
    struct virtqueue_done done[]; /* (D) as many as the queue's size, then available_event */
};

/* One piece of memory of a chain, as the device knows it. */
struct virtqueue_piece {
    uint64_t address;
    uint32_t length;
};

/* All fields are private (P); what the pointers point to is shared. */
struct virtqueue {
    struct virtqueue_descriptor *descriptors;
    struct virtqueue_available *available;
    struct virtqueue_used *used; /* (D) */
    uint16_t *used_event;
    uint16_t *available_event; /* (D) */
    uint16_t size;
    uint16_t free;      /* first of the free descriptors, chained by `next` below */
    uint16_t free_left; /* how many */
    uint16_t next;      /* index of the next chain that is given */
    uint16_t told;      /* the index up to which the device has been told, or needed not be */
    uint16_t seen;      /* index of the next chain that comes back */
    bool event_index;
    bool broken;
    uint16_t chain[VIRTQUEUE_SIZE_MAX]; /* the next descriptor: what is shared is never read */
    uint16_t parts[VIRTQUEUE_SIZE_MAX]; /* of a head under way: its descriptors; else 0 */
};

static inline size_t virtqueue_used_offset(uint32_t size)
{
    size_t end = size * sizeof(struct virtqueue_descriptor) + sizeof(struct virtqueue_available) +
                 (size + 1) * sizeof(uint16_t);
    return (end + 3) & ~(size_t)3;
}

static inline size_t virtqueue_bytes(uint32_t size)
{
    return virtqueue_used_offset(size) + sizeof(struct virtqueue_used) +
           size * sizeof(struct virtqueue_done) + sizeof(uint16_t);
}

static inline size_t virtqueue_available_offset(uint32_t size)
{
    return size * sizeof(struct virtqueue_descriptor);
}

/* `memory` is zeroed, virtqueue_bytes(size) long, and aligned to VIRTQUEUE_ALIGNMENT. */
static inline void virtqueue_init(struct virtqueue *queue, void *memory, uint16_t size,
                                  uint64_t features)
{
    unsigned char *bytes = memory;
    *queue = (struct virtqueue){
        .descriptors = memory,
        .available = (struct virtqueue_available *)(bytes + virtqueue_available_offset(size)),
        .used = (struct virtqueue_used *)(bytes + virtqueue_used_offset(size)),
        .size = size,
        .free_left = size,
        .event_index = (features & VIRTQUEUE_EVENT_INDEX) != 0,
    };
    queue->used_event = &queue->available->heads[size];
    queue->available_event = (uint16_t *)&queue->used->done[size];
    for (uint16_t i = 0; i < size; i++) {
        queue->chain[i] = (uint16_t)(i + 1);
    }
}

/* Puts a head into the available ring; the device does not see it before virtqueue_publish(). */
static inline void virtqueue_offer(struct virtqueue *queue, uint16_t head, uint16_t parts)
{
    queue->parts[head] = parts;
    queue->available->heads[queue->next % queue->size] = head;
    queue->next++;
}

/* A chain of `read` pieces that the device reads and, behind them, `written` pieces that it writes. Returns its
 * head, by which virtqueue_take() names it, or VIRTQUEUE_FULL. At least one piece. */
static inline int32_t virtqueue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                                    uint16_t read, uint16_t written)
{
    uint16_t count = (uint16_t)(read + written), head = queue->free, at = head;

    if (queue->broken) {
        return VIRTQUEUE_BROKEN;
    }
    if (count == 0 || count > queue->free_left) {
        return VIRTQUEUE_FULL;
    }
    for (uint16_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        queue->descriptors[at] = (struct virtqueue_descriptor){
            .address = pieces[i].address,
            .length = pieces[i].length,
            .flags = (uint16_t)((last ? 0 : VIRTQUEUE_NEXT) | (i < read ? 0 : VIRTQUEUE_WRITTEN)),
            .next = last ? 0 : queue->chain[at],
        };
        at = queue->chain[at];
    }
    queue->free = at;
    queue->free_left = (uint16_t)(queue->free_left - count);
    virtqueue_offer(queue, head, count);
    return head;
}

/* The same chain in a table of its own, which the device reads at `address`: `read + written` descriptors at
 * `table`, untouched until the chain is done. Only with the feature VIRTQUEUE_INDIRECT. */
static inline int32_t virtqueue_add_table(struct virtqueue *queue,
                                          const struct virtqueue_piece *pieces, uint16_t read,
                                          uint16_t written, struct virtqueue_descriptor *table,
                                          uint64_t address)
{
    uint16_t count = (uint16_t)(read + written), head = queue->free;

    if (queue->broken) {
        return VIRTQUEUE_BROKEN;
    }
    if (queue->free_left == 0 || count == 0) {
        return VIRTQUEUE_FULL;
    }
    for (uint16_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        table[i] = (struct virtqueue_descriptor){
            .address = pieces[i].address,
            .length = pieces[i].length,
            .flags = (uint16_t)((last ? 0 : VIRTQUEUE_NEXT) | (i < read ? 0 : VIRTQUEUE_WRITTEN)),
            .next = (uint16_t)(last ? 0 : i + 1),
        };
    }
    queue->descriptors[head] = (struct virtqueue_descriptor){
        .address = address,
        .length = count * (uint32_t)sizeof(table[0]),
        .flags = VIRTQUEUE_TABLE,
    };
    queue->free = queue->chain[head];
    queue->free_left--;
    virtqueue_offer(queue, head, 1);
    return head;
}

/* Gives the device all chains that were added. True: it wants to be notified of them. */
static inline bool virtqueue_publish(struct virtqueue *queue)
{
    uint16_t before = queue->told;

    if (queue->next == before) {
        return false;
    }
    /* [virtqueue.publish] release: the device may read descriptors and heads. Pairs with
     * [virtqueue.device_take]. */
    weft_store16_release(&queue->available->index, queue->next);
    queue->told = queue->next;
    /* Our index before the device's wish; the device writes its wish before it looks at our index (3). */
    weft_fence_full();
    if (!queue->event_index) {
        /* Relaxed: nothing is read by what it says. */
        return (weft_load16_relaxed(&queue->used->flags) & VIRTQUEUE_QUIET) == 0;
    }
    /* Relaxed as above. Does the wished index lie among those that were just given? */
    uint16_t wished = weft_load16_relaxed(queue->available_event);
    return (uint16_t)(queue->next - wished - 1) < (uint16_t)(queue->next - before);
}

/* Gives the descriptors of a chain back. */
static inline void virtqueue_free(struct virtqueue *queue, uint16_t head)
{
    uint16_t last = head;

    for (uint16_t i = 1; i < queue->parts[head]; i++) {
        last = queue->chain[last];
    }
    queue->chain[last] = queue->free;
    queue->free = head;
    queue->free_left = (uint16_t)(queue->free_left + queue->parts[head]);
    queue->parts[head] = 0;
}

/* The next chain that the device has done: 1, with its head and how many bytes the device wrote into it; 0:
 * there is none; or VIRTQUEUE_BROKEN. */
static inline int32_t virtqueue_take(struct virtqueue *queue, uint16_t *head, uint32_t *length)
{
    if (queue->broken) {
        return VIRTQUEUE_BROKEN;
    }
    /* [virtqueue.take] acquire: what the device has done may be read. Pairs with [virtqueue.device_done]. */
    uint16_t index = weft_load16_acquire(&queue->used->index);
    if (index == queue->seen) {
        return 0;
    }
    struct virtqueue_done done = queue->used->done[queue->seen % queue->size];
    if ((uint16_t)(index - queue->seen) > (uint16_t)(queue->told - queue->seen) ||
        done.head >= queue->size || queue->parts[done.head] == 0) {
        queue->broken = true;
        return VIRTQUEUE_BROKEN;
    }
    queue->seen++;
    *head = (uint16_t)done.head;
    *length = done.length;
    virtqueue_free(queue, *head);
    return 1;
}

/* How many chains are with the device. */
static inline uint16_t virtqueue_under_way(const struct virtqueue *queue)
{
    return (uint16_t)(queue->told - queue->seen);
}

/* Asks for an interrupt at the next chain that is done. True: wait for it; false: one is done already. */
static inline bool virtqueue_sleep(struct virtqueue *queue)
{
    if (queue->event_index) {
        weft_store16_relaxed(queue->used_event, queue->seen); /* relaxed: the fence orders it */
    } else {
        weft_store16_relaxed(&queue->available->flags, 0);
    }
    /* Our wish before the device's index; the device moves its index before it looks at our wish (3). */
    weft_fence_full();
    return weft_load16_relaxed(&queue->used->index) == queue->seen; /* relaxed: the take acquires */
}

/* No interrupts until virtqueue_sleep(). With the event index that is so by itself: the wish lies behind. */
static inline void virtqueue_wake(struct virtqueue *queue)
{
    if (!queue->event_index) {
        weft_store16_relaxed(&queue->available->flags, VIRTQUEUE_QUIET); /* relaxed: only a hint */
    }
}
