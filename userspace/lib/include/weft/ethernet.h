/* SPDX-License-Identifier: Apache-2.0
 *
 * Ethernet frames to and from a network device through its driver (userspace/drivers/virtio_net), without a copy:
 * the device reads and writes the client's own memory. For the network server; programs use weft/socket.h.
 *
 *     struct weft_ethernet link;
 *     weft_ethernet_open(&link, weft_capability("ethernet"), WEFT_FREE_BASE, 256);     256 pages of data
 *     weft_ethernet_attach(&link, notification);
 *     weft_ethernet_put(&link, WEFT_FRAME_EMPTY, 7, 0, 2048);       a frame may be received to byte 0 of the data
 *     weft_ethernet_put(&link, WEFT_FRAME_SEND, 1, 4096, 60);       60 bytes from there are a frame to send
 *     weft_ethernet_tell(&link);
 *     while (weft_ethernet_take(&link, &done) > 0) { ... }
 *     if (weft_ethernet_sleep(&link) > 0) { wait for the notification }
 *
 * Theory of operation
 *
 * 1. A session is memory of the client: two pages with three rings (weft/channel_ring.h), and the data behind
 *    them. Through one ring go frames to send, through one empty places for frames that come, and through the
 *    third both come back: sent, and filled. The driver maps the rings and lets its device reach the data; it
 *    never looks at a frame itself. The client's identifiers come back as they were given.
 * 2. There is one session, that of the last who attached: the device is reset between two, so that it has
 *    nothing of the one before any more.
 * 3. Nobody waits in a call. Each side signals the other's notification, and only if that has declared in the
 *    ring that it sleeps: under load there are no signals. WEFT_ETHERNET_WATCH is a call that is never
 *    answered: a thread of the client waits in it, and the kernel ends it when the driver dies.
 * 4. After the driver's death the device may still be writing to the data, until it has been reset, which is
 *    before the next instance begins (docs/drivers.md). So the client leaves alone what was under way until it
 *    has attached again; then all of it is its own, and nothing of it is under way any more. A frame may be
 *    sent twice: whoever sends frames lives with that, and with lost ones.
 * 5. A hostile client has its own session and nothing else. Requests are copied out of the ring once and checked.
 *    The driver is trusted with frames, not with more: what comes back is believed only if it is under way, which
 *    the client has to check (`id`, and `length` against what was given).
 * 6. Limits: WEFT_FRAME_DEPTH frames under way in each direction. One thread, but for weft_ethernet_attach and
 *    _watch, which another may call while the first leaves the rings alone.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/channel_ring.h"
#include "weft/layout.h"

#define WEFT_FRAME_DEPTH 128u  /* under way each way */
#define WEFT_FRAME_BYTES 1514u /* the longest frame, without its check sequence */
#define WEFT_FRAME_LEAST 14u
#define WEFT_ETHERNET_PAGES_MAX 500u /* of data */
#define WEFT_ETHERNET_RING_PAGES 3u
#define WEFT_ETHERNET_ATTEMPTS 64u /* instances in a row that may die while a client attaches */

enum weft_frame_kind {
    WEFT_FRAME_SEND = 1, /* comes back when it was sent */
    WEFT_FRAME_EMPTY,    /* comes back when a frame has come; must lie within one page */
};

/* What travels through the rings. */
struct weft_frame {
    uint32_t kind;
    uint32_t id;
    uint32_t offset; /* in the data */
    uint32_t length; /* coming back: of the frame that came; 0: it could not be done */
};

/* First words of messages to the driver. Answers begin with a status. */
enum weft_ethernet_message {
    WEFT_ETHERNET_INFO = 1, /* -> address | largest packet << 48, is there a link? */
    WEFT_ETHERNET_ATTACH, /* pages of data; with memory and notification -> with the driver's one */
    WEFT_ETHERNET_WATCH,  /* no answer, while this session is the driver's one */
    WEFT_ETHERNET_DETACH, /* ends it */
};

struct weft_ethernet_info {
    uint8_t address[6];
    uint16_t packet_bytes; /* the longest packet in a frame */
    _Bool link;
};

/* Where the rings lie in the session's first pages. */
#define WEFT_ETHERNET_RING_BYTES                                                                   \
    (sizeof(struct weft_ring_shared) + WEFT_FRAME_DEPTH * sizeof(struct weft_frame))
#define WEFT_ETHERNET_SEND_OFFSET 0u
#define WEFT_ETHERNET_EMPTY_OFFSET WEFT_ETHERNET_RING_BYTES
#define WEFT_ETHERNET_DONE_OFFSET (2 * WEFT_ETHERNET_RING_BYTES)
#define WEFT_ETHERNET_DONE_DEPTH (2 * WEFT_FRAME_DEPTH)
_Static_assert(WEFT_ETHERNET_RING_BYTES % WEFT_RING_LINE == 0, "rings begin on a line");
_Static_assert(WEFT_ETHERNET_DONE_OFFSET + sizeof(struct weft_ring_shared) +
                       WEFT_ETHERNET_DONE_DEPTH * sizeof(struct weft_frame) <=
                   WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE,
               "all rings fit");

struct weft_ethernet {
    uint64_t service;
    uint64_t memory; /* of the session */
    uint8_t *here;   /* where it is mapped */
    uint64_t data_pages;
    uint64_t doorbell; /* the driver's notification */
    struct weft_ethernet_info info;
    struct weft_ring send, empty, done;
    uint32_t sending, emptied; /* under way */
    _Bool tell;                /* the driver sleeps, and there is something new */
};

/* Makes the memory of a session and maps it at `place` (WEFT_ETHERNET_RING_PAGES more than the data has). The driver
 * need not be there. */
status_t weft_ethernet_open(struct weft_ethernet *link, uint64_t service, uint64_t place,
                            uint64_t data_pages);

static inline void *weft_ethernet_data(const struct weft_ethernet *link, uint64_t offset)
{
    return link->here + WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE + offset;
}

/* Begins a session, with nothing under way: waits for the driver, which will signal `notification` (rights write and
 * copy, and a badge that says which bit). STATUS_DEAD: there is no driver, and will be none. */
status_t weft_ethernet_attach(struct weft_ethernet *link, uint64_t notification);

/* Returns when the driver has died, or the session was ended. */
void weft_ethernet_watch(struct weft_ethernet *link);

/* Ends the session: when a driver breaks the rules, or nothing shall come any more. */
void weft_ethernet_detach(struct weft_ethernet *link);

/* Hands a frame over; false: too many are under way. */
_Bool weft_ethernet_put(struct weft_ethernet *link, enum weft_frame_kind kind, uint32_t id,
                        uint32_t offset, uint32_t length);

/* Wakes the driver, if it sleeps and something was handed over. */
void weft_ethernet_tell(struct weft_ethernet *link);

/* The next frame that comes back: 1, 0 if there is none, or -1: the driver breaks the rules. */
int weft_ethernet_take(struct weft_ethernet *link, struct weft_frame *frame);

/* Declares that this side sleeps. True: what happens next is signalled; false: something has happened. */
_Bool weft_ethernet_sleep(struct weft_ethernet *link);
