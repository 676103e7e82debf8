/* SPDX-License-Identifier: Apache-2.0
 *
 * What only ACPI knows: which CPUs there are, where interrupt lines lead, and where a clock of known
 * speed is.
 *
 * RSDP -> XSDT or RSDT -> MADT ("APIC", one entry per CPU, I/O APIC and ISA line that is not what it
 * seems) and FADT ("FACP", the timer's port).
 * acpi_read() runs while the boot page tables map the first 4 GiB, where firmware puts its tables;
 * it copies what it needs. Tables with a wrong checksum count as missing. Fields are read by
 * copying bytes, as nothing in ACPI is aligned.
 *
 * Rules for CPUs: enabled entries only; both kinds of entry (8-bit APIC ids, 32-bit x2APIC ids); an
 * id counts once; ids that this machine's APIC mode cannot address, and CPUs beyond CPU_MAX, are
 * counted in acpi_unusable_cpus and stay off.
 */
#include "arch/platform.h"
#include "kernel/arch.h"

#define ACPI_MAPPED_END (4ull << 30)
#define ACPI_HEADER_SIZE 36
#define APIC_ID_BROADCAST 0xff /* not a CPU in xAPIC mode */

enum madt_entry {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_ISA_LINE = 2,
    MADT_LOCAL_X2APIC = 9,
};

#define MADT_ENABLED 1u
#define MADT_LOW 3u /* of two bits each: polarity, then trigger */
#define MADT_LEVEL (3u << 2)
#define FADT_TIMER_PORT 76
#define FADT_TIMER_LENGTH 91
#define FADT_FLAGS 112
#define FADT_TIMER_IS_32_BIT (1u << 8)

uint32_t acpi_cpu_count;
uint32_t acpi_apic_ids[CPU_MAX];
uint32_t acpi_unusable_cpus;
struct acpi_ioapic acpi_ioapics[IOAPICS_MAX];
unsigned acpi_ioapic_count;
struct acpi_line acpi_lines[ISA_LINES];
uint16_t acpi_timer_port;
uint32_t acpi_timer_mask;

/* The little-endian number of `size` bytes at an offset of a table. */
static uint64_t acpi_number(const uint8_t *table, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    __builtin_memcpy(&value, table + offset, size);
    return value;
}

static bool acpi_sums_to_zero(const uint8_t *bytes, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum += bytes[i];
    }
    return sum == 0;
}

/* The table at an address if it is whole, has this signature and can be reached; else NULL. */
static const uint8_t *acpi_table_at(paddr_t address, const char *signature)
{
    if (address == 0 || address + ACPI_HEADER_SIZE > ACPI_MAPPED_END) {
        return NULL;
    }
    const uint8_t *table = arch_to_virtual(address);
    uint64_t length = acpi_number(table, 4, 4);
    if (__builtin_memcmp(table, signature, 4) != 0 || length < ACPI_HEADER_SIZE ||
        address + length > ACPI_MAPPED_END || !acpi_sums_to_zero(table, length)) {
        return NULL;
    }
    return table;
}

static const uint8_t *acpi_table_find(paddr_t rsdp_address, const char *signature)
{
    if (rsdp_address == 0) {
        return NULL;
    }
    const uint8_t *rsdp = arch_to_virtual(rsdp_address);
    if (__builtin_memcmp(rsdp, "RSD PTR ", 8) != 0 || !acpi_sums_to_zero(rsdp, 20)) {
        return NULL;
    }
    unsigned revision = rsdp[15];
    const uint8_t *xsdt = revision >= 2 ? acpi_table_at(acpi_number(rsdp, 24, 8), "XSDT") : NULL;
    const uint8_t *root = xsdt ? xsdt : acpi_table_at(acpi_number(rsdp, 16, 4), "RSDT");
    unsigned width = xsdt ? 8 : 4;
    if (root == NULL) {
        return NULL;
    }
    uint64_t length = acpi_number(root, 4, 4);
    for (unsigned at = ACPI_HEADER_SIZE; at + width <= length; at += width) {
        const uint8_t *table = acpi_table_at(acpi_number(root, at, width), signature);
        if (table != NULL) {
            return table;
        }
    }
    return NULL;
}

static void cpu_found(uint32_t id)
{
    for (uint32_t i = 0; i < acpi_cpu_count; i++) {
        if (acpi_apic_ids[i] == id) {
            return;
        }
    }
    bool addressable = id < APIC_ID_BROADCAST || (x86_features & FEATURE_X2APIC);
    if (acpi_cpu_count == CPU_MAX || !addressable) {
        acpi_unusable_cpus++;
        return;
    }
    acpi_apic_ids[acpi_cpu_count++] = id;
}

/* An entry about interrupt lines. */
static void line_entry_read(const uint8_t *madt, unsigned at, unsigned type, unsigned size)
{
    if (type == MADT_IO_APIC && size >= 12 && acpi_ioapic_count < IOAPICS_MAX) {
        acpi_ioapics[acpi_ioapic_count++] = (struct acpi_ioapic){
            acpi_number(madt, at + 4, 4), (uint32_t)acpi_number(madt, at + 8, 4)};
    }
    if (type == MADT_ISA_LINE && size >= 10 && madt[at + 3] < ISA_LINES) {
        unsigned flags = (unsigned)acpi_number(madt, at + 8, 2);

        acpi_lines[madt[at + 3]] = (struct acpi_line){
            .number = (uint32_t)acpi_number(madt, at + 4, 4),
            .low = (flags & MADT_LOW) == MADT_LOW,
            .level = (flags & MADT_LEVEL) == MADT_LEVEL,
        };
    }
}

static void madt_read(const uint8_t *madt)
{
    const unsigned entries = ACPI_HEADER_SIZE + 8;
    uint64_t length = acpi_number(madt, 4, 4);

    for (unsigned at = entries; at + 2 <= length; at += madt[at + 1]) {
        unsigned type = madt[at];
        unsigned size = madt[at + 1];

        if (size < 2 || at + size > length) {
            boot_fail("the ACPI table of CPUs (MADT) is damaged");
        }
        if (type == MADT_LOCAL_APIC && size >= 8 && acpi_number(madt, at + 4, 4) & MADT_ENABLED) {
            cpu_found(madt[at + 3]);
        }
        if (type == MADT_LOCAL_X2APIC && size >= 16 &&
            acpi_number(madt, at + 8, 4) & MADT_ENABLED) {
            cpu_found((uint32_t)acpi_number(madt, at + 4, 4));
        }
        line_entry_read(madt, at, type, size);
    }
}

static void fadt_read(const uint8_t *fadt)
{
    bool wide = acpi_number(fadt, FADT_FLAGS, 4) & FADT_TIMER_IS_32_BIT;

    if (fadt[FADT_TIMER_LENGTH] == 4) {
        acpi_timer_port = (uint16_t)acpi_number(fadt, FADT_TIMER_PORT, 4);
        acpi_timer_mask = wide ? 0xffffffff : 0x00ffffff;
    }
}

void acpi_read(paddr_t rsdp)
{
    const uint8_t *madt = acpi_table_find(rsdp, "APIC");
    const uint8_t *fadt = acpi_table_find(rsdp, "FACP");

    if (madt == NULL) {
        boot_fail("no ACPI table of CPUs (MADT)");
    }
    for (uint32_t line = 0; line < ISA_LINES; line++) {
        acpi_lines[line].number = line;
    }
    cpu_found(apic_id()); /* number 0, wherever the table lists it */
    madt_read(madt);
    if (fadt != NULL && acpi_number(fadt, 4, 4) >= FADT_FLAGS + 4) {
        fadt_read(fadt);
    }
}
