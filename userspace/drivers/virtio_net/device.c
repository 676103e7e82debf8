/* SPDX-License-Identifier: Apache-2.0
 *
 * A virtio-net device (virtio 1.2, section 5.1): frames with a header of the device's in front of each.
 *
 * The header says what the device shall do to a frame, or has done. Nothing of that is agreed on here, so all headers that
 * the device reads are the same twelve zeros, and those that it writes are read by nobody: one of each kind, in memory
 * of the driver's, serves all frames. The frame itself lies where the client has it, and a chain is the header and one
 * or two pieces.
 *
 * Features. The address is the device's own. The link's state is read where the device tells it. Checksums and
 * large segments are not asked for: QEMU's user network offers them to nobody.
 */
#include "network.h"

#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define QUEUE_SIZE 256
#define HEADER_BYTES 12u
#define PIECES 3u /* of a chain at most */
#define PACKET_BYTES 1500u

#define FEATURE_MTU (1ull << 3)
#define FEATURE_ADDRESS (1ull << 5)
#define FEATURE_STATUS (1ull << 16)

enum config { CONFIG_ADDRESS = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };
#define STATUS_LINK 1u

struct virtio device = {.place = WEFT_FREE_BASE};
struct virtio_queue queues[DIRECTIONS];

static struct virtio_memory headers;                             /* one for each direction */
static struct weft_frame frames[DIRECTIONS][VIRTQUEUE_SIZE_MAX]; /* under way, by their heads */
static struct weft_ethernet_info info;

static void check(status_t status)
{
    if (status != STATUS_OK) {
        weft_fail("%s (status %ld)", device.problem, status);
    }
}

void device_open(uint64_t notification)
{
    static const uint64_t bits[] = {[RECEIVE] = BIT_RECEIVED, [SEND] = BIT_SENT};

    info.packet_bytes = PACKET_BYTES;
    info.link = 1;
    check(virtio_open(&device, weft_capability("pci"),
                      FEATURE_MTU | FEATURE_ADDRESS | FEATURE_STATUS, notification));
    if ((device.features & FEATURE_ADDRESS) == 0 ||
        !virtio_config(&device, CONFIG_ADDRESS, info.address, sizeof(info.address))) {
        weft_fail("the device does not tell its address");
    }
    if ((device.features & FEATURE_MTU) != 0) {
        uint16_t most = PACKET_BYTES;
        (void)virtio_config(&device, CONFIG_MTU, &most, sizeof(most));
        info.packet_bytes = most < PACKET_BYTES ? most : PACKET_BYTES;
    }
    for (uint32_t i = 0; i < DIRECTIONS; i++) {
        check(
            virtio_queue_open(&device, &queues[i], (uint16_t)i, QUEUE_SIZE, (uint16_t)i, bits[i]));
    }
    check(virtio_memory(&device, 1, &headers));
    check(virtio_start(&device));
    virtio_acknowledge(&queues[RECEIVE]);
    virtio_acknowledge(&queues[SEND]);
}

void device_restart(void)
{
    check(virtio_reset(&device, queues, DIRECTIONS));
    memset(frames, 0, sizeof(frames));
    check(virtio_start(&device));
}

struct weft_ethernet_info device_info(void)
{
    uint16_t status = STATUS_LINK;

    if ((device.features & FEATURE_STATUS) != 0) {
        (void)virtio_config(&device, CONFIG_STATUS, &status, sizeof(status));
    }
    info.link = (status & STATUS_LINK) != 0;
    return info;
}

_Bool device_has_room(enum direction direction)
{
    return queues[direction].ring.free_left >= PIECES;
}

/* A frame as the device knows it: two pieces where it crosses into a page that lies elsewhere. */
static uint16_t add_data(const struct weft_frame *frame, const uint64_t *addresses,
                         struct virtqueue_piece *pieces)
{
    uint64_t page = frame->offset / WEFT_PAGE_SIZE, within = frame->offset % WEFT_PAGE_SIZE;
    uint64_t here = WEFT_PAGE_SIZE - within;

    pieces[0] = (struct virtqueue_piece){addresses[page] + within, frame->length};
    if (frame->length <= here || addresses[page] + WEFT_PAGE_SIZE == addresses[page + 1]) {
        return 1;
    }
    pieces[0].length = (uint32_t)here;
    pieces[1] = (struct virtqueue_piece){addresses[page + 1], (uint32_t)(frame->length - here)};
    return 2;
}

void device_add(enum direction direction, const struct weft_frame *frame, const uint64_t *addresses)
{
    struct virtqueue_piece pieces[PIECES];
    uint16_t count = add_data(frame, addresses, &pieces[1]);

    count++;
    pieces[0] = (struct virtqueue_piece){headers.address + direction * HEADER_BYTES, HEADER_BYTES};
    int32_t head = virtqueue_add(&queues[direction].ring, pieces, direction == SEND ? count : 0,
                                 direction == SEND ? 0 : count);
    if (head < 0) {
        weft_fail("the device's queue is broken");
    }
    frames[direction][head] = *frame;
}

void device_publish(void)
{
    virtio_publish(&queues[RECEIVE]);
    virtio_publish(&queues[SEND]);
}

_Bool device_next_done(enum direction direction, struct weft_frame *frame)
{
    uint16_t head;
    uint32_t length;
    int32_t taken = virtqueue_take(&queues[direction].ring, &head, &length);

    if (taken < 0) {
        weft_fail("the device breaks the rules of its queue");
    }
    if (taken == 0) {
        return 0;
    }
    *frame = frames[direction][head];
    if (direction == RECEIVE) {
        _Bool good = length >= HEADER_BYTES && length - HEADER_BYTES <= frame->length;
        frame->length = good ? length - HEADER_BYTES : 0;
    }
    return 1;
}
