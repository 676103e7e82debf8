/* SPDX-License-Identifier: Apache-2.0
 *
 * The registers of Intel's IOMMU (VT-d, sections 6.5, 7 and 11): on, invalidation, faults. By registers
 * throughout; the queue of invalidations pays where there are many, and here memory is granted for long.
 */
#include "iommu.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

#define REGISTERS_BYTES 4096u

enum unit_register {
    UNIT_VERSION = 0x00,
    UNIT_CAPABILITIES = 0x08,
    UNIT_MORE_CAPABILITIES = 0x10,
    UNIT_COMMAND = 0x18,
    UNIT_STATUS = 0x1c,
    UNIT_ROOT = 0x20,
    UNIT_CONTEXT_COMMAND = 0x28,
    UNIT_FAULT_STATUS = 0x34,
    UNIT_FAULT_CONTROL = 0x38,
    UNIT_FAULT_DATA = 0x3c,
    UNIT_FAULT_ADDRESS = 0x40,
    UNIT_FAULT_ADDRESS_HIGH = 0x44,
};

#define COMMAND_TRANSLATE (1u << 31)
#define COMMAND_ROOT (1u << 30)
#define COMMAND_FLUSH_WRITES (1u << 27)
#define STATUS_ONE_SHOT 0x96ffffffu /* bits of the status that may be written back as they are */

#define CAN_THREE_LEVELS (1ull << 9) /* of page tables: 39 bits of address */
#define NEEDS_WRITE_FLUSH (1ull << 4)
#define MORE_COHERENT 1ull

#define CONTEXT_GO (1ull << 63)
#define CONTEXT_GLOBAL (1ull << 61)
#define PAGES_GO (1ull << 63)
#define PAGES_GLOBAL (1ull << 60)
#define PAGES_DOMAIN (2ull << 60)
#define PAGES_DRAIN (3ull << 48) /* reads and writes that are under way */

#define FAULT_OVERFLOW 1u
#define FAULT_MASKED (1u << 31)
#define RECORD_BYTES 16u
#define RECORD_FULL (1ull << 63)
#define RECORD_READ (1ull << 62)

#define LOOKS 10000000u /* at a bit that does not change */

static volatile uint8_t *registers;
static uint64_t capabilities, more_capabilities;

static volatile uint32_t *narrow(uint32_t offset)
{
    return (volatile uint32_t *)(registers + offset);
}

static volatile uint64_t *wide(uint32_t offset)
{
    return (volatile uint64_t *)(registers + offset);
}

static uint32_t pages_register(void)
{
    return (uint32_t)(more_capabilities >> 8 & 0x3ff) * 16 + 8;
}

static uint32_t records(void)
{
    return (uint32_t)(capabilities >> 40 & 0xff) + 1;
}

static uint32_t record_offset(uint32_t number)
{
    return (uint32_t)(capabilities >> 24 & 0x3ff) * 16 + number * RECORD_BYTES;
}

void unit_open(uint64_t address)
{
    registers = machine_map(weft_capability("physical"), address, REGISTERS_BYTES, MEMORY_UNCACHED);
    if (registers == NULL) {
        weft_fail("the registers of the IOMMU at 0x%lx cannot be mapped", address);
    }
    uint32_t version = *narrow(UNIT_VERSION);
    capabilities = *wide(UNIT_CAPABILITIES);
    more_capabilities = *wide(UNIT_MORE_CAPABILITIES);
    if (version >> 4 == 0 || version >> 4 == 0xf || (capabilities & CAN_THREE_LEVELS) == 0 ||
        pages_register() + 8 > REGISTERS_BYTES || record_offset(records()) > REGISTERS_BYTES) {
        weft_fail("at 0x%lx is no IOMMU that this can drive (version 0x%x, capabilities 0x%lx)",
                  address, version, capabilities);
    }
}

static void wait_for(uint32_t offset, uint32_t bits, uint32_t wanted)
{
    for (uint32_t look = 0; look < LOOKS; look++) {
        if ((*narrow(offset) & bits) == wanted) {
            return;
        }
        weft_pause();
    }
    weft_fail("the IOMMU does not do what it is told (register 0x%x)", offset);
}

/* Gives a command, and waits until the status says that it was carried out. */
static void command(uint32_t bit, uint32_t done)
{
    *narrow(UNIT_COMMAND) = (*narrow(UNIT_STATUS) & STATUS_ONE_SHOT) | bit;
    wait_for(UNIT_STATUS, bit, done);
}

_Bool unit_walks(uint64_t root)
{
    return (*narrow(UNIT_STATUS) & COMMAND_TRANSLATE) != 0 && *wide(UNIT_ROOT) == root;
}

void unit_start(uint64_t root)
{
    *wide(UNIT_ROOT) = root;
    command(COMMAND_ROOT, COMMAND_ROOT);
    unit_forget(0);
    command(COMMAND_TRANSLATE, COMMAND_TRANSLATE);
}

void unit_forget(uint32_t domain)
{
    if ((capabilities & NEEDS_WRITE_FLUSH) != 0) {
        command(COMMAND_FLUSH_WRITES, 0);
    }
    *wide(UNIT_CONTEXT_COMMAND) = CONTEXT_GO | CONTEXT_GLOBAL;
    wait_for(UNIT_CONTEXT_COMMAND + 4, (uint32_t)(CONTEXT_GO >> 32), 0);
    *wide(pages_register()) = PAGES_GO | PAGES_DRAIN |
                              (domain == 0 ? PAGES_GLOBAL : PAGES_DOMAIN | (uint64_t)domain << 32);
    wait_for(pages_register() + 4, (uint32_t)(PAGES_GO >> 32), 0);
}

_Bool unit_is_coherent(void)
{
    return (more_capabilities & MORE_COHERENT) != 0;
}

/* ---- faults ------------------------------------------------------------------------------------- */

void unit_interrupt(uint64_t told)
{
    *narrow(UNIT_FAULT_DATA) = (uint32_t)(told >> 32);
    *narrow(UNIT_FAULT_ADDRESS) = (uint32_t)told;
    *narrow(UNIT_FAULT_ADDRESS_HIGH) = 0;
    *narrow(UNIT_FAULT_CONTROL) = *narrow(UNIT_FAULT_CONTROL) & ~FAULT_MASKED;
}

_Bool unit_fault(struct fault *fault)
{
    /* Which faults found no free record nobody knows. Cleared first: else the next fault would not interrupt. */
    *narrow(UNIT_FAULT_STATUS) = FAULT_OVERFLOW;
    for (uint32_t i = 0; i < records(); i++) {
        uint32_t offset = record_offset(i);
        uint64_t high = *wide(offset + 8);
        if ((high & RECORD_FULL) == 0) {
            continue;
        }
        *fault = (struct fault){
            .function = (uint16_t)high,
            .reason = (uint8_t)(high >> 32),
            .access = (high & RECORD_READ) != 0 ? WEFT_IOMMU_READS : WEFT_IOMMU_WRITES,
            .address = weft_page_down(*wide(offset)),
        };
        *wide(offset + 8) = RECORD_FULL; /* it is free for the next */
        return 1;
    }
    return 0;
}
