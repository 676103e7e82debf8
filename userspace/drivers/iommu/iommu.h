/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the IOMMU's process: where the machine has one, its registers, and the tables that it walks.
 * Private to this driver; one thread uses all of it.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/iommu.h"

#define DOMAINS_MAX 16u /* functions that have memory at the same time */
#define BUSES_MAX 4u    /* buses on which functions are */

/* A refused access of a device. */
struct fault {
    uint16_t function;
    uint8_t reason; /* as the standard counts */
    uint8_t access; /* enum weft_iommu_access */
    uint64_t address;
};

/* ---- acpi.c ------------------------------------------------------------------------------------- */

/* Where the registers of the machine's IOMMU are, as the firmware tells; 0: it tells of none. Ends the process where
 * there is one that this driver cannot use. */
uint64_t acpi_find_iommu(void);

/* Is this function behind it? */
_Bool acpi_covers(uint16_t function);

/* Maps physical pages of the machine for good; NULL: it is not possible. */
void *machine_map(uint64_t physical, uint64_t address, uint64_t bytes, uint64_t attributes);

/* ---- unit.c: the registers ----------------------------------------------------------------------- */

/* Maps them and checks that they can what is needed here, or ends the process. */
void unit_open(uint64_t address);

/* Is it walking the tables below this root already? So an instance before this one has left it. */
_Bool unit_walks(uint64_t root);

/* From its return on every access of every device goes through the tables. */
void unit_start(uint64_t root);

/* From its return on nothing is used that stood in the tables before, of one domain or (0) of all, and accesses
 * that were under way on its ground are over. */
void unit_forget(uint32_t domain);

/* Faults write `told` (weft_interrupt_message) where it says. */
void unit_interrupt(uint64_t told);

/* The next recorded fault. False: there is none. */
_Bool unit_fault(struct fault *fault);

/* Does it look into the CPUs' caches when it walks? Else what was written must be cleaned out of them. */
_Bool unit_is_coherent(void);

/* ---- tables.c: in memory that outlives this process ------------------------------------------------ */

/* They lie `here`, from a page of a memory object on. The root's physical address. `physical`: a capability to
 * physical pages, right read. */
uint64_t tables_open(uint64_t memory, uint64_t first_page, void *here, uint64_t physical);
uint64_t tables_bytes(void);

/* Empties them, before the IOMMU walks them. */
void tables_clear(void);

/* Lets a function reach pages, from the first page of a window on. STATUS_NO_SLOT: too many functions. */
status_t tables_grant(uint16_t function, uint32_t window, const uint64_t *pages, uint32_t count);
void tables_take(uint16_t function, uint32_t window);
void tables_block(uint16_t function);
void tables_block_all(void);

/* Records no more faults of this function until it is blocked or granted anew. False: that cannot be had. */
_Bool tables_hush(uint16_t function);

_Bool tables_is_hushed(uint16_t function);

/* The n-th function with memory whose faults are not recorded; -1: there are no more. */
int32_t tables_hushed(uint32_t nth);
