/* SPDX-License-Identifier: Apache-2.0
 *
 * A virtio-blk device (virtio 1.2, section 5.2): its requests, many at a time.
 *
 * A request is a chain: a header that the device reads, the data, and a byte that the device writes last. Headers
 * and bytes lie in slots, memory that is shared with the device once and for all; the data lies where the client
 * has it. With indirect chains, which QEMU's device has, a request takes one place of the queue however
 * scattered its data is; the table lies in the slot as well.
 *
 * One queue: a second one pays where several threads submit, and this driver is one.
 */
#include "disk.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define QUEUE_SIZE 128
#define INTERRUPT_BIT 1ull
#define PIECES (SEGMENTS + 2)

#define FEATURE_SEGMENTS (1ull << 2)
#define FEATURE_READ_ONLY (1ull << 5)
#define FEATURE_BLOCK_SIZE (1ull << 6)
#define FEATURE_FLUSH (1ull << 9)
#define FEATURE_DISCARD (1ull << 13)

enum config { CONFIG_CAPACITY = 0, CONFIG_SEGMENTS = 12, CONFIG_BLOCK = 20, CONFIG_DISCARD = 36 };
enum kind { KIND_READ = 0, KIND_WRITE = 1, KIND_FLUSH = 4, KIND_DISCARD = 11 };
enum answer { ANSWER_OK = 0, ANSWER_ERROR = 1, ANSWER_UNSUPPORTED = 2, ANSWER_NONE = 0xff };

/* What the device reads and writes of a request, besides its data. */
struct slot {
    uint32_t kind;
    uint32_t reserved;
    uint64_t sector;
    uint64_t discard_sector;
    uint32_t discard_sectors;
    uint32_t discard_flags;
    uint8_t answer; /* written by the device */
    uint8_t unused[15];
    struct virtqueue_descriptor table[PIECES];
};
#define HEADER_BYTES 16u
#define DISCARD_BYTES 16u
_Static_assert(sizeof(struct slot) % 16 == 0, "tables are aligned");

/* What is known of a request while the device has it; nothing of this is shared. */
struct under_way {
    struct session *session; /* NULL: the slot is free */
    uint64_t id;
};

struct virtio device = {.place = WEFT_FREE_BASE};
struct virtio_queue queue;

static struct virtio_memory memory; /* of the slots */
static struct under_way requests[SLOTS];
static uint32_t free_slots = SLOTS;
static uint16_t slot_of[VIRTQUEUE_SIZE_MAX]; /* by the head of its chain */
static struct weft_block_info info;
static uint32_t discard_most; /* sectors of one request */

/* ---- beginning ------------------------------------------------------------------------------------ */

static void read_config(void)
{
    uint32_t segments = 0, unit = WEFT_BLOCK_SECTOR;

    if (!virtio_config(&device, CONFIG_CAPACITY, &info.sectors, sizeof(info.sectors))) {
        weft_fail("the disk does not tell its size");
    }
    if ((device.features & FEATURE_SEGMENTS) != 0 &&
        (!virtio_config(&device, CONFIG_SEGMENTS, &segments, sizeof(segments)) ||
         segments < SEGMENTS)) {
        weft_fail("the disk takes %u pieces of data at once, and %u are needed", segments,
                  (unsigned)SEGMENTS);
    }
    if ((device.features & FEATURE_BLOCK_SIZE) != 0) {
        (void)virtio_config(&device, CONFIG_BLOCK, &unit, sizeof(unit));
    }
    if ((device.features & FEATURE_DISCARD) != 0) {
        (void)virtio_config(&device, CONFIG_DISCARD, &discard_most, sizeof(discard_most));
    }
    info.unit = unit;
    info.flags = ((device.features & FEATURE_FLUSH) != 0 ? WEFT_BLOCK_CAN_FLUSH : 0) |
                 (discard_most != 0 ? WEFT_BLOCK_CAN_DISCARD : 0) |
                 ((device.features & FEATURE_READ_ONLY) != 0 ? WEFT_BLOCK_IS_READ_ONLY : 0);
}

void disk_open(uint64_t notification)
{
    uint64_t wanted =
        FEATURE_SEGMENTS | FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_DISCARD;
    status_t status = virtio_open(&device, weft_capability("pci"), wanted, notification);

    if (status == STATUS_OK) {
        status = virtio_queue_open(&device, &queue, 0, QUEUE_SIZE, 0, INTERRUPT_BIT);
    }
    if (status == STATUS_OK) {
        status = virtio_memory(&device, weft_page_up(SLOTS * sizeof(struct slot)) / WEFT_PAGE_SIZE,
                               &memory);
    }
    if (status == STATUS_OK) {
        read_config();
        status = virtio_start(&device);
    }
    if (status != STATUS_OK) {
        weft_fail("%s (status %ld)", device.problem, status);
    }
    virtio_acknowledge(&queue);
}

struct weft_block_info disk_info(void)
{
    return info;
}

/* ---- requests ------------------------------------------------------------------------------------- */

_Bool disk_has_room(void)
{
    uint16_t needed = (device.features & VIRTQUEUE_INDIRECT) != 0 ? 1 : PIECES;
    return free_slots > 0 && queue.ring.free_left >= needed;
}

int64_t disk_check(const struct session *session, const struct weft_block_request *request)
{
    uint64_t sectors = request->bytes / WEFT_BLOCK_SECTOR;
    uint64_t data = session->pages * WEFT_PAGE_SIZE;
    _Bool discards = request->operation == WEFT_BLOCK_DISCARD;

    if (request->operation == WEFT_BLOCK_FLUSH) {
        return (info.flags & WEFT_BLOCK_CAN_FLUSH) != 0 ? 0 : WEFT_BLOCK_UNSUPPORTED;
    }
    if (request->operation != WEFT_BLOCK_READ && request->operation != WEFT_BLOCK_WRITE &&
        (!discards || (info.flags & WEFT_BLOCK_CAN_DISCARD) == 0)) {
        return WEFT_BLOCK_UNSUPPORTED;
    }
    if (sectors == 0 || request->bytes % WEFT_BLOCK_SECTOR != 0 || sectors > info.sectors ||
        request->sector > info.sectors - sectors) {
        return WEFT_BLOCK_RANGE;
    }
    if (discards ? sectors > discard_most
                 : request->bytes > WEFT_BLOCK_BYTES || request->offset > data ||
                       request->bytes > data - request->offset ||
                       request->offset % WEFT_BLOCK_SECTOR != 0) {
        return WEFT_BLOCK_RANGE;
    }
    return request->operation != WEFT_BLOCK_READ && (info.flags & WEFT_BLOCK_IS_READ_ONLY) != 0
               ? WEFT_BLOCK_READ_ONLY
               : 0;
}

/* The data of a request as the device knows it: neighbouring pages become one piece. */
static uint16_t add_data(const struct session *session, const struct weft_block_request *request,
                         struct virtqueue_piece *pieces)
{
    uint64_t at = request->offset, end = at + request->bytes;
    uint16_t count = 0;

    while (at < end) {
        uint64_t within = at % WEFT_PAGE_SIZE;
        uint64_t length = WEFT_PAGE_SIZE - within;
        uint64_t address = session->addresses[at / WEFT_PAGE_SIZE] + within;
        length = length < end - at ? length : end - at;
        if (count > 0 && pieces[count - 1].address + pieces[count - 1].length == address) {
            pieces[count - 1].length += (uint32_t)length;
        } else {
            pieces[count++] = (struct virtqueue_piece){address, (uint32_t)length};
        }
        at += length;
    }
    return count;
}

/* Fills the slot and says which pieces the chain has: `read` of them are read by the device. */
static uint16_t describe(const struct session *session, const struct weft_block_request *request,
                         struct slot *slot, uint64_t address, struct virtqueue_piece *pieces,
                         uint16_t *read)
{
    static const uint32_t kinds[] = {[WEFT_BLOCK_READ] = KIND_READ,
                                     [WEFT_BLOCK_WRITE] = KIND_WRITE,
                                     [WEFT_BLOCK_FLUSH] = KIND_FLUSH,
                                     [WEFT_BLOCK_DISCARD] = KIND_DISCARD};
    uint16_t count = 0;

    slot->kind = kinds[request->operation];
    slot->reserved = 0;
    slot->sector = request->operation == WEFT_BLOCK_READ || request->operation == WEFT_BLOCK_WRITE
                       ? request->sector
                       : 0;
    slot->answer = ANSWER_NONE;
    pieces[count++] = (struct virtqueue_piece){address, HEADER_BYTES};
    if (request->operation == WEFT_BLOCK_DISCARD) {
        slot->discard_sector = request->sector;
        slot->discard_sectors = request->bytes / WEFT_BLOCK_SECTOR;
        slot->discard_flags = 0;
        pieces[count++] = (struct virtqueue_piece){
            address + __builtin_offsetof(struct slot, discard_sector), DISCARD_BYTES};
    } else if (request->operation != WEFT_BLOCK_FLUSH) {
        count = (uint16_t)(count + add_data(session, request, &pieces[count]));
    }
    *read = request->operation == WEFT_BLOCK_READ ? 1 : count;
    pieces[count++] =
        (struct virtqueue_piece){address + __builtin_offsetof(struct slot, answer), 1};
    return count;
}

void disk_begin(struct session *session, const struct weft_block_request *request)
{
    struct virtqueue_piece pieces[PIECES];
    uint32_t number = 0;
    uint16_t read;

    while (requests[number].session != NULL) {
        number++;
    }
    struct slot *slot = &((struct slot *)memory.here)[number];
    uint64_t address = memory.address + number * sizeof(struct slot);
    uint16_t count = describe(session, request, slot, address, pieces, &read);
    uint16_t written = (uint16_t)(count - read);
    int32_t head = (device.features & VIRTQUEUE_INDIRECT) != 0
                       ? virtqueue_add_table(&queue.ring, pieces, read, written, slot->table,
                                             address + __builtin_offsetof(struct slot, table))
                       : virtqueue_add(&queue.ring, pieces, read, written);
    if (head < 0) {
        weft_fail("the disk's queue is broken");
    }
    slot_of[head] = (uint16_t)number;
    requests[number] = (struct under_way){session, request->id};
    free_slots--;
}

void disk_publish(void)
{
    virtio_publish(&queue);
}

static int64_t result_of(uint8_t answer)
{
    switch ((enum answer)answer) {
    case ANSWER_OK:
        return 0;
    case ANSWER_UNSUPPORTED:
        return WEFT_BLOCK_UNSUPPORTED;
    default:
        return WEFT_BLOCK_ERROR; /* also where the device has not said anything */
    }
}

_Bool disk_next_done(struct session **session, struct weft_block_done *done)
{
    uint16_t head;
    uint32_t length;
    int32_t taken = virtqueue_take(&queue.ring, &head, &length);

    if (taken < 0) {
        weft_fail("the disk breaks the rules of its queue");
    }
    if (taken == 0) {
        return 0;
    }
    uint32_t number = slot_of[head];
    const struct slot *slot = &((const struct slot *)memory.here)[number];
    *session = requests[number].session;
    *done = (struct weft_block_done){requests[number].id, result_of(slot->answer)};
    requests[number].session = NULL;
    free_slots++;
    return 1;
}
