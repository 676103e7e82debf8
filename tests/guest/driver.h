/* SPDX-License-Identifier: Apache-2.0
 *
 * What the drivers of the guest tests have in common: the machine's capabilities, ports, the PCI bus, and
 * QEMU's teaching device `edu` (PCI 1234:11e8), which raises interrupts and copies memory by itself.
 * For manifests that give `ports`, `interrupts` and `physical`.
 */
#pragma once

#include "child.h"

#define PLACE WEFT_FREE_BASE
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)

static uint64_t ports, interrupts, physical;

static unused_function void find_capabilities(void)
{
    ports = weft_capability("ports");
    interrupts = weft_capability("interrupts");
    physical = weft_capability("physical");
}

static unused_function uint64_t in(uint64_t port, uint64_t width)
{
    uint64_t value = ~0ull;
    EXPECT_STATUS(STATUS_OK, weft_port_read(ports, port, width, &value));
    return value;
}

static unused_function void out(uint64_t port, uint64_t width, uint64_t value)
{
    EXPECT_STATUS(STATUS_OK, weft_port_write(ports, port, width, value));
}

static unused_function uint64_t copy_with(uint64_t handle, uint64_t rights, uint64_t badge)
{
    uint64_t copy = 0;
    EXPECT_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, handle, rights, badge, &copy));
    return copy;
}

static unused_function uint64_t range(uint64_t first, uint64_t count)
{
    return first | count << 32;
}

/* ---- the bus --------------------------------------------------------------------------------- */

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc

static unused_function uint64_t pci_read(uint32_t device, uint32_t offset)
{
    out(PCI_ADDRESS, 4, 1u << 31 | device << 11 | offset);
    return in(PCI_DATA, 4);
}

static unused_function void pci_write(uint32_t device, uint32_t offset, uint64_t value)
{
    out(PCI_ADDRESS, 4, 1u << 31 | device << 11 | offset);
    out(PCI_DATA, 4, value);
}

/* ---- the edu device -------------------------------------------------------------------------- */

enum edu_register {
    EDU_ID = 0x00,
    EDU_COMPLEMENT = 0x04,
    EDU_CAUSE = 0x24,
    EDU_RAISE = 0x60,
    EDU_LOWER = 0x64,
    EDU_DMA_FROM = 0x80,
    EDU_DMA_TO = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
};
#define EDU_PCI_ID 0x11e81234ull
#define EDU_ID_VALUE 0x010000edu
#define EDU_PAGES 256ull
#define EDU_BUFFER 0x40000ull
#define DMA_START 1u
#define DMA_FROM_DEVICE 2u
#define PCI_COMMAND 0x04
#define PCI_BASE 0x10
#define PCI_CAPABILITIES 0x34
#define PCI_LINE 0x3c
#define PCI_MEMORY_AND_MASTER 6u

static uint32_t edu; /* its number on the bus; 0: not found yet */

static unused_function uint64_t edu_base(void)
{
    for (uint32_t device = 1; device < 32 && edu == 0; device++) {
        edu = pci_read(device, 0) == EDU_PCI_ID ? device : 0;
    }
    if (!EXPECT(edu != 0)) {
        return 0;
    }
    pci_write(edu, PCI_COMMAND, PCI_MEMORY_AND_MASTER);
    return pci_read(edu, PCI_BASE) & ~0xfull;
}

static unused_function volatile uint32_t *edu_word(enum edu_register offset)
{
    return (volatile uint32_t *)(PLACE + offset);
}

/* Maps the device's registers; a handle, or 0. */
static unused_function uint64_t edu_map(uint64_t attributes)
{
    uint64_t memory, base = edu_base();
    find_capabilities();
    if (base == 0 ||
        !EXPECT_STATUS(STATUS_OK, weft_memory_create_physical(physical, base / WEFT_PAGE_SIZE,
                                                              EDU_PAGES, attributes, &memory))) {
        return 0;
    }
    if (!EXPECT_STATUS(STATUS_OK,
                       weft_memory_map(HANDLE_SELF, memory, PLACE, 0, EDU_PAGES, READ_WRITE))) {
        return 0;
    }
    return memory;
}

static unused_function void edu_unmap(uint64_t memory)
{
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, EDU_PAGES));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}
