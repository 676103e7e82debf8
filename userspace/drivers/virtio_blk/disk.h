/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of the block server: disk.c drives the device, session.c serves clients. One thread uses all
 * of it. Private to this driver.
 */
#pragma once

#include <stdint.h>

#include "weft/block.h"
#include "weft/virtio.h"

#define SLOTS 64u /* requests with the device */
#define SEGMENTS                                                                                   \
    (WEFT_BLOCK_BYTES / WEFT_PAGE_SIZE + 1) /* the most that a request's data can lie in */
#define SESSIONS_MAX 12u

/* A client's session. Its memory is let go when nothing of it is with the device any more. */
struct session {
    uint64_t badge;
    enum { SESSION_FREE, SESSION_OPEN, SESSION_CLOSING } state;
    uint64_t memory;
    uint64_t lifeline; /* an endpoint of the client's that is dead when the client is */
    uint32_t share;    /* the bus server's name for what the device reaches */
    uint8_t *here;     /* the page of the rings, mapped */
    struct weft_ring requests, done;
    uint64_t pages;
    uint64_t addresses[WEFT_BLOCK_PAGES]; /* of the data's pages, for the device */
    uint32_t under_way;                   /* requests with the device */
    uint64_t waiter; /* reply capability of who waits in WEFT_BLOCK_ENTER; 0: nobody */
    uint32_t wanted; /* by the waiter */
};

extern struct session sessions[SESSIONS_MAX];

/* ---- disk.c ------------------------------------------------------------------------------------- */

extern struct virtio device;
extern struct virtio_queue queue;

/* Claims and starts the device, or ends the process with a line that says why not. */
void disk_open(uint64_t notification);

struct weft_block_info disk_info(void);

/* May another request be begun? */
_Bool disk_has_room(void);

/* Can the request be done? 0, or the enum weft_block_result that says why not. */
int64_t disk_check(const struct session *session, const struct weft_block_request *request);

/* Begins a request that has been checked. It is given to the device by disk_publish(). */
void disk_begin(struct session *session, const struct weft_block_request *request);
void disk_publish(void);

/* The next request that the device has done: whose, and how it went. False: there is none. */
_Bool disk_next_done(struct session **session, struct weft_block_done *done);

/* ---- session.c ------------------------------------------------------------------------------------ */

/* The open session of a badge; NULL: there is none. */
struct session *session_find(uint64_t badge);

/* Opens one on `memory` (which it keeps, as the lifeline, unless this fails), in the place of one that is there. */
status_t session_attach(uint64_t badge, uint64_t memory, uint64_t lifeline, uint64_t pages);
void session_detach(struct session *session);

/* Closes the sessions of clients that have ended. */
void sessions_bury(void);

/* Takes what clients have submitted, as far as there is room. */
void sessions_pump(void);

/* Is there no more than one? */
_Bool sessions_are_one(void);

/* Tells clients of what the device has done, and answers those who waited for it. */
void sessions_reap(void);

/* Results that wait for the client to take them. */
uint32_t session_results(struct session *session);

/* Are there as many results as `wanted`, or nothing that could become one? */
_Bool session_ready(struct session *session, uint32_t wanted);
