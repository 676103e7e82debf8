/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of drivers: a bus server that the manifest started, drivers that the test starts, kills and
 * starts again, and capabilities to devices. The manifest gives `pci` without a badge, rights wc, and includes the
 * drivers' files.
 */
#pragma once

#include "child.h"

#include "weft/pci.h"

#define DRIVER_PAGES 400

static uint64_t bus;

/* A capability to the bus for one device. */
static unused_function uint64_t bus_badge(uint64_t badge)
{
    uint64_t handle = 0;
    EXPECT_STATUS(STATUS_OK,
                  weft_cap_copy(HANDLE_SELF, bus, RIGHT_WRITE | RIGHT_COPY, badge, &handle));
    return handle;
}

static unused_function void bus_find(void)
{
    if (bus == 0) {
        bus = weft_capability("pci");
    }
}

/* Who has claimed the function with this id; 0: nobody. */
static unused_function uint64_t bus_claimant(uint32_t id)
{
    struct weft_pci_entry entry;
    for (uint32_t i = 0; weft_pci_list(bus, i, &entry) == STATUS_OK; i++) {
        if (entry.id == id) {
            return entry.badge;
        }
    }
    EXPECT(0);
    return 0;
}

/* Starts a driver as a manifest would: with the bus under the badge, and its service's endpoint. */
static unused_function _Bool driver_start(struct child *driver, const char *program, uint64_t badge,
                                          const char *service, uint64_t endpoint, uint32_t cpu)
{
    struct weft_grant grants[] = {
        {"pci", bus, RIGHT_WRITE, badge},
        {service, endpoint, RIGHT_READ, 0},
        {"console", weft_capability("console"), RIGHT_WRITE | RIGHT_COPY, 0},
    };
    struct weft_child made;
    if (!EXPECT_STATUS(STATUS_OK, weft_notification_create(weft_startup()->cpu, &driver->ended))) {
        return 0;
    }
    struct weft_spawn spawn = {
        .name = program,
        .program = program,
        .cpu = cpu,
        .priority = WEFT_PRIORITY_DEFAULT,
        .pages = DRIVER_PAGES,
        .notification = driver->ended,
        .bits = 1,
        .grants = grants,
        .grant_count = 3,
    };
    status_t status = weft_spawn(child_archive(), &spawn, &made);
    if (!EXPECT_STATUS(STATUS_OK, status)) {
        ktap_note("%s: %s", program, spawn.reason);
        return 0;
    }
    driver->process = made.process;
    return 1;
}
