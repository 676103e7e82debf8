/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices of the PCI bus, as a driver gets them from the bus server (userspace/drivers/pci).
 *
 * A driver holds a capability to the server's endpoint, by convention under the name `pci`. Its badge says
 * which one function of the bus it may have, and nothing in a message can change that:
 *
 *     give pci rights=w badge=0x1af41042              vendor 1af4, device 1042
 *     WEFT_PCI_BY_ID(vendor, device, nth)             the same in C; nth counts from 0, in bus order
 *     WEFT_PCI_BY_CLASS(class, nth)                   by class: base << 8 | subclass
 *
 * A capability without a badge may look at the bus (weft_pci_list) and claims nothing; who holds one with the
 * right copy makes badges of it, as init does.
 *
 *     struct weft_pci pci;
 *     weft_pci_claim(&pci, weft_capability("pci"));
 *     weft_pci_region(&pci, 4, &memory, &bytes);              map it like any memory object
 *     weft_pci_interrupt(&pci, 0, cpu, notification, 1, &interrupt);
 *     weft_pci_share(&pci, memory, 0, 4, addresses, &share);  device addresses of its pages
 *
 * What a claim gives ends with it: registers are unmapped, interrupts closed, and the device is reset before
 * shared memory is let go. It ends when the driver dies, whatever way, when it says so (weft_pci_release), and
 * when somebody claims again with the same badge: the next instance of the driver.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"

#define WEFT_PCI_BY_CLASS_FLAG (1ull << 62)
#define WEFT_PCI_BY_ID(vendor, device, nth)                                                        \
    ((uint64_t)(nth) << 32 | (uint64_t)(vendor) << 16 | (uint64_t)(device))
#define WEFT_PCI_BY_CLASS(class, nth)                                                              \
    (WEFT_PCI_BY_CLASS_FLAG | (uint64_t)(nth) << 32 | (uint64_t)(class))

#define WEFT_PCI_CONFIG_BYTES 256
#define WEFT_PCI_REGIONS 6
#define WEFT_PCI_SHARE_PAGES 512 /* addresses that one answer carries */

/* The first word of a message; of an answer it is the status. */
enum weft_pci_request {
    WEFT_PCI_LIST = 1,  /* index -> id, class << 16 | address, badge of who has it */
    WEFT_PCI_CLAIM,     /* with the lifeline -> id, class << 16 | address */
    WEFT_PCI_CONFIG,    /* offset, width -> value */
    WEFT_PCI_REGION,    /* number -> bytes; with a memory object */
    WEFT_PCI_INTERRUPT, /* entry, cpu, bits; with a notification -> with an interrupt */
    WEFT_PCI_SHARE,     /* first page, pages; with a memory object -> share; addresses as bytes */
    WEFT_PCI_UNSHARE,   /* share */
};

/* A claimed function. */
struct weft_pci {
    uint64_t bus; /* the server's endpoint, with the claim's badge */
    uint64_t
        lifeline;     /* an endpoint that only this process receives from: it dies with the claim */
    uint32_t id;      /* vendor << 16 | device */
    uint16_t class;   /* base << 8 | subclass */
    uint16_t address; /* bus << 8 | device << 3 | function */
};

/* What weft_pci_list() tells of a function. */
struct weft_pci_entry {
    uint32_t id;
    uint16_t class;
    uint16_t address;
    uint64_t badge; /* of who has claimed it; 0: nobody */
};

/* Function number `index` of the bus: STATUS_BAD_ARGUMENT behind the last. Needs a capability without a badge. */
status_t weft_pci_list(uint64_t bus, uint32_t index, struct weft_pci_entry *entry);

/* Takes the function that the badge of `bus` names, reset and with decoding on. STATUS_BAD_ARGUMENT: there is
 * none; STATUS_NO_RIGHT: the capability has no badge; STATUS_DEAD: the server is gone. */
status_t weft_pci_claim(struct weft_pci *pci, uint64_t bus);
void weft_pci_release(struct weft_pci *pci);

/* Reads 1, 2 or 4 bytes of its configuration. There is no way to write: see docs/drivers.md. */
status_t weft_pci_config(const struct weft_pci *pci, uint32_t offset, uint32_t width,
                         uint32_t *value);

/* The capability in its configuration with this id, behind `after` (0: the first); 0: there is none. */
uint32_t weft_pci_capability(const struct weft_pci *pci, uint8_t id, uint32_t after);

/* The memory behind base address register `number`, uncached. Not the one with the table of messages
 * (STATUS_NO_RIGHT), nor ports (STATUS_WRONG_TYPE). */
status_t weft_pci_region(const struct weft_pci *pci, uint32_t number, uint64_t *memory,
                         uint64_t *bytes);

/* Lets entry `entry` of its message table (MSI-X) signal `bits` on the notification (rights write and copy), by
 * way of `cpu`. The interrupt begins closed: acknowledge it to open it. */
status_t weft_pci_interrupt(const struct weft_pci *pci, uint32_t entry, uint32_t cpu,
                            uint64_t notification, uint64_t bits, uint64_t *interrupt);

/* Lets the device reach pages of a memory object (rights read, write, copy): the server holds the object until
 * weft_pci_unshare(), or the device has been reset. `addresses` gets what the device must be told for each
 * page; `pages` is at most WEFT_PCI_SHARE_PAGES. A function that nobody can reset is not let near any memory
 * (STATUS_NO_RIGHT). */
status_t weft_pci_share(const struct weft_pci *pci, uint64_t memory, uint64_t first_page,
                        uint32_t pages, uint64_t *addresses, uint32_t *share);
status_t weft_pci_unshare(const struct weft_pci *pci, uint32_t share);
