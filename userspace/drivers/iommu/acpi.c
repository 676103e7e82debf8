/* SPDX-License-Identifier: Apache-2.0
 *
 * The firmware's word on the IOMMU: ACPI's table DMAR (Intel's "Virtualization Technology for Directed I/O",
 * section 8). The way there: a pointer in the BIOS's memory, the list of tables, the table.
 *
 * The firmware is believed where its checksums are right: it was there before us.
 */
#include "iommu.h"

#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define BIOS_START 0xe0000ull
#define BIOS_BYTES 0x20000ull
#define POINTER_STEP 16u
#define TABLE_BYTES_MAX 0x10000u
#define UNIT_KIND 0u
#define UNIT_HAS_ALL 1u /* flag: it serves every function that no other unit names */
#define SCOPE_FUNCTION 1u
#define COVERED_MAX 64u

struct pointer {
    char signature[8];
    uint8_t checksum;
    char maker[6];
    uint8_t revision;
    uint32_t list; /* of 32-bit addresses */
    uint32_t length;
    uint64_t long_list; /* of 64-bit addresses, from revision 2 on */
} __attribute__((packed));
#define POINTER_BYTES 20u

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char maker[26];
} __attribute__((packed));

struct remapping { /* DMAR */
    struct table head;
    uint8_t width;
    uint8_t flags;
    uint8_t reserved[10];
    uint8_t parts[];
} __attribute__((packed));

struct unit { /* a part of it: DRHD */
    uint16_t kind;
    uint16_t length;
    uint8_t flags;
    uint8_t size;
    uint16_t segment;
    uint64_t registers;
} __attribute__((packed));

struct scope { /* behind a unit: what it serves */
    uint8_t kind;
    uint8_t length;
    uint16_t reserved;
    uint8_t id;
    uint8_t bus;
    uint8_t device, function; /* where it is no deeper than this bus */
} __attribute__((packed));

static uint64_t next_place = WEFT_FREE_BASE;
static _Bool covers_all;
static uint16_t covered[COVERED_MAX];
static uint32_t covered_count;

void *machine_map(uint64_t physical, uint64_t address, uint64_t bytes, uint64_t attributes)
{
    uint64_t start = weft_page_down(address), memory, place = next_place;
    uint64_t pages = (weft_page_up(address + bytes) - start) / WEFT_PAGE_SIZE;
    uint64_t access = attributes == MEMORY_CACHED ? RIGHT_READ : RIGHT_READ | RIGHT_WRITE;

    if (weft_memory_create_physical(physical, start / WEFT_PAGE_SIZE, pages, attributes, &memory) !=
        STATUS_OK) {
        return NULL;
    }
    status_t status = weft_memory_map(HANDLE_SELF, memory, place, 0, pages, access);
    (void)weft_cap_delete(memory); /* it lives on in the mapping */
    if (status != STATUS_OK) {
        return NULL;
    }
    next_place += pages * WEFT_PAGE_SIZE;
    return (void *)(place + (address - start));
}

static _Bool sums_to_zero(const void *bytes, uint32_t length)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    }
    return sum == 0;
}

/* A table that is whole; NULL: it cannot be read. */
static const struct table *table_at(uint64_t physical, uint64_t address)
{
    const struct table *head = machine_map(physical, address, sizeof(*head), MEMORY_CACHED);
    if (head == NULL || head->length < sizeof(*head) || head->length > TABLE_BYTES_MAX) {
        return NULL;
    }
    const struct table *whole = machine_map(physical, address, head->length, MEMORY_CACHED);
    return whole != NULL && sums_to_zero(whole, head->length) ? whole : NULL;
}

static const struct pointer *find_pointer(uint64_t physical)
{
    const uint8_t *bios = machine_map(physical, BIOS_START, BIOS_BYTES, MEMORY_CACHED);
    for (uint64_t at = 0; bios != NULL && at + sizeof(struct pointer) <= BIOS_BYTES;
         at += POINTER_STEP) {
        if (memcmp(bios + at, "RSD PTR ", 8) == 0 && sums_to_zero(bios + at, POINTER_BYTES)) {
            return (const struct pointer *)(bios + at);
        }
    }
    return NULL;
}

static const struct remapping *find_remapping(uint64_t physical)
{
    const struct pointer *pointer = find_pointer(physical);
    if (pointer == NULL) {
        return NULL;
    }
    _Bool wide = pointer->revision >= 2 && pointer->long_list != 0;
    uint32_t step = wide ? 8 : 4;
    const struct table *list = table_at(physical, wide ? pointer->long_list : pointer->list);
    for (uint32_t at = sizeof(*list); list != NULL && at + step <= list->length; at += step) {
        uint64_t address = 0;
        memcpy(&address, (const uint8_t *)list + at, step);
        const struct table *table = table_at(physical, address);
        if (table != NULL && memcmp(table->signature, "DMAR", 4) == 0 &&
            table->length >= sizeof(struct remapping)) {
            return (const struct remapping *)table;
        }
    }
    return NULL;
}

_Bool acpi_covers(uint16_t function)
{
    for (uint32_t i = 0; i < covered_count; i++) {
        if (covered[i] == function) {
            return 1;
        }
    }
    return covers_all;
}

/* The functions that a unit names. Those behind bridges have longer ways to them: they are taken for not covered,
 * and so reach no memory. */
static void read_scopes(const uint8_t *scopes, uint32_t bytes)
{
    struct scope scope;

    for (uint32_t at = 0; at + sizeof(scope) <= bytes; at += scope.length) {
        memcpy(&scope, scopes + at, sizeof(scope));
        if (scope.length < sizeof(scope)) {
            return;
        }
        if (scope.kind == SCOPE_FUNCTION && scope.length == sizeof(scope) &&
            covered_count < COVERED_MAX) {
            covered[covered_count++] =
                (uint16_t)(scope.bus << 8 | (scope.device & 31u) << 3 | (scope.function & 7u));
        }
    }
}

uint64_t acpi_find_iommu(void)
{
    const struct remapping *table = find_remapping(weft_capability("physical"));
    uint64_t registers = 0;
    uint32_t units = 0;

    if (table == NULL) {
        return 0;
    }
    uint32_t bytes = table->head.length - (uint32_t)sizeof(*table);
    for (uint32_t at = 0; at + sizeof(struct unit) <= bytes;) {
        struct unit unit;
        memcpy(&unit, &table->parts[at], sizeof(unit));
        if (unit.length < 4 || unit.length > bytes - at) {
            break;
        }
        if (unit.kind == UNIT_KIND && unit.length >= sizeof(unit)) {
            units++;
            registers = unit.registers;
            covers_all = (unit.flags & UNIT_HAS_ALL) != 0;
            read_scopes(&table->parts[at + sizeof(unit)], unit.length - (uint32_t)sizeof(unit));
        }
        at += unit.length;
    }
    if (units != 1) {
        weft_fail("the firmware tells of %u IOMMUs, and this drives one", units);
    }
    return registers;
}
