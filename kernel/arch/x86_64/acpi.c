/* SPDX-License-Identifier: Apache-2.0
 *
 * What only ACPI knows: which CPUs there are, where interrupt lines lead, and where a clock of known
 * speed is.
 *
 * RSDP -> XSDT or RSDT -> MADT ("APIC", one entry per CPU, I/O APIC and ISA line that is not what it
 * seems) and FADT ("FACP", the timer's port).
 * acpi_read() runs while the boot page tables map the first 4 GiB, where firmware puts its tables;
 * it copies what it needs, and believes what it reads. Fields are read by copying bytes, as nothing in
 * ACPI is aligned.
 *
 * Of CPUs those count that are enabled and have an 8-bit APIC id: what 255 CPUs need. Others stay off.
 */
#include "arch/platform.h"
#include "kernel/arch.h"
#include "kernel/panic.h"

#define ACPI_HEADER_SIZE 36

enum madt_entry {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_ISA_LINE = 2,
};

#define MADT_ENTRIES (ACPI_HEADER_SIZE + 8)
#define MADT_ENABLED 1u
#define MADT_LOW 3u /* of two bits each: polarity, then trigger */
#define MADT_LEVEL (3u << 2)
#define FADT_TIMER_PORT 76

uint32_t acpi_cpu_count;
uint8_t acpi_apic_ids[CPU_MAX];
paddr_t acpi_ioapic;
struct acpi_line acpi_lines[ISA_LINES];
uint16_t acpi_timer_port;

/* The little-endian number of `size` bytes at an offset of a table. */
static uint64_t acpi_number(const uint8_t *table, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    __builtin_memcpy(&value, table + offset, size);
    return value;
}

static uint32_t acpi_length(const uint8_t *table)
{
    return (uint32_t)acpi_number(table, 4, 4);
}

static const uint8_t *acpi_table(const uint8_t *rsdp, const char *signature)
{
    bool has_xsdt = rsdp[15] >= 2; /* the revision */
    unsigned width = has_xsdt ? 8 : 4;
    const uint8_t *root = arch_to_virtual(acpi_number(rsdp, has_xsdt ? 24 : 16, width));

    for (unsigned at = ACPI_HEADER_SIZE; at + width <= acpi_length(root); at += width) {
        const uint8_t *table = arch_to_virtual(acpi_number(root, at, width));
        if (acpi_number(table, 0, 4) == acpi_number((const uint8_t *)signature, 0, 4)) {
            return table;
        }
    }
    panic("no ACPI table '%s'", signature);
}

static void cpu_found(uint8_t id, uint64_t flags)
{
    /* cpu_start_first() has entered the boot CPU. */
    if ((flags & MADT_ENABLED) && id != acpi_apic_ids[0] && acpi_cpu_count < CPU_MAX) {
        acpi_apic_ids[acpi_cpu_count++] = id;
    }
}

static void madt_entry_read(const uint8_t *entry)
{
    switch (entry[0]) {
    case MADT_LOCAL_APIC:
        cpu_found(entry[3], acpi_number(entry, 4, 4));
        break;
    case MADT_IO_APIC:
        acpi_ioapic = acpi_number(entry, 8, 4) == 0 ? acpi_number(entry, 4, 4) : acpi_ioapic;
        break;
    case MADT_ISA_LINE:
        acpi_lines[entry[3] % ISA_LINES] = (struct acpi_line){
            .number = (uint32_t)acpi_number(entry, 4, 4),
            .low = (entry[8] & MADT_LOW) == MADT_LOW,
            .level = (entry[8] & MADT_LEVEL) == MADT_LEVEL,
        };
        break;
    }
}

void acpi_read(paddr_t address)
{
    const uint8_t *rsdp = arch_to_virtual(address);
    const uint8_t *madt = acpi_table(rsdp, "APIC");

    for (uint32_t line = 0; line < ISA_LINES; line++) {
        acpi_lines[line].number = line;
    }
    for (unsigned at = MADT_ENTRIES; at < acpi_length(madt); at += madt[at + 1]) {
        madt_entry_read(&madt[at]);
    }
    acpi_timer_port = (uint16_t)acpi_number(acpi_table(rsdp, "FACP"), FADT_TIMER_PORT, 4);
}
