/* SPDX-License-Identifier: Apache-2.0
 *
 * Modern virtio devices on the PCI bus (virtio 1.2, sections 2, 3 and 4.1): finding the device's structures,
 * agreeing on features, setting queues up. The queues themselves are in weft/virtqueue.h.
 *
 *     struct virtio device = {.place = WEFT_FREE_BASE};
 *     virtio_open(&device, weft_capability("pci"), VIRTIO_BLOCK_FLUSH, notification);
 *     virtio_queue_open(&device, &queue, 0, 128, 0, 1ull);    queue 0, entry 0, bit 0
 *     virtio_memory(&device, pages, &shared);                 memory that the device reaches
 *     virtio_start(&device);
 *     virtqueue_add(&queue.ring, ...);
 *     virtio_publish(&queue);
 *
 * Interrupts signal bits of one notification. When a bit has come: virtio_acknowledge(), then virtqueue_take()
 * until nothing is left and virtqueue_sleep() agrees.
 *
 * All functions return STATUS_OK or what went wrong; `problem` says it in words, for the console. After a failure
 * the process ends, which is all the cleaning up there is: the bus server resets the device.
 */
#pragma once

#include <stdint.h>

#include "weft/layout.h"
#include "weft/pci.h"
#include "weft/virtqueue.h"

#define VIRTIO_VERSION_1 (1ull << 32)
#define VIRTIO_ACCESS_PLATFORM (1ull << 33) /* it is behind the IOMMU, if there is one */
#define VIRTIO_QUEUES_MAX 4

struct virtio_common; /* registers */

/* Memory that the device reaches as well: mapped here, physically in one piece. */
struct virtio_memory {
    uint64_t handle;
    void *here;
    uint64_t address; /* as the device knows it */
    uint64_t pages;
};

struct virtio_queue {
    struct virtqueue ring;
    volatile uint16_t *doorbell;
    uint16_t number;
    uint16_t entry;
    uint64_t interrupt;
    struct virtio_memory memory;
};

struct virtio {
    struct weft_pci pci;
    volatile struct virtio_common *common;
    volatile uint8_t *config; /* the device's own registers */
    uint64_t config_bytes;
    volatile uint8_t *doorbells;
    uint64_t doorbells_bytes;
    uint32_t doorbell_step;
    uint64_t features; /* that both sides have */
    uint64_t notification;
    uint64_t
        place; /* the next free address of this process, where this maps things; set by the driver */
    uint8_t *regions[WEFT_PCI_REGIONS];
    uint64_t region_bytes[WEFT_PCI_REGIONS];
    const char *problem;
};

/* Claims the device, resets it, and agrees on the features in `wanted` that it has, with VIRTIO_VERSION_1 and
 * those of the rings and of the IOMMU. `notification`: where its interrupts go, rights read, write and copy. */
status_t virtio_open(struct virtio *device, uint64_t bus, uint64_t wanted, uint64_t notification);

/* Memory for what the device reads and writes; zeroed. */
status_t virtio_memory(struct virtio *device, uint64_t pages, struct virtio_memory *out);

/* Sets up queue `number` with `size` entries at most, and lets it signal `bits` through message `entry`, on the
 * CPU where the caller was started. Before virtio_start(). */
status_t virtio_queue_open(struct virtio *device, struct virtio_queue *queue, uint16_t number,
                           uint16_t size, uint16_t entry, uint64_t bits);

/* Lets the device begin. */
status_t virtio_start(struct virtio *device);

/* Resets the device, after which it has nothing of what it was given; its queues are empty. What was shared stays
 * shared. virtio_start() lets it begin again. */
status_t virtio_reset(struct virtio *device, struct virtio_queue *queues, uint32_t count);

/* Gives the device what was added, and notifies it if it wants to be. */
void virtio_publish(struct virtio_queue *queue);

/* Lets the queue's interrupt come again. */
void virtio_acknowledge(struct virtio_queue *queue);

/* The device wants to be reset, or was, by a new instance of the bus server: its driver ends. Looks at a register,
 * which is slow: for the moments when nothing happens. */
_Bool virtio_failed(const struct virtio *device);

/* Bytes of the device's own registers: `bytes` of them, read until they hold together. False: there are not as
 * many. */
_Bool virtio_config(const struct virtio *device, uint32_t offset, void *out, uint32_t bytes);
