/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers that go wrong: roles of test programs with the bus server, QEMU's `edu` device (which copies memory as
 * it is told) and a virtio-rng device. Each tells its device an address that it was not granted, and then looks at
 * its device's registers until they are taken from it, or until `patience` is over: then it exits with STRAY_WENT.
 */
#pragma once

#include "bus.h"
#include "driver.h"

#include "weft/supervisor.h"
#include "weft/virtio.h"

#define EDU_DEVICE WEFT_PCI_BY_ID(0x1234, 0x11e8, 0)
#define EDU_FUNCTION 0x123411e8u
#define RNG_DEVICE WEFT_PCI_BY_ID(0x1af4, 0x1044, 0)
#define CANARY 0x5afe5afe5afe5afeull
#define STRAY_WENT 7
#define STRAY_FAILED 8
#define PATIENCE 400000u              /* microseconds; edu takes 100,000 for a copy */
#define GRANTED (PLACE + 0x200000ull) /* where what was shared is mapped */
#define STRAY_BYTES 64u

/* Claims edu and maps its registers at PLACE. */
static unused_function status_t edu_claim(struct weft_pci *pci, uint64_t capability)
{
    uint64_t memory, bytes;
    status_t status = weft_pci_claim(pci, capability);
    if (status == STATUS_OK) {
        status = weft_pci_region(pci, 0, &memory, &bytes);
    }
    return status == STATUS_OK
               ? weft_memory_map(HANDLE_SELF, memory, PLACE, 0, EDU_PAGES, READ_WRITE)
               : status;
}

/* Has edu copy, and waits until it says that it has. */
static unused_function void edu_copy(uint64_t from, uint64_t to, uint64_t command)
{
    *(volatile uint64_t *)edu_word(EDU_DMA_FROM) = from;
    *(volatile uint64_t *)edu_word(EDU_DMA_TO) = to;
    *(volatile uint64_t *)edu_word(EDU_DMA_COUNT) = STRAY_BYTES;
    *(volatile uint64_t *)edu_word(EDU_DMA_COMMAND) = DMA_START | command;
    while ((*(volatile uint64_t *)edu_word(EDU_DMA_COMMAND) & DMA_START) != 0) {
        weft_sleep_for(1000);
    }
}

/* A page of its own, shared with its device; edu must be bus master for anything. */
static unused_function status_t share_page(struct weft_pci *pci, uint64_t *memory,
                                           uint64_t *address, uint32_t *share)
{
    status_t status = weft_memory_create(1, memory);
    if (status == STATUS_OK) {
        status = weft_memory_map(HANDLE_SELF, *memory, GRANTED, 0, 1, READ_WRITE);
    }
    return status == STATUS_OK ? weft_pci_share(pci, *memory, 0, 1, address, share) : status;
}

static unused_function int look_on(void)
{
    uint64_t end = weft_deadline(PATIENCE);
    while (weft_cycles() < end) {
        (void)*edu_word(EDU_ID);
        weft_sleep_for(1000);
    }
    return STRAY_WENT;
}

/* Has edu write its buffer to `address`. */
static unused_function int role_edu_writes(uint64_t address)
{
    struct weft_pci pci;
    uint64_t memory, device;
    uint32_t share;
    if (edu_claim(&pci, weft_capability("pci")) != STATUS_OK ||
        share_page(&pci, &memory, &device, &share) != STATUS_OK) {
        return STRAY_FAILED;
    }
    edu_copy(EDU_BUFFER, address, DMA_FROM_DEVICE);
    return look_on();
}

/* Has edu read from `address` into its buffer. */
static unused_function int role_edu_reads(uint64_t address)
{
    struct weft_pci pci;
    uint64_t memory, device;
    uint32_t share;
    if (edu_claim(&pci, weft_capability("pci")) != STATUS_OK ||
        share_page(&pci, &memory, &device, &share) != STATUS_OK) {
        return STRAY_FAILED;
    }
    edu_copy(address, EDU_BUFFER, 0);
    return look_on();
}

/* Shares what it was given as `canary`, takes it back, and has edu write there all the same. */
static unused_function int role_edu_writes_late(uint64_t unused)
{
    struct weft_pci pci;
    uint64_t memory, device, address;
    uint32_t share, second;
    (void)unused;
    if (edu_claim(&pci, weft_capability("pci")) != STATUS_OK ||
        share_page(&pci, &memory, &device, &share) != STATUS_OK ||
        weft_pci_share(&pci, weft_capability("canary"), 0, 1, &address, &second) != STATUS_OK ||
        weft_pci_unshare(&pci, second) != STATUS_OK) {
        return STRAY_FAILED;
    }
    edu_copy(EDU_BUFFER, address, DMA_FROM_DEVICE);
    return look_on();
}

/* Has a virtio device write to `address`. */
static unused_function int role_rng_writes(uint64_t address)
{
    struct virtio device = {.place = PLACE};
    struct virtio_queue queue;
    struct virtqueue_piece piece = {address, STRAY_BYTES};
    uint64_t notification, end = weft_deadline(PATIENCE);
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK ||
        virtio_open(&device, weft_capability("pci"), 0, notification) != STATUS_OK ||
        virtio_queue_open(&device, &queue, 0, 8, 0, 1) != STATUS_OK ||
        virtio_start(&device) != STATUS_OK || virtqueue_add(&queue.ring, &piece, 0, 1) < 0) {
        return STRAY_FAILED;
    }
    virtio_publish(&queue);
    while (weft_cycles() < end) {
        (void)virtio_failed(&device); /* a register */
        weft_sleep_for(1000);
    }
    return STRAY_WENT;
}

#define STRAY_ROLES                                                                                \
    {"edu_writes", role_edu_writes}, {"edu_reads", role_edu_reads},                                \
        {"edu_writes_late", role_edu_writes_late},                                                 \
    {                                                                                              \
        "rng_writes", role_rng_writes                                                              \
    }

/* Memory of nobody's driver, with a known value in each word. */
struct canary {
    uint64_t memory, address; /* physical */
    uint64_t *words;
};

static unused_function _Bool canary_make(struct canary *canary, uint64_t place)
{
    canary->words = (uint64_t *)place;
    if (!EXPECT_STATUS(STATUS_OK, weft_memory_create(1, &canary->memory)) ||
        !EXPECT_STATUS(STATUS_OK,
                       weft_memory_map(HANDLE_SELF, canary->memory, place, 0, 1, READ_WRITE)) ||
        !EXPECT_STATUS(STATUS_OK,
                       weft_memory_physical(canary->memory, 0, weft_capability("physical"),
                                            &canary->address))) {
        return 0;
    }
    for (uint32_t i = 0; i < WEFT_PAGE_SIZE / 8; i++) {
        canary->words[i] = CANARY;
    }
    return 1;
}

static unused_function _Bool canary_lives(const struct canary *canary)
{
    for (uint32_t i = 0; i < WEFT_PAGE_SIZE / 8; i++) {
        if (((volatile uint64_t *)canary->words)[i] != CANARY) {
            return 0;
        }
    }
    return 1;
}

static unused_function void canary_close(struct canary *canary)
{
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, (uint64_t)canary->words, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(canary->memory));
}

/* Plays a role with a device, and tells how it ended. */
static unused_function struct weft_end stray(const char *role, uint64_t device, uint64_t address,
                                             const struct canary *canary)
{
    struct weft_grant grants[] = {{"pci", bus, RIGHT_WRITE, device},
                                  {"canary", canary->memory, READ_WRITE | RIGHT_COPY, 0}};
    struct child_options options = {.value = address, .pages = DRIVER_PAGES};
    struct child child;
    struct weft_end end = {0};
    if (child_start_with(&child, role, other_cpu(), grants, 2, &options)) {
        end = child_wait(&child);
        child_close(&child);
    }
    return end;
}

/* ---- the bus server's death ---------------------------------------------------------------------- */

static unused_function uint32_t instance_of(const char *name)
{
    struct weft_service_info info = {0};
    EXPECT_STATUS(STATUS_OK, weft_supervisor_find(name, &info));
    return info.instance;
}

/* Shares memory with a device, ends the bus server, and lets go of the memory: it must not come back to this
 * process's quota (which has no room for as much again) before there is a next instance. */
static unused_function void keep_across_bus_death(uint64_t device, uint64_t pages)
{
    struct weft_pci pci;
    uint64_t memory, more = 0, address, capability = bus_badge(device);
    uint32_t share, before = instance_of("pci"), refused = 0;
    status_t status = STATUS_NO_MEMORY;
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, capability));
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(pages, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_pci_share(&pci, memory, pages - 1, 1, &address, &share));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("pci"));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory)); /* the driver lets it go as well */
    while (status == STATUS_NO_MEMORY) {
        status = weft_memory_create(pages, &more);
        refused += status == STATUS_NO_MEMORY;
        EXPECT(status == STATUS_NO_MEMORY || instance_of("pci") > before);
        weft_sleep_for(1000);
    }
    EXPECT_STATUS(STATUS_OK, status);
    EXPECT(refused > 0);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(more));
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(capability));
}
