/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of the network device: its memory, its rings, and the notification by which it is told.
 *
 * There is one session, and no frame of one is ever told to another: whoever attaches finds a device that was
 * reset. The rings are believed as little as the client: a broken one ends the session. Its memory stays
 * shared with the device until it has been reset, which is when the next one begins.
 */
#include "network.h"

#include "weft/startup.h"
#include "weft/syscalls.h"

#define RINGS_PLACE (WEFT_FREE_BASE + 0x8000000ull) /* behind what the device's library maps */
#define BATCH 32u

static struct session {
    _Bool open;
    uint64_t memory;
    uint64_t client;  /* notification */
    uint64_t watcher; /* reply capability of who is told of the end; 0: nobody */
    uint32_t share;   /* the bus server's name for what the device reaches */
    uint64_t pages;
    uint64_t addresses[WEFT_ETHERNET_PAGES_MAX]; /* of the data's pages, for the device */
    struct weft_ring send, empty, done;
} session;

/* ---- beginning and end ------------------------------------------------------------------------------ */

/* No frame moves any more. Its memory is still the device's. */
static void end(void)
{
    struct weft_message message = {{(uint64_t)STATUS_DEAD}};

    session.open = 0;
    if (session.watcher != 0) {
        (void)weft_ipc_reply_to(session.watcher, &message, NULL); /* or it has gone */
        (void)weft_cap_delete(session.watcher);
        session.watcher = 0;
    }
}

void session_detach(void)
{
    end();
    if (session.memory == 0) {
        return;
    }
    device_restart();
    (void)weft_pci_unshare(&device.pci, session.share);
    (void)weft_memory_unmap(HANDLE_SELF, RINGS_PLACE, WEFT_ETHERNET_RING_PAGES);
    (void)weft_cap_delete(session.memory);
    (void)weft_cap_delete(session.client);
    session = (struct session){0};
}

static _Bool open_rings(void)
{
    uint8_t *here = (uint8_t *)RINGS_PLACE;
    uint64_t done = WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE - WEFT_ETHERNET_DONE_OFFSET;

    return weft_ring_open(&session.send, here + WEFT_ETHERNET_SEND_OFFSET, WEFT_ETHERNET_RING_BYTES,
                          WEFT_FRAME_DEPTH, sizeof(struct weft_frame), WEFT_RING_RECEIVER) == 0 &&
           weft_ring_open(&session.empty, here + WEFT_ETHERNET_EMPTY_OFFSET,
                          WEFT_ETHERNET_RING_BYTES, WEFT_FRAME_DEPTH, sizeof(struct weft_frame),
                          WEFT_RING_RECEIVER) == 0 &&
           weft_ring_open(&session.done, here + WEFT_ETHERNET_DONE_OFFSET, done,
                          WEFT_ETHERNET_DONE_DEPTH, sizeof(struct weft_frame),
                          WEFT_RING_SENDER) == 0;
}

status_t session_attach(uint64_t memory, uint64_t client, uint64_t pages)
{
    if (pages == 0 || pages > WEFT_ETHERNET_PAGES_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    session_detach();
    status_t status = weft_memory_map(HANDLE_SELF, memory, RINGS_PLACE, 0, WEFT_ETHERNET_RING_PAGES,
                                      RIGHT_READ | RIGHT_WRITE);
    if (status != STATUS_OK) {
        return status;
    }
    status = open_rings() ? weft_pci_share(&device.pci, memory, WEFT_ETHERNET_RING_PAGES,
                                           (uint32_t)pages, session.addresses, &session.share)
                          : STATUS_BAD_ARGUMENT;
    if (status != STATUS_OK) {
        (void)weft_memory_unmap(HANDLE_SELF, RINGS_PLACE, WEFT_ETHERNET_RING_PAGES);
        return status;
    }
    session.memory = memory;
    session.client = client;
    session.pages = pages;
    session.open = 1;
    return STATUS_OK;
}

status_t session_watch(void)
{
    if (!session.open) {
        return STATUS_DEAD;
    }
    return session.watcher != 0 ? STATUS_BUSY : weft_ipc_reply_save(&session.watcher);
}

/* ---- frames --------------------------------------------------------------------------------------- */

/* Tells the client of frames. There is room for as many as may be under way; if there is none, it has broken the
 * ring. */
static void tell(const struct weft_frame *done, uint64_t count)
{
    bool wake;
    if (!session.open || count == 0) {
        return;
    }
    if (weft_ring_put(&session.done, done, count, &wake) != (int64_t)count) {
        end();
    } else if (wake) {
        (void)weft_notification_signal(session.client, 0);
    }
}

static void reap(enum direction direction)
{
    struct weft_frame done[BATCH];
    uint64_t count = 0;

    while (device_next_done(direction, &done[count])) {
        if (++count == BATCH) {
            tell(done, count);
            count = 0;
        }
    }
    tell(done, count);
}

static _Bool is_good(const struct weft_frame *frame, enum direction direction)
{
    uint64_t bytes = session.pages * WEFT_PAGE_SIZE;
    uint64_t within = frame->offset % WEFT_PAGE_SIZE;

    if (frame->offset > bytes || frame->length > bytes - frame->offset) {
        return 0;
    }
    return direction == SEND
               ? frame->kind == WEFT_FRAME_SEND && frame->length >= WEFT_FRAME_LEAST &&
                     frame->length <= WEFT_FRAME_BYTES
               : frame->kind == WEFT_FRAME_EMPTY && frame->length >= WEFT_FRAME_BYTES &&
                     within + frame->length <= WEFT_PAGE_SIZE;
}

static void pump(enum direction direction)
{
    struct weft_ring *ring = direction == SEND ? &session.send : &session.empty;
    struct weft_frame frame;
    bool wake; /* clients do not wait for room */

    /* A client that sends nothing but nonsense never fills the device: others have their turn all the same. */
    for (uint32_t i = 0; i < WEFT_FRAME_DEPTH && session.open && device_has_room(direction); i++) {
        int64_t taken = weft_ring_take(ring, &frame, 1, &wake);
        if (taken <= 0) {
            if (taken < 0) {
                end();
            }
            return;
        }
        if (is_good(&frame, direction)) {
            device_add(direction, &frame, session.addresses);
        } else {
            frame.kind = direction == SEND ? WEFT_FRAME_SEND : WEFT_FRAME_EMPTY;
            frame.length = 0;
            tell(&frame, 1);
        }
    }
}

void session_pump(void)
{
    reap(RECEIVE);
    reap(SEND);
    pump(RECEIVE);
    pump(SEND);
    device_publish();
}

/* A ring that is not read, as the device has no room, is not waited for either. */
_Bool session_sleep(void)
{
    return !session.open || ((!device_has_room(RECEIVE) || weft_ring_sleep(&session.empty) != 0) &&
                             (!device_has_room(SEND) || weft_ring_sleep(&session.send) != 0));
}
