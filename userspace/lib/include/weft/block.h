/* SPDX-License-Identifier: Apache-2.0
 *
 * Disks: sectors read and written through a block server (userspace/drivers/virtio_blk), any number of requests
 * at a time, without a copy: the disk reads and writes the client's own memory.
 *
 *     struct weft_block disk;
 *     weft_block_open(&disk, weft_capability("block"), WEFT_FREE_BASE, 32);      32 pages of data
 *     memcpy(weft_block_data(&disk, 0), text, 512);
 *     int64_t result = weft_block_do(&disk, WEFT_BLOCK_WRITE, sector, 0, 512);   from byte 0 of the data
 *     result = weft_block_do(&disk, WEFT_BLOCK_FLUSH, 0, 0, 0);                  now it is on the disk
 *
 * Or several at once: weft_block_submit() some, weft_block_wait(), weft_block_take() what is done.
 *
 * Theory of operation
 *
 * 1. A session is memory of the client: a page with two rings (weft/channel_ring.h), requests one way and results
 *    the other, and the pages of data behind it. The server maps the page of the rings and lets the device
 *    reach the data. The badge of the client's capability is the session: who attaches again replaces it.
 * 2. Waiting is a call. The client puts requests into the ring and calls WEFT_BLOCK_ENTER: the server takes them and
 *    answers when as many are done as the client wanted. So one call serves many requests; and when the server
 *    dies the kernel ends the call with STATUS_DEAD: nobody waits for the dead.
 * 3. The server's death. Of what was under way nobody can say whether it was done. The device may still be writing
 *    into the data, until it has been reset, which is before the next instance begins (docs/drivers.md). So the
 *    client leaves the data of these requests alone, attaches again (which waits for the next instance
 *    where the endpoint outlives it), and submits them once more: weft_block_recover(). Reading and writing the
 *    same sectors twice is the same as once, as long as nothing else was written there in between; so do not
 *    have two requests for one sector under way, unless both read. What was reported as done stays done.
 * 4. The client's death. What it had under way may be written later, so a successor with the same badge that began at
 *    once could have its own writes overwritten by those of the dead. The server answers STATUS_BUSY to who
 *    attaches until the device has done with them; weft_block_open() waits. And with a session goes a lifeline, an endpoint
 *    on which the client never receives: it is dead when the client is. The server looks at it when it has no place
 *    for a new session, and when nothing happens, and closes the sessions of the dead.
 * 5. A hostile client has its own session and nothing else: requests are copied out of the ring once and checked
 *    against the size of the disk and of its data. A server is trusted with the data, not with more: its
 *    results are believed only for requests that are under way.
 * 6. Limits: WEFT_BLOCK_DEPTH requests under way, WEFT_BLOCK_BYTES each, WEFT_BLOCK_PAGES of data. One thread.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/channel_ring.h"
#include "weft/layout.h"

#define WEFT_BLOCK_SECTOR 512u
#define WEFT_BLOCK_DEPTH 64u           /* places in each ring */
#define WEFT_BLOCK_BYTES (128u * 1024) /* most of one request */
#define WEFT_BLOCK_PAGES 512u          /* most of the data of a session */
#define WEFT_BLOCK_ATTEMPTS 64u        /* instances in a row that may die while a client attaches */

enum weft_block_operation {
    WEFT_BLOCK_READ = 1,
    WEFT_BLOCK_WRITE,
    WEFT_BLOCK_FLUSH, /* what was reported as written is on the disk when this is done */
    WEFT_BLOCK_DISCARD, /* `bytes` from the sector on need not be kept; their content may be anything then */
};

/* How a request went; 0 is well. */
enum weft_block_result {
    WEFT_BLOCK_ERROR = -1,       /* the disk says that it failed */
    WEFT_BLOCK_UNSUPPORTED = -2, /* the disk cannot do this */
    WEFT_BLOCK_RANGE = -3, /* sectors, or bytes of the data, that are not there; no whole sectors */
    WEFT_BLOCK_READ_ONLY = -4,
    WEFT_BLOCK_LOST = -5, /* the server died, and there is no other; it may have been done */
};

/* What travels through the rings. */
struct weft_block_request {
    uint64_t id;
    uint32_t operation; /* enum weft_block_operation */
    uint32_t bytes;     /* whole sectors */
    uint64_t sector;
    uint64_t offset; /* in the data, a multiple of the sector */
};

struct weft_block_done {
    uint64_t id;
    int64_t result; /* 0 or enum weft_block_result */
};

/* First words of messages to the server. Answers begin with a status. */
enum weft_block_message {
    WEFT_BLOCK_INFO = 1, /* -> sectors, flags, bytes that the disk writes at once */
    WEFT_BLOCK_ATTACH,   /* pages of data; with the session's memory, and a lifeline */
    WEFT_BLOCK_ENTER,    /* how many results to wait for -> how many there are */
    WEFT_BLOCK_DETACH,
};
#define WEFT_BLOCK_CAN_FLUSH 1u
#define WEFT_BLOCK_CAN_DISCARD 2u
#define WEFT_BLOCK_IS_READ_ONLY 4u

struct weft_block_info {
    uint64_t sectors;
    uint32_t flags;
    uint32_t unit; /* bytes that the disk writes at once, a multiple of the sector */
};

/* Where the rings lie in the session's first page. */
#define WEFT_BLOCK_DONE_OFFSET                                                                     \
    (sizeof(struct weft_ring_shared) + WEFT_BLOCK_DEPTH * sizeof(struct weft_block_request))
_Static_assert(WEFT_BLOCK_DONE_OFFSET % WEFT_RING_LINE == 0, "rings begin on a line");
_Static_assert(WEFT_BLOCK_DONE_OFFSET + sizeof(struct weft_ring_shared) +
                       WEFT_BLOCK_DEPTH * sizeof(struct weft_block_done) <=
                   WEFT_PAGE_SIZE,
               "both rings fit into a page");

struct weft_block {
    uint64_t service;
    uint64_t memory; /* of the session */
    uint64_t lifeline;
    uint8_t *here; /* where it is mapped */
    uint64_t data_pages;
    struct weft_block_info info;
    struct weft_ring requests, done;
    uint32_t under_way;
    uint64_t next_id;
    struct weft_block_request
        list[WEFT_BLOCK_DEPTH]; /* under way, at id modulo the depth; id 0: free */
    /* For services with a heartbeat: `waiting` is called whenever that many cycles were waited for the server. 0, or
     * set between weft_block_open() and the first request. Whether the server hangs is for who watches it. */
    uint64_t patience;
    void (*waiting)(void);
    uint32_t recoveries; /* statistics: other instances of the server that were met */
};

/* Makes a session with `data_pages` of data, physically in one piece where that can be had, and maps it at
 * `place` (one page more). Waits for the server. STATUS_OK, or what went wrong. */
status_t weft_block_open(struct weft_block *block, uint64_t service, uint64_t place,
                         uint64_t data_pages);
void weft_block_close(struct weft_block *block);

static inline void *weft_block_data(const struct weft_block *block, uint64_t offset)
{
    return block->here + WEFT_PAGE_SIZE + offset;
}

/* Puts a request into the ring, under an id that is returned; 0: too many are under way. */
uint64_t weft_block_submit(struct weft_block *block, enum weft_block_operation operation,
                           uint64_t sector, uint64_t offset, uint32_t bytes);

/* Tells the server of what was submitted, and waits until `wanted` results are there to be taken, or nothing is
 * under way. STATUS_DEAD: the server is gone; weft_block_recover(). */
status_t weft_block_wait(struct weft_block *block, uint32_t wanted);

/* The next result: 1, 0 if there is none, or -1: the server breaks the rules, and weft_block_recover() helps. */
int weft_block_take(struct weft_block *block, struct weft_block_done *done);

/* After STATUS_DEAD: attaches to the next instance and submits again what is under way. STATUS_DEAD: there is
 * none and will be none. */
status_t weft_block_recover(struct weft_block *block);

/* One request from its beginning to its end, whichever instance of the server serves it; for who has none under
 * way. 0, or enum weft_block_result. */
int64_t weft_block_do(struct weft_block *block, enum weft_block_operation operation,
                      uint64_t sector, uint64_t offset, uint32_t bytes);
