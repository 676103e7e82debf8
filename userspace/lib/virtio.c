/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport of virtio over PCI; the header is the manual.
 */
#include "weft/virtio.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define CAPABILITY_VENDOR 0x09
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)
#define NO_ENTRY 0xffffu

/* What a capability of the vendor's describes. */
enum structure { STRUCTURE_COMMON = 1, STRUCTURE_DOORBELLS = 2, STRUCTURE_DEVICE = 4 };

enum device_status {
    DEVICE_ACKNOWLEDGED = 1,
    DEVICE_DRIVER = 2,
    DEVICE_READY = 4,
    DEVICE_FEATURES = 8,
    DEVICE_NEEDS_RESET = 64,
};

/* Section 4.1.4.3. Each field is accessed in its own width. */
struct virtio_common {
    uint32_t device_feature_select;
    uint32_t device_feature;
    uint32_t driver_feature_select;
    uint32_t driver_feature;
    uint16_t config_entry;
    uint16_t queues;
    uint8_t status;
    uint8_t generation;
    uint16_t queue_select;
    uint16_t queue_size;
    uint16_t queue_entry;
    uint16_t queue_enable;
    uint16_t queue_doorbell;
    uint32_t queue_descriptors[2];
    uint32_t queue_available[2];
    uint32_t queue_used[2];
};
_Static_assert(sizeof(struct virtio_common) == 0x38, "as the standard lays it out");

static status_t fail(struct virtio *device, const char *problem, status_t status)
{
    device->problem = problem;
    return status;
}

/* ---- its structures ------------------------------------------------------------------------------- */

/* Maps a region, once. NULL: it cannot be had. */
static uint8_t *map_region(struct virtio *device, uint32_t number)
{
    uint64_t memory, bytes;

    if (number >= WEFT_PCI_REGIONS) {
        return NULL;
    }
    if (device->regions[number] != NULL) {
        return device->regions[number];
    }
    if (weft_pci_region(&device->pci, number, &memory, &bytes) != STATUS_OK) {
        return NULL;
    }
    uint64_t pages = weft_page_up(bytes) / WEFT_PAGE_SIZE;
    status_t status = weft_memory_map(HANDLE_SELF, memory, device->place, 0, pages, READ_WRITE);
    (void)weft_cap_delete(memory);
    if (status != STATUS_OK) {
        return NULL;
    }
    device->regions[number] = (uint8_t *)device->place;
    device->region_bytes[number] = bytes;
    device->place += pages * WEFT_PAGE_SIZE;
    return device->regions[number];
}

/* One capability of the vendor's: where a structure lies. The first of a kind counts. */
static void read_capability(struct virtio *device, uint32_t at)
{
    uint32_t head, number, offset, length;

    if (weft_pci_config(&device->pci, at, 4, &head) != STATUS_OK ||
        weft_pci_config(&device->pci, at + 4, 1, &number) != STATUS_OK ||
        weft_pci_config(&device->pci, at + 8, 4, &offset) != STATUS_OK ||
        weft_pci_config(&device->pci, at + 12, 4, &length) != STATUS_OK) {
        return;
    }
    enum structure kind = (enum structure)(head >> 24);
    if (kind != STRUCTURE_COMMON && kind != STRUCTURE_DOORBELLS && kind != STRUCTURE_DEVICE) {
        return;
    }
    uint8_t *region = map_region(device, number);
    if (region == NULL || (uint64_t)offset + length > device->region_bytes[number]) {
        return;
    }
    if (kind == STRUCTURE_COMMON && device->common == NULL &&
        length >= sizeof(struct virtio_common)) {
        device->common = (volatile struct virtio_common *)(region + offset);
    } else if (kind == STRUCTURE_DOORBELLS && device->doorbells == NULL) {
        device->doorbells = region + offset;
        device->doorbells_bytes = length;
        (void)weft_pci_config(&device->pci, at + 16, 4, &device->doorbell_step);
    } else if (kind == STRUCTURE_DEVICE && device->config == NULL) {
        device->config = region + offset;
        device->config_bytes = length;
    }
}

_Bool virtio_config(const struct virtio *device, uint32_t offset, void *out, uint32_t bytes)
{
    uint8_t generation;

    if ((uint64_t)offset + bytes > device->config_bytes) {
        return 0;
    }
    do { /* the device changes the number with what it says */
        generation = device->common->generation;
        for (uint32_t i = 0; i < bytes; i++) {
            ((uint8_t *)out)[i] = device->config[offset + i];
        }
    } while (device->common->generation != generation);
    return 1;
}

/* ---- beginning ------------------------------------------------------------------------------------- */

static uint64_t offered_features(volatile struct virtio_common *common)
{
    common->device_feature_select = 0;
    uint64_t low = common->device_feature;
    common->device_feature_select = 1;
    return low | (uint64_t)common->device_feature << 32;
}

static status_t agree(struct virtio *device, uint64_t wanted)
{
    volatile struct virtio_common *common = device->common;
    uint64_t offered = offered_features(common);

    if ((offered & VIRTIO_VERSION_1) == 0) {
        return fail(device, "the device is older than virtio 1.0", STATUS_BAD_ARGUMENT);
    }
    device->features = offered & (wanted | VIRTIO_VERSION_1 | VIRTIO_ACCESS_PLATFORM |
                                  VIRTQUEUE_EVENT_INDEX | VIRTQUEUE_INDIRECT);
    common->driver_feature_select = 0;
    common->driver_feature = (uint32_t)device->features;
    common->driver_feature_select = 1;
    common->driver_feature = (uint32_t)(device->features >> 32);
    common->status = DEVICE_ACKNOWLEDGED | DEVICE_DRIVER | DEVICE_FEATURES;
    if ((common->status & DEVICE_FEATURES) == 0) {
        return fail(device, "the device refuses the features", STATUS_BAD_ARGUMENT);
    }
    return STATUS_OK;
}

/* From a reset to the features. */
static status_t begin(struct virtio *device, uint64_t wanted)
{
    device->common->status = 0;
    while (device->common->status != 0) {
        weft_pause();
    }
    device->common->status = DEVICE_ACKNOWLEDGED;
    device->common->status = DEVICE_ACKNOWLEDGED | DEVICE_DRIVER;
    device->common->config_entry = NO_ENTRY;
    return agree(device, wanted);
}

status_t virtio_open(struct virtio *device, uint64_t bus, uint64_t wanted, uint64_t notification)
{
    status_t status = weft_pci_claim(&device->pci, bus);

    device->notification = notification;
    if (status != STATUS_OK) {
        return fail(device, "the device cannot be claimed", status);
    }
    for (uint32_t at = 0; (at = weft_pci_capability(&device->pci, CAPABILITY_VENDOR, at)) != 0;) {
        read_capability(device, at);
    }
    if (device->common == NULL || device->doorbells == NULL) {
        return fail(device, "it is no modern virtio device", STATUS_BAD_ARGUMENT);
    }
    return begin(device, wanted);
}

/* Shares all of it, as many pages at once as go, and sees whether the device finds it in one piece too. */
static status_t share_pages(struct virtio *device, uint64_t memory, uint64_t pages,
                            uint64_t *address)
{
    static uint64_t addresses[WEFT_PCI_SHARE_PAGES];
    uint32_t share;

    for (uint64_t first = 0; first < pages; first += WEFT_PCI_SHARE_PAGES) {
        uint64_t left = pages - first;
        uint32_t count = (uint32_t)(left < WEFT_PCI_SHARE_PAGES ? left : WEFT_PCI_SHARE_PAGES);
        status_t status = weft_pci_share(&device->pci, memory, first, count, addresses, &share);
        if (status != STATUS_OK) {
            return status;
        }
        *address = first == 0 ? addresses[0] : *address;
        if (addresses[0] != *address + first * WEFT_PAGE_SIZE) {
            return STATUS_NO_MEMORY;
        }
    }
    return STATUS_OK;
}

status_t virtio_memory(struct virtio *device, uint64_t pages, struct virtio_memory *out)
{
    uint64_t address = 0;

    *out = (struct virtio_memory){.here = (void *)device->place, .pages = pages};
    status_t status = weft_memory_create(MEMORY_CONTIGUOUS | pages, &out->handle);
    if (status != STATUS_OK) {
        return fail(device, "there is no memory for the device", status);
    }
    status = weft_memory_map(HANDLE_SELF, out->handle, device->place, 0, pages, READ_WRITE);
    if (status == STATUS_OK) {
        status = share_pages(device, out->handle, pages, &address);
    }
    if (status != STATUS_OK) {
        return fail(device, "memory cannot be shared with the device", status);
    }
    device->place += pages * WEFT_PAGE_SIZE;
    out->address = address;
    return STATUS_OK;
}

/* Tells the device of a queue's three areas, and switches it on. */
static status_t announce(struct virtio *device, const struct virtio_queue *queue)
{
    volatile struct virtio_common *common = device->common;
    const struct virtio_memory *memory = &queue->memory;
    uint64_t available = memory->address + virtqueue_available_offset(queue->ring.size);
    uint64_t used = memory->address + virtqueue_used_offset(queue->ring.size);

    common->queue_select = queue->number;
    common->queue_size = queue->ring.size;
    common->queue_descriptors[0] = (uint32_t)memory->address;
    common->queue_descriptors[1] = (uint32_t)(memory->address >> 32);
    common->queue_available[0] = (uint32_t)available;
    common->queue_available[1] = (uint32_t)(available >> 32);
    common->queue_used[0] = (uint32_t)used;
    common->queue_used[1] = (uint32_t)(used >> 32);
    common->queue_entry = queue->entry;
    if (common->queue_entry != queue->entry) {
        return fail(device, "the device has no message for a queue", STATUS_NO_SLOT);
    }
    common->queue_enable = 1;
    return STATUS_OK;
}

status_t virtio_queue_open(struct virtio *device, struct virtio_queue *queue, uint16_t number,
                           uint16_t size, uint16_t entry, uint64_t bits)
{
    if (number >= device->common->queues) {
        return fail(device, "the device has fewer queues", STATUS_BAD_ARGUMENT);
    }
    device->common->queue_select = number;
    uint16_t most = device->common->queue_size;
    size = size < most ? size : most;
    uint64_t step = (uint64_t)device->common->queue_doorbell * device->doorbell_step;
    if (size == 0 || (size & (size - 1)) != 0 || size > VIRTQUEUE_SIZE_MAX ||
        step + sizeof(uint16_t) > device->doorbells_bytes) {
        return fail(device, "a queue of the device is of no use", STATUS_BAD_ARGUMENT);
    }
    status_t status =
        virtio_memory(device, weft_page_up(virtqueue_bytes(size)) / WEFT_PAGE_SIZE, &queue->memory);
    if (status != STATUS_OK) {
        return status;
    }
    virtqueue_init(&queue->ring, queue->memory.here, size, device->features);
    queue->number = number;
    queue->entry = entry;
    queue->doorbell = (volatile uint16_t *)(device->doorbells + step);
    status = weft_pci_interrupt(&device->pci, entry, weft_startup()->cpu, device->notification,
                                bits, &queue->interrupt);
    if (status != STATUS_OK) {
        return fail(device, "the device gets no interrupt", status);
    }
    return announce(device, queue);
}

status_t virtio_reset(struct virtio *device, struct virtio_queue *queues, uint32_t count)
{
    status_t status = begin(device, device->features);

    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        struct virtio_queue *queue = &queues[i];
        memset(queue->memory.here, 0, queue->memory.pages * WEFT_PAGE_SIZE);
        virtqueue_init(&queue->ring, queue->memory.here, queue->ring.size, device->features);
        status = announce(device, queue);
    }
    return status;
}

status_t virtio_start(struct virtio *device)
{
    device->common->status = DEVICE_ACKNOWLEDGED | DEVICE_DRIVER | DEVICE_FEATURES | DEVICE_READY;
    return virtio_failed(device) ? fail(device, "the device does not start", STATUS_BAD_ARGUMENT)
                                 : STATUS_OK;
}

/* ---- running --------------------------------------------------------------------------------------- */

void virtio_publish(struct virtio_queue *queue)
{
    if (virtqueue_publish(&queue->ring)) {
        *queue->doorbell = queue->number;
    }
}

void virtio_acknowledge(struct virtio_queue *queue)
{
    if (weft_interrupt_acknowledge(queue->interrupt) != STATUS_OK) {
        weft_fail("its interrupt is gone"); /* the bus server took it back, or we lost it */
    }
}

_Bool virtio_failed(const struct virtio *device)
{
    return (device->common->status & (DEVICE_NEEDS_RESET | DEVICE_READY)) != DEVICE_READY;
}
