/* SPDX-License-Identifier: Apache-2.0
 *
 * The bus server: who may have which function of the bus, what it gets, and how all of it ends. With QEMU's
 * `edu` device, which nothing can reset, a virtio-rng device, which has a reset and messages, and an NVMe disk, which
 * has PCI Express's reset. With several CPUs in tcg mode there is no disk: its reset takes its registers from the
 * memory map and puts them back, and QEMU 7.2 may crash when another CPU is at its own APIC meanwhile
 * (docs/drivers.md).
 *
 * weft-test: cpus=4 device=edu+virtio-rng-pci-non-transitional
 * weft-test: cpus=1 device=edu+virtio-rng-pci-non-transitional+nvme:serial=a
 * weft-test: cpus=1,4 accel=icount device=edu+virtio-rng-pci-non-transitional+nvme:serial=a
 */
#define PROGRAM "test_pci"
#include "bus.h"

#define EDU WEFT_PCI_BY_ID(0x1234, 0x11e8, 0)
#define EDU_ID 0x123411e8u
#define EDU_BYTES 0x100000u
#define EDU_VALUE 0x010000edu
#define RNG WEFT_PCI_BY_ID(0x1af4, 0x1044, 0)
#define RNG_ID 0x1af41044u
#define RNG_MESSAGES 1u /* the region with its table */
#define RNG_REGISTERS 4u
#define DISK_CLASS 0x0108u
#define PCI_COMMAND 0x04u
#define PCI_BASE 0x10u
#define PCI_MEMORY 2u
#define PCI_MASTER 4u
#define PLACE WEFT_FREE_BASE
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)
#define ALIVE 77u /* what a child signals */

TEST(the_bus_is_listed, "an unbadged capability sees each function once, and claims none")
{
    struct weft_pci_entry entry;
    struct weft_pci pci;
    unsigned edu = 0, rng = 0, index = 0;
    bus_find();
    for (; weft_pci_list(bus, index, &entry) == STATUS_OK; index++) {
        edu += entry.id == EDU_ID;
        rng += entry.id == RNG_ID;
        EXPECT_EQUAL(0, entry.badge);
        EXPECT(entry.class >> 8 != 6); /* bridges are the server's own */
    }
    EXPECT_EQUAL(1, edu);
    EXPECT_EQUAL(1, rng);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_list(bus, index, &entry));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_pci_claim(&pci, bus));
}

TEST(a_badge_names_one_function, "by id and by class, in bus order; what is not there is not given")
{
    struct weft_pci pci, second;
    struct weft_pci_entry entry;
    uint64_t edu = bus_badge(EDU), none = bus_badge(WEFT_PCI_BY_ID(0x1234, 0x11e8, 1));
    uint64_t unknown = bus_badge(WEFT_PCI_BY_ID(0x1af4, 0x1111, 0));
    uint64_t class = bus_badge(WEFT_PCI_BY_CLASS(0x00ff, 0)); /* unclassified: edu */
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_claim(&pci, none));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_claim(&pci, unknown));
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, edu));
    EXPECT_EQUAL(EDU_ID, pci.id);
    EXPECT_EQUAL(0x00ff, pci.class);
    EXPECT_EQUAL(EDU, bus_claimant(EDU_ID));
    EXPECT_STATUS(STATUS_BUSY, weft_pci_claim(&second, class)); /* it has a driver */
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_pci_list(edu, 0, &entry));
    weft_pci_release(&pci);
    while (bus_claimant(EDU_ID) != 0) {
        weft_sleep_for(100);
    }
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&second, class));
    EXPECT_EQUAL(EDU_ID, second.id);
    weft_pci_release(&second);
    while (bus_claimant(EDU_ID) != 0) {
        weft_sleep_for(100);
    }
    uint64_t handles[] = {edu, none, unknown, class};
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

TEST(a_driver_gets_its_registers,
     "the memory of one region, its configuration to read, and no more")
{
    struct weft_pci pci;
    uint64_t memory, bytes, edu = bus_badge(EDU);
    uint32_t value;
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_pci_config(&(struct weft_pci){.bus = edu}, 0, 4, &value));
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, edu));
    REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, 0, 4, &value));
    EXPECT_EQUAL(0x11e81234, value);
    REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, 2, 2, &value));
    EXPECT_EQUAL(0x11e8, value);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_config(&pci, 1, 2, &value));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_config(&pci, 256, 4, &value));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_config(&pci, 0, 3, &value));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_region(&pci, 6, &memory, &bytes));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_region(&pci, 1, &memory, &bytes)); /* none */
    REQUIRE_STATUS(STATUS_OK, weft_pci_region(&pci, 0, &memory, &bytes));
    EXPECT_EQUAL(EDU_BYTES, bytes);
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, bytes / WEFT_PAGE_SIZE,
                                              READ_WRITE));
    EXPECT_EQUAL(EDU_VALUE, *(volatile uint32_t *)PLACE);
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_map(HANDLE_SELF, memory, PLACE + EDU_BYTES, 0,
                                                       bytes / WEFT_PAGE_SIZE + 1, READ_WRITE));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, bytes / WEFT_PAGE_SIZE));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory)); /* the release takes it back, too */
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(edu));
}

TEST(what_cannot_be_reset_reaches_no_memory, "neither shared memory nor messages for such a device")
{
    struct weft_pci pci;
    uint64_t memory, notification, interrupt, address, edu = bus_badge(EDU);
    uint32_t share;
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, edu));
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_pci_share(&pci, memory, 0, 1, &address, &share));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_pci_interrupt(&pci, 0, 0, notification, 1, &interrupt)); /* no table */
    weft_pci_release(&pci);
    uint64_t handles[] = {memory, notification, edu};
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

TEST(memory_is_shared_by_who_may_write_it, "addresses of its pages; not of what may only be read")
{
    struct weft_pci pci;
    uint64_t memory, weak, bytes, addresses[4], rng = bus_badge(RNG);
    uint32_t share;
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, rng));
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(MEMORY_CONTIGUOUS | 4, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_pci_share(&pci, memory, 0, 4, addresses, &share));
    for (unsigned page = 1; page < 4; page++) {
        EXPECT_EQUAL(addresses[0] + page * WEFT_PAGE_SIZE, addresses[page]);
    }
    EXPECT_STATUS(STATUS_OK, weft_pci_unshare(&pci, share));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_unshare(&pci, share));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_share(&pci, memory, 2, 3, addresses, &share));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_pci_share(&pci, memory, 0, 0, addresses, &share));
    REQUIRE_STATUS(STATUS_OK,
                   weft_cap_copy(HANDLE_SELF, memory, RIGHT_READ | RIGHT_COPY, 0, &weak));
    EXPECT(weft_pci_share(&pci, weak, 0, 1, addresses, &share) < 0);
    EXPECT(weft_pci_share(&pci, rng, 0, 1, addresses, &share) < 0);
    /* The table of messages could interrupt any CPU with anything. */
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_pci_region(&pci, RNG_MESSAGES, &weak, &bytes));
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(rng));
}

static _Bool bus_has(uint16_t class)
{
    struct weft_pci_entry entry;
    bus_find();
    for (uint32_t i = 0; weft_pci_list(bus, i, &entry) == STATUS_OK; i++) {
        if (entry.class == class) {
            return 1;
        }
    }
    return 0;
}

TEST(a_function_is_reset,
     "a device without virtio's reset is no bus master after its claim, and is as it was")
{
    struct weft_pci pci;
    uint64_t memory, address, disk;
    uint32_t share, first = 0, command, base;
    if (!bus_has(DISK_CLASS)) {
        SKIP("no disk");
    }
    disk = bus_badge(WEFT_PCI_BY_CLASS(DISK_CLASS, 0));
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &memory));
    for (unsigned turn = 0; turn < 3; turn++) {
        REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, disk));
        REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, PCI_COMMAND, 2, &command));
        EXPECT_EQUAL(PCI_MEMORY, command & (PCI_MEMORY | PCI_MASTER));
        REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, PCI_BASE, 4, &base));
        first = turn == 0 ? base : first;
        EXPECT_EQUAL(first, base); /* the reset forgets it, and the server puts it back */
        EXPECT(base != 0);
        EXPECT_STATUS(STATUS_OK, weft_pci_share(&pci, memory, 0, 1, &address, &share));
        REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, PCI_COMMAND, 2, &command));
        EXPECT_EQUAL(PCI_MEMORY | PCI_MASTER, command & (PCI_MEMORY | PCI_MASTER));
    }
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(disk));
}

/* ---- ends ----------------------------------------------------------------------------------------- */

/* Claims, maps its registers, tells the test, and reads them for ever. */
static int role_reads_for_ever(uint64_t value)
{
    struct weft_pci pci;
    uint64_t memory, bytes;
    (void)value;
    if (weft_pci_claim(&pci, weft_capability("pci")) != STATUS_OK ||
        weft_pci_region(&pci, RNG_REGISTERS, &memory, &bytes) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 1, READ_WRITE) != STATUS_OK) {
        return 1;
    }
    (void)weft_notification_signal(weft_capability("ready"), ALIVE);
    for (;;) {
        (void)*(volatile uint8_t *)PLACE;
        weft_sleep_for(100);
    }
}

static _Bool start_reader(struct child *child, uint64_t rng, uint64_t ready, uint32_t cpu)
{
    struct weft_grant grants[] = {{"pci", rng, RIGHT_WRITE, 0}, {"ready", ready, RIGHT_WRITE, 0}};
    uint64_t bits = 0;
    return child_start(child, "reads_for_ever", cpu, grants, 2) &&
           EXPECT_STATUS(STATUS_OK, weft_notification_wait(ready, 0, &bits)) &&
           EXPECT_EQUAL(ALIVE, bits);
}

TEST(a_claim_ends_with_its_driver,
     "whoever is killed has its device no more, without anybody's help")
{
    uint64_t ready, rng = bus_badge(RNG);
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &ready));
    for (uint32_t i = 0; i < 8; i++) {
        struct child child;
        REQUIRE(start_reader(&child, rng, ready, i % cpu_count()));
        EXPECT_EQUAL(RNG, bus_claimant(RNG_ID));
        child_kill(&child);
        while (bus_claimant(RNG_ID) != 0) {
            weft_sleep_for(100);
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(ready));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(rng));
}

TEST(the_next_instance_takes_over,
     "a new claim takes the registers from an old driver that still runs")
{
    uint64_t ready, rng = bus_badge(RNG);
    struct child child;
    struct weft_pci pci;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &ready));
    for (uint32_t i = 0; i < 4; i++) {
        REQUIRE(start_reader(&child, rng, ready, i % cpu_count()));
        REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, rng));
        EXPECT_EQUAL(WEFT_FAULT, child_wait(&child).cause); /* its registers are gone */
        child_close(&child);
        EXPECT_EQUAL(RNG, bus_claimant(RNG_ID)); /* its death ends nothing of ours */
        weft_pci_release(&pci);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(ready));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(rng));
}

static const struct role roles[] = {{"reads_for_ever", role_reads_for_ever}};
ROLES_MAIN(roles)
