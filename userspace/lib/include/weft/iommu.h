/* SPDX-License-Identifier: Apache-2.0
 *
 * Which memory the devices of the PCI bus reach: what the bus server says to the process that has the IOMMU
 * (userspace/drivers/iommu). Nobody else talks to it.
 *
 * A function of the bus sees WEFT_IOMMU_WINDOWS windows of WEFT_IOMMU_WINDOW_BYTES, all of them empty until
 * memory is granted into one: page p of window w lies at weft_iommu_address(w, p) for the device. What a device
 * says outside of that is a fault: nothing is read or written, and who waits with WEFT_IOMMU_FAULT is told.
 *
 * On a machine without an IOMMU the same calls answer with physical addresses, and nothing is checked.
 *
 * Grants belong to the function and not to who asked for them. They stand while the IOMMU's process dies and comes
 * back, and while the bus server does, until that says WEFT_IOMMU_OPEN again, when all devices are reset. Each
 * request may be carried out twice.
 */
#pragma once

#include <stdint.h>

#include "weft/layout.h"

#define WEFT_IOMMU_WINDOWS                                                                         \
    32u /* of a function; number 0 is never used, so that address 0 is none */
#define WEFT_IOMMU_WINDOW_PAGES 512u
#define WEFT_IOMMU_WINDOW_BYTES (WEFT_IOMMU_WINDOW_PAGES * WEFT_PAGE_SIZE)

/* The first word of a message; of an answer it is the status. `function`: bus << 8 | device << 3 | function. */
enum weft_iommu_request {
    WEFT_IOMMU_OPEN = 1, /* -> 1: devices are translated, 0: they are not. Forgets all grants */
    WEFT_IOMMU_GRANT, /* function | window << 32, first page, pages; with memory -> addresses as bytes */
    WEFT_IOMMU_TAKE,    /* function | window << 32 */
    WEFT_IOMMU_BLOCK,   /* function: takes all its windows; from the answer on it reaches nothing */
    WEFT_IOMMU_REFUSED, /* function -> 1: it was refused since it was blocked the last time; 0 */
    WEFT_IOMMU_FAULT,   /* -> function, address, enum weft_iommu_access; waits for one */
};

enum weft_iommu_access { WEFT_IOMMU_WRITES, WEFT_IOMMU_READS };

static inline uint64_t weft_iommu_address(uint64_t window, uint64_t page)
{
    return window * WEFT_IOMMU_WINDOW_BYTES + page * WEFT_PAGE_SIZE;
}
