/* SPDX-License-Identifier: Apache-2.0
 *
 * Without an IOMMU: what docs/drivers.md says of the machine that has none is so. Nothing keeps a driver from telling
 * its device somebody else's memory; what keeps it is that it knows no address. A device that nobody can reset
 * is let near no memory. And also there, what a device reached is not given to others while the bus server is dead.
 *
 * weft-test: cpus=4 device=edu+virtio-rng-pci-non-transitional
 */
#define PROGRAM "test_dma_unguarded"
#include "stray.h"

#define SECOND (PLACE + 0x400000ull)
#define KEPT_PAGES 3000u /* of the test's own 5000 */

TEST(nothing_checks_an_address, "a device writes over others' memory, and its driver goes on")
{
    struct canary canary;
    bus_find();
    REQUIRE(canary_make(&canary, SECOND));
    struct weft_end end = stray("rng_writes", RNG_DEVICE, canary.address, &canary);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(STRAY_WENT, end.status);
    EXPECT(!canary_lives(&canary));
    canary_close(&canary);
}

TEST(what_cannot_be_stopped_never_begins, "a device without a reset is granted nothing")
{
    struct canary canary;
    REQUIRE(canary_make(&canary, SECOND));
    struct weft_end end = stray("edu_writes", EDU_DEVICE, canary.address, &canary);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(STRAY_FAILED, end.status);
    EXPECT(canary_lives(&canary));
    canary_close(&canary);
}

TEST(memory_is_kept_without_a_bus_server, "until its next instance has reset the device")
{
    keep_across_bus_death(RNG_DEVICE, KEPT_PAGES);
}

static const struct role roles[] = {STRAY_ROLES};
ROLES_MAIN(roles)
