/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of a network device; the header is the manual.
 */
#include "weft/ethernet.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define ALL_PAGES(link) ((link)->data_pages + WEFT_ETHERNET_RING_PAGES)

status_t weft_ethernet_open(struct weft_ethernet *link, uint64_t service, uint64_t place,
                            uint64_t data_pages)
{
    *link = (struct weft_ethernet){
        .service = service, .here = (uint8_t *)place, .data_pages = data_pages};
    if (data_pages == 0 || data_pages > WEFT_ETHERNET_PAGES_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status = weft_memory_create(MEMORY_CONTIGUOUS | ALL_PAGES(link), &link->memory);
    if (status == STATUS_NO_MEMORY) {
        status = weft_memory_create(ALL_PAGES(link), &link->memory);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = weft_memory_map(HANDLE_SELF, link->memory, place, 0, ALL_PAGES(link),
                             RIGHT_READ | RIGHT_WRITE);
    if (status != STATUS_OK) {
        (void)weft_cap_delete(link->memory);
    }
    return status;
}

/* Empty rings, which no driver knows. */
static _Bool open_rings(struct weft_ethernet *link)
{
    uint64_t done = WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE - WEFT_ETHERNET_DONE_OFFSET;

    memset(link->here, 0, WEFT_ETHERNET_RING_PAGES * WEFT_PAGE_SIZE);
    link->sending = 0;
    link->emptied = 0;
    link->tell = 0;
    return weft_ring_open(&link->send, link->here + WEFT_ETHERNET_SEND_OFFSET,
                          WEFT_ETHERNET_RING_BYTES, WEFT_FRAME_DEPTH, sizeof(struct weft_frame),
                          WEFT_RING_SENDER) == 0 &&
           weft_ring_open(&link->empty, link->here + WEFT_ETHERNET_EMPTY_OFFSET,
                          WEFT_ETHERNET_RING_BYTES, WEFT_FRAME_DEPTH, sizeof(struct weft_frame),
                          WEFT_RING_SENDER) == 0 &&
           weft_ring_open(&link->done, link->here + WEFT_ETHERNET_DONE_OFFSET, done,
                          WEFT_ETHERNET_DONE_DEPTH, sizeof(struct weft_frame),
                          WEFT_RING_RECEIVER) == 0;
}

static status_t ask(const struct weft_ethernet *link, struct weft_message *message,
                    struct weft_ipc *ipc)
{
    status_t status = weft_ipc_call_with(link->service, message, ipc);
    return status < 0 ? status : (status_t)message->words[0];
}

static status_t attach(struct weft_ethernet *link, uint64_t notification)
{
    struct weft_message info = {{WEFT_ETHERNET_INFO}};
    struct weft_message message = {{WEFT_ETHERNET_ATTACH, link->data_pages}};
    struct weft_ipc ipc = {
        .send_count = 2,
        .send_handles = {(uint32_t)link->memory, (uint32_t)notification},
        .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, RIGHT_WRITE},
        .receive_count = 1,
    };

    if (link->doorbell != 0) {
        (void)weft_cap_delete(link->doorbell);
        link->doorbell = 0;
    }
    if (!open_rings(link)) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status = ask(link, &info, NULL);
    if (status == STATUS_OK) {
        memcpy(link->info.address, &info.words[1], sizeof(link->info.address));
        link->info.packet_bytes = (uint16_t)(info.words[1] >> 48);
        link->info.link = info.words[2] != 0;
        status = ask(link, &message, &ipc);
    }
    if (status == STATUS_OK) {
        link->doorbell = ipc.receive_handles[0];
        status = link->doorbell == 0 ? STATUS_NO_SLOT : STATUS_OK;
    }
    return status;
}

status_t weft_ethernet_attach(struct weft_ethernet *link, uint64_t notification)
{
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < WEFT_ETHERNET_ATTEMPTS && status == STATUS_DEAD; turn++) {
        status = attach(link, notification);
    }
    return status;
}

void weft_ethernet_watch(struct weft_ethernet *link)
{
    struct weft_message message = {{WEFT_ETHERNET_WATCH}};
    (void)ask(link, &message, NULL);
}

void weft_ethernet_detach(struct weft_ethernet *link)
{
    struct weft_message message = {{WEFT_ETHERNET_DETACH}};
    (void)ask(link, &message, NULL); /* a driver that is gone has let go */
}

_Bool weft_ethernet_put(struct weft_ethernet *link, enum weft_frame_kind kind, uint32_t id,
                        uint32_t offset, uint32_t length)
{
    struct weft_frame frame = {kind, id, offset, length};
    uint32_t *under_way = kind == WEFT_FRAME_SEND ? &link->sending : &link->emptied;
    bool wake;

    if (*under_way == WEFT_FRAME_DEPTH) {
        return 0;
    }
    (*under_way)++;
    /* A driver that broke the ring is noticed at the take. */
    (void)weft_ring_put(kind == WEFT_FRAME_SEND ? &link->send : &link->empty, &frame, 1, &wake);
    link->tell |= wake;
    return 1;
}

void weft_ethernet_tell(struct weft_ethernet *link)
{
    if (link->tell) {
        link->tell = 0;
        (void)weft_notification_signal(link->doorbell,
                                       0); /* a dead driver is told of by the watch */
    }
}

int weft_ethernet_take(struct weft_ethernet *link, struct weft_frame *frame)
{
    bool wake;
    int64_t taken = weft_ring_take(&link->done, frame, 1, &wake);
    if (taken <= 0) {
        return taken == 0 ? 0 : -1;
    }
    uint32_t *under_way = frame->kind == WEFT_FRAME_SEND    ? &link->sending
                          : frame->kind == WEFT_FRAME_EMPTY ? &link->emptied
                                                            : NULL;
    if (under_way == NULL || *under_way == 0) {
        return -1;
    }
    (*under_way)--;
    return 1;
}

_Bool weft_ethernet_sleep(struct weft_ethernet *link)
{
    return weft_ring_sleep(&link->done) != 0; /* a broken one is noticed at the take */
}
