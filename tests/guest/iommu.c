/* SPDX-License-Identifier: Apache-2.0
 *
 * With an IOMMU: a device reaches what its driver has shared with it and nothing else, whatever it is told; and
 * while the bus server or the IOMMU's process are dead, nothing becomes reachable and no memory is given to others that a
 * device may still write. What is printed and drawn of it is looked at by test_iommu_report.py, and what happens without
 * an IOMMU by dma_unguarded.c.
 *
 * weft-test: cpus=4 iommu=1 device=edu+virtio-rng-pci-non-transitional
 * weft-test: cpus=1,4 accel=icount iommu=1 device=edu+virtio-rng-pci-non-transitional
 */
#define PROGRAM "test_iommu"
#include "stray.h"

#define SECOND (PLACE + 0x400000ull)
#define KEPT_PAGES 3000u /* of the test's own 5000 */

static _Bool is_free(uint32_t id)
{
    uint64_t end = weft_deadline(2000000);
    while (bus_claimant(id) != 0 && weft_cycles() < end) {
        weft_sleep_for(100);
    }
    return bus_claimant(id) == 0;
}

TEST(a_device_reaches_what_is_shared,
     "under addresses that are not those of the machine; one that nobody can reset, too")
{
    struct weft_pci pci;
    uint64_t memory = 0, address = 0, machine, edu_bus;
    uint32_t share = 0;
    bus_find();
    edu_bus = bus_badge(EDU_DEVICE);
    REQUIRE_STATUS(STATUS_OK, edu_claim(&pci, edu_bus));
    REQUIRE_STATUS(STATUS_OK, share_page(&pci, &memory, &address, &share));
    REQUIRE_STATUS(STATUS_OK,
                   weft_memory_physical(memory, 0, weft_capability("physical"), &machine));
    EXPECT(address != machine);
    uint64_t *words = (uint64_t *)GRANTED;
    for (uint32_t i = 0; i < STRAY_BYTES / 8; i++) {
        words[i] = i + 1;
    }
    edu_copy(address, EDU_BUFFER, 0);
    edu_copy(EDU_BUFFER, address + 2048, DMA_FROM_DEVICE);
    for (uint32_t i = 0; i < STRAY_BYTES / 8; i++) {
        EXPECT_EQUAL(i + 1, ((volatile uint64_t *)words)[2048 / 8 + i]);
    }
    EXPECT_STATUS(STATUS_OK, weft_pci_unshare(&pci, share));
    weft_pci_release(&pci);
    EXPECT(is_free(EDU_FUNCTION));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, GRANTED, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(edu_bus));
}

TEST(a_write_outside_is_refused, "others' memory is as it was, and the driver loses its device")
{
    struct canary canary;
    REQUIRE(canary_make(&canary, SECOND));
    struct weft_end end = stray("edu_writes", EDU_DEVICE, canary.address, &canary);
    EXPECT_EQUAL(WEFT_FAULT, end.cause); /* its registers are gone */
    EXPECT(canary_lives(&canary));
    EXPECT_EQUAL(0, bus_claimant(EDU_FUNCTION));
    canary_close(&canary);
}

TEST(a_read_outside_is_refused, "the device does not learn what is in others' memory")
{
    struct canary canary;
    struct weft_pci pci;
    uint64_t memory = 0, address = 0, edu_bus = bus_badge(EDU_DEVICE);
    uint32_t share = 0;
    REQUIRE(canary_make(&canary, SECOND));
    EXPECT_EQUAL(WEFT_FAULT, stray("edu_reads", EDU_DEVICE, canary.address, &canary).cause);
    REQUIRE_STATUS(STATUS_OK, edu_claim(&pci, edu_bus));
    REQUIRE_STATUS(STATUS_OK, share_page(&pci, &memory, &address, &share));
    edu_copy(EDU_BUFFER, address, DMA_FROM_DEVICE);
    for (uint32_t i = 0; i < STRAY_BYTES / 8; i++) {
        EXPECT(((volatile uint64_t *)GRANTED)[i] != CANARY);
    }
    weft_pci_release(&pci);
    EXPECT(is_free(EDU_FUNCTION));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, GRANTED, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(edu_bus));
    canary_close(&canary);
}

TEST(what_is_taken_back_is_out_of_reach, "an address that was good before is refused")
{
    struct canary canary;
    REQUIRE(canary_make(&canary, SECOND));
    EXPECT_EQUAL(WEFT_FAULT, stray("edu_writes_late", EDU_DEVICE, 0, &canary).cause);
    EXPECT(canary_lives(&canary));
    canary_close(&canary);
}

TEST(a_virtio_device_is_held_too, "its driver may tell it what it likes")
{
    struct canary canary;
    REQUIRE(canary_make(&canary, SECOND));
    EXPECT_EQUAL(WEFT_FAULT, stray("rng_writes", RNG_DEVICE, canary.address, &canary).cause);
    EXPECT(canary_lives(&canary));
    canary_close(&canary);
}

TEST(the_tables_outlive_their_process, "with the IOMMU's process dead a device reaches what it did "
                                       "before; the next one reports the rest")
{
    struct canary canary;
    struct weft_pci pci;
    uint64_t memory = 0, address = 0, edu_bus = bus_badge(EDU_DEVICE);
    uint32_t share = 0, before = instance_of("iommu");
    REQUIRE(canary_make(&canary, SECOND));
    REQUIRE_STATUS(STATUS_OK, edu_claim(&pci, edu_bus));
    REQUIRE_STATUS(STATUS_OK, share_page(&pci, &memory, &address, &share));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("iommu"));
    edu_copy(EDU_BUFFER, canary.address, DMA_FROM_DEVICE);
    EXPECT(canary_lives(&canary));
    while (instance_of("iommu") == before || bus_claimant(EDU_FUNCTION) != 0) {
        weft_sleep_for(1000);
    }
    EXPECT_EQUAL(before + 1, instance_of("iommu"));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, GRANTED, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(edu_bus));
    canary_close(&canary);
}

TEST(grants_outlive_the_iommus_process, "what was shared before its death is reached after it")
{
    struct weft_pci pci;
    uint64_t memory = 0, address = 0, edu_bus = bus_badge(EDU_DEVICE);
    uint32_t share = 0, before = instance_of("iommu");
    REQUIRE_STATUS(STATUS_OK, edu_claim(&pci, edu_bus));
    REQUIRE_STATUS(STATUS_OK, share_page(&pci, &memory, &address, &share));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill("iommu"));
    while (instance_of("iommu") == before) {
        weft_sleep_for(100);
    }
    *(volatile uint64_t *)GRANTED = CANARY;
    edu_copy(address, EDU_BUFFER, 0);
    *(volatile uint64_t *)GRANTED = 0;
    edu_copy(EDU_BUFFER, address, DMA_FROM_DEVICE);
    EXPECT_EQUAL(CANARY, *(volatile uint64_t *)GRANTED);
    EXPECT_STATUS(STATUS_OK, weft_pci_unshare(&pci, share));
    weft_pci_release(&pci);
    EXPECT(is_free(EDU_FUNCTION));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, GRANTED, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(edu_bus));
}

TEST(memory_is_kept_while_the_bus_server_is_dead,
     "what a device reached is nobody else's before the next instance has reset it")
{
    keep_across_bus_death(EDU_DEVICE, KEPT_PAGES);
}

static const struct role roles[] = {STRAY_ROLES};
ROLES_MAIN(roles)
