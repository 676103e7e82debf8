/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of the PCI bus: what was found of them, and who has them. Private to the bus server; one
 * thread uses all of it.
 */
#pragma once

#include <stdint.h>

#include "weft/layout.h"
#include "weft/pci.h"

#define FUNCTIONS_MAX 32
#define INTERRUPTS_MAX 8 /* of one function */
#define SHARES_MAX 24    /* of one function */
#define WATCHES_MAX 48   /* drivers that live, and some that have not quite ended */
#define NOBODY WATCHES_MAX

enum config_offset {
    CONFIG_ID = 0x00,
    CONFIG_COMMAND = 0x04,
    CONFIG_STATUS = 0x06,
    CONFIG_CLASS = 0x0a, /* base << 8 | subclass */
    CONFIG_HEADER = 0x0e,
    CONFIG_REGION = 0x10,
    CONFIG_SECONDARY = 0x19, /* of a bridge: the bus behind it */
    CONFIG_CAPABILITIES = 0x34,
};
#define COMMAND_PORTS 1u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define STATUS_HAS_CAPABILITIES 0x10u

enum capability_id {
    CAPABILITY_VENDOR = 0x09,
    CAPABILITY_EXPRESS = 0x10,
    CAPABILITY_MESSAGES = 0x11, /* MSI-X */
};

/* How a function is made to forget all that it was told. */
enum reset {
    RESET_UNKNOWN,  /* such a function reaches no memory */
    RESET_FUNCTION, /* function level reset, of PCI Express */
    RESET_VIRTIO,   /* the device status of virtio */
};

struct region {
    uint64_t base, bytes; /* 0 bytes: there is none, or it is ports */
    _Bool ports;
    uint64_t memory; /* handle to what was handed out; 0: nothing */
};

struct function {
    uint16_t address; /* bus << 8 | device << 3 | function */
    uint16_t class;
    uint32_t id; /* vendor << 16 | device */
    struct region regions[WEFT_PCI_REGIONS];

    uint32_t messages; /* where its MSI-X capability lies; 0: none */
    uint32_t entries;
    uint32_t table_region;
    volatile uint32_t *table; /* mapped here; NULL: not yet, or none */

    enum reset reset;
    uint32_t express;         /* where that capability lies */
    volatile uint8_t *status; /* virtio's device status, mapped here */
    _Bool stuck;              /* did not come out of a reset: it keeps what it had, for ever */
    _Bool bypasses;           /* a virtio device that is not behind an IOMMU, if there is one */

    uint64_t badge; /* of who has it; 0: nobody */
    uint32_t watch; /* who watches its driver's life, or NOBODY */
    uint64_t interrupts[INTERRUPTS_MAX];
    uint64_t shares[SHARES_MAX];
};

extern struct function functions[FUNCTIONS_MAX];
extern uint32_t function_count;

/* What the next instance need not find out by taking a function's registers out of the memory map for a moment:
 * the sizes of its regions. Kept in the state, if the manifest gives any. */
struct known_sizes {
    uint64_t key; /* of the function; written last, 0: nothing is known */
    uint64_t bytes[WEFT_PCI_REGIONS];
};

/* ---- bus.c: configuration and what it says -------------------------------------------------------- */

void bus_open(uint64_t ports, uint64_t physical);
uint32_t config_read(uint16_t address, uint32_t offset, uint32_t width);
void config_write(uint16_t address, uint32_t offset, uint32_t width, uint32_t value);

/* Finds all functions, sizes their regions, resets what can be reset. `known`: FUNCTIONS_MAX of them, or NULL. */
void bus_scan(struct known_sizes *known);

/* Maps `bytes` of device registers into this process for good; NULL: it is not possible. */
volatile void *registers_map(uint64_t address, uint64_t bytes);

/* ---- reset.c ---------------------------------------------------------------------------------------- */

/* Finds out how `function` is reset. */
void reset_prepare(struct function *function);

/* From its return on the device touches no memory and raises no interrupt. False: it would not stop. */
_Bool reset_do(struct function *function);

/* ---- claim.c: what a driver asks for its own function ----------------------------------------------- */

struct weft_message;
struct weft_ipc;

void claim_open(uint64_t interrupts, uint64_t physical);

/* The function that a badge names; NULL: there is none. */
struct function *claim_find(uint64_t badge);

status_t claim_region(struct function *function, struct weft_message *message,
                      struct weft_ipc *ipc);
status_t claim_interrupt(struct function *function, struct weft_message *message,
                         struct weft_ipc *ipc);
status_t claim_share(struct function *function, struct weft_message *message, struct weft_ipc *ipc);
status_t claim_unshare(struct function *function, struct weft_message *message);

/* Takes everything back from whoever has the function. */
void claim_end(struct function *function);

/* ---- guard.c: what keeps a device from memory that is not its driver's ----------------------------------- */

/* After all devices have been reset: takes what the instance before this one had granted. `gone` is signalled
 * with GUARD_FAULT when a device was refused. */
void guard_open(uint64_t physical, uint64_t gone);
#define GUARD_FAULT (1ull << 62)

/* Does an IOMMU hold devices to what they were granted? */
_Bool guard_translates(void);

/* Lets a device reach pages of memory; `addresses` gets what it is to be told. `share`: which of the function's
 * shares this is. The memory is kept until guard_take() or guard_block(), whoever dies. */
status_t guard_grant(const struct function *function, uint32_t share, uint64_t memory,
                     uint64_t first, uint64_t pages, uint64_t *addresses);
void guard_take(const struct function *function, uint32_t share);

/* All of the function's shares, when it has been reset, or (where there is an IOMMU) even if not. */
void guard_block(const struct function *function);

/* GUARD_FAULT: the function whose device was refused; NULL: it is none that we know, or it was in a claim that is
 * over. */
struct function *guard_fault(void);

/* ---- watch.c: drivers' lives ------------------------------------------------------------------------ */

/* `gone` is signalled with bit n when who is watched by watch n has ended. */
void watch_open(uint64_t gone);

/* Watches the holder of an endpoint, whose handle it takes; NOBODY: no watch is free. */
uint32_t watch_start(uint64_t lifeline);
void watch_finished(uint32_t watch);
