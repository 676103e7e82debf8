/* SPDX-License-Identifier: Apache-2.0
 *
 * The bus's configuration, by the two ports that every PC has, and what is found in it. The firmware has
 * given all regions their addresses; they are sized and never moved.
 */
#include "bus.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ENABLE (1u << 31)
#define NO_DEVICE 0xffffu
#define BUSES 256

#define HEADER_TYPE 0x7fu
#define HEADER_SEVERAL 0x80u /* more functions than the first */
#define HEADER_BRIDGE 1u
#define CLASS_BRIDGES 0x06u

#define REGION_PORTS 1u
#define REGION_WIDE 4u /* 64 bits: it takes two registers */
#define REGION_FLAGS 0xfu
#define PORT_FLAGS 3u

#define TABLE_REGION 7u
#define TABLE_ENTRY_BYTES 16u

struct function functions[FUNCTIONS_MAX];
uint32_t function_count;

static uint64_t ports, physical;
static uint64_t next_address = WEFT_FREE_BASE;
static struct known_sizes *known_sizes; /* FUNCTIONS_MAX of them in the state, or NULL */

void bus_open(uint64_t the_ports, uint64_t the_physical)
{
    ports = the_ports;
    physical = the_physical;
}

/* ---- access --------------------------------------------------------------------------------------- */

static void select(uint16_t address, uint32_t offset)
{
    if (weft_port_write(ports, PORT_ADDRESS, 4, ENABLE | (uint32_t)address << 8 | (offset & ~3u)) !=
        STATUS_OK) {
        weft_fail("the ports of the PCI bus cannot be written");
    }
}

uint32_t config_read(uint16_t address, uint32_t offset, uint32_t width)
{
    uint64_t value;
    select(address, offset);
    if (weft_port_read(ports, PORT_DATA + (offset & 3), width, &value) != STATUS_OK) {
        weft_fail("the ports of the PCI bus cannot be read");
    }
    return (uint32_t)value;
}

void config_write(uint16_t address, uint32_t offset, uint32_t width, uint32_t value)
{
    select(address, offset);
    if (weft_port_write(ports, PORT_DATA + (offset & 3), width, value) != STATUS_OK) {
        weft_fail("the ports of the PCI bus cannot be written");
    }
}

volatile void *registers_map(uint64_t address, uint64_t bytes)
{
    uint64_t start = weft_page_down(address), memory;
    uint64_t pages = (weft_page_up(address + bytes) - start) / WEFT_PAGE_SIZE;
    uint64_t place = next_address;

    if (place + pages * WEFT_PAGE_SIZE > WEFT_FREE_TOP ||
        weft_memory_create_physical(physical, start / WEFT_PAGE_SIZE, pages, MEMORY_UNCACHED,
                                    &memory) != STATUS_OK) {
        return NULL;
    }
    status_t status =
        weft_memory_map(HANDLE_SELF, memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE);
    (void)weft_cap_delete(memory); /* it lives on in the mapping */
    if (status != STATUS_OK) {
        return NULL;
    }
    next_address += pages * WEFT_PAGE_SIZE;
    return (volatile void *)(place + (address - start));
}

/* ---- what there is -------------------------------------------------------------------------------- */

/* One region: writes ones and sees which of them stay. Decoding is off. */
static uint64_t probe_region(uint16_t address, uint32_t offset, uint32_t flags, _Bool wide)
{
    uint32_t low = config_read(address, offset, 4);
    uint64_t mask = ~0ull << 32;

    config_write(address, offset, 4, ~0u);
    uint32_t ones = config_read(address, offset, 4);
    config_write(address, offset, 4, low);
    if (wide) {
        uint32_t high = config_read(address, offset + 4, 4);
        config_write(address, offset + 4, 4, ~0u);
        mask = (uint64_t)config_read(address, offset + 4, 4) << 32;
        config_write(address, offset + 4, 4, high);
    }
    mask |= ones & ~flags;
    return (ones & ~flags) == 0 ? 0 : ~mask + 1;
}

/* One region, of the size that is known or is to be found out. Returns how many registers it takes. */
static uint32_t read_region(struct function *function, uint32_t number,
                            const struct known_sizes *known)
{
    uint32_t offset = CONFIG_REGION + 4 * number;
    uint32_t low = config_read(function->address, offset, 4);
    _Bool is_ports = low & REGION_PORTS, wide = !is_ports && (low & REGION_WIDE) != 0;
    uint32_t flags = is_ports ? PORT_FLAGS : REGION_FLAGS;

    wide = wide && number + 1 < WEFT_PCI_REGIONS;
    uint32_t high = wide ? config_read(function->address, offset + 4, 4) : 0;
    uint64_t bytes =
        known != NULL ? known->bytes[number] : probe_region(function->address, offset, flags, wide);
    function->regions[number] = (struct region){
        .base = (uint64_t)high << 32 | (low & ~flags),
        .bytes = is_ports ? 0 : bytes,
        .ports = is_ports,
    };
    return wide ? 2 : 1;
}

/* A region's size is a power of two that its base is a multiple of; the instance before may have been sick. */
static _Bool is_plausible(const struct function *function)
{
    for (uint32_t number = 0; number < WEFT_PCI_REGIONS; number++) {
        const struct region *region = &function->regions[number];
        if ((region->bytes & (region->bytes - 1)) != 0 ||
            (region->bytes != 0 && region->base % region->bytes != 0)) {
            return 0;
        }
    }
    return 1;
}

static void read_regions(struct function *function, const struct known_sizes *known)
{
    for (uint32_t number = 0; number < WEFT_PCI_REGIONS;) {
        number += read_region(function, number, known);
    }
}

/* While they are probed the function decodes none of its regions, which are out of the memory map. An emulator may
 * not like that beside other CPUs (docs/drivers.md), so it is done once for all instances. */
static void size_regions(struct function *function, struct known_sizes *known)
{
    uint64_t key = 1ull << 63 | (uint64_t)function->id << 16 | function->address;

    if (known != NULL && known->key == key) {
        read_regions(function, known);
        if (is_plausible(function)) {
            return;
        }
    }
    uint32_t command = config_read(function->address, CONFIG_COMMAND, 2);
    config_write(function->address, CONFIG_COMMAND, 2, command & ~(COMMAND_PORTS | COMMAND_MEMORY));
    memset(function->regions, 0, sizeof(function->regions));
    read_regions(function, NULL);
    config_write(function->address, CONFIG_COMMAND, 2, command);
    if (known != NULL) {
        known->key = 0;
        for (uint32_t number = 0; number < WEFT_PCI_REGIONS; number++) {
            known->bytes[number] = function->regions[number].bytes;
        }
        /* [pci.known] release: the sizes are complete before they count. Pairs with the next instance. */
        weft_store64_release(&known->key, key);
    }
}

static void find_messages(struct function *function, uint32_t at)
{
    uint32_t table = config_read(function->address, at + 4, 4);
    uint32_t number = table & TABLE_REGION;

    if (number >= WEFT_PCI_REGIONS || function->regions[number].bytes == 0) {
        return;
    }
    function->messages = at;
    function->entries = (config_read(function->address, at + 2, 2) & 0x7ff) + 1;
    function->table_region = number;
    function->table = registers_map(function->regions[number].base + (table & ~TABLE_REGION),
                                    function->entries * TABLE_ENTRY_BYTES);
}

static void find_capabilities(struct function *function)
{
    uint32_t at = config_read(function->address, CONFIG_CAPABILITIES, 1) & ~3u;

    if ((config_read(function->address, CONFIG_STATUS, 2) & STATUS_HAS_CAPABILITIES) == 0) {
        return;
    }
    for (uint32_t turn = 0; at != 0 && turn < WEFT_PCI_CONFIG_BYTES / 4; turn++) {
        uint32_t head = config_read(function->address, at, 2);
        if ((head & 0xff) == CAPABILITY_MESSAGES) {
            find_messages(function, at);
        } else if ((head & 0xff) == CAPABILITY_EXPRESS) {
            function->express = at;
        }
        at = head >> 8 & ~3u;
    }
}

/* A function that is no bridge. */
static void add_function(uint16_t address, uint32_t id)
{
    if (function_count == FUNCTIONS_MAX) {
        return;
    }
    struct function *function = &functions[function_count++];
    *function = (struct function){
        .address = address,
        .id = id << 16 | id >> 16,
        .class = (uint16_t)config_read(address, CONFIG_CLASS, 2),
        .watch = NOBODY,
    };
    size_regions(function, known_sizes != NULL ? &known_sizes[function_count - 1] : NULL);
    find_capabilities(function);
    reset_prepare(function);
}

static void scan_bus(uint32_t bus, uint8_t seen[BUSES / 8]);

static void scan_function(uint16_t address, uint32_t id, uint32_t header, uint8_t *seen)
{
    if ((header & HEADER_TYPE) == HEADER_BRIDGE) {
        scan_bus(config_read(address, CONFIG_SECONDARY, 1), seen);
    } else if ((header & HEADER_TYPE) == 0 &&
               config_read(address, CONFIG_CLASS, 2) >> 8 != CLASS_BRIDGES) {
        add_function(address, id);
    }
}

static void scan_bus(uint32_t bus, uint8_t seen[BUSES / 8])
{
    if ((seen[bus / 8] >> bus % 8 & 1) != 0) {
        return;
    }
    seen[bus / 8] |= (uint8_t)(1u << bus % 8);
    for (uint32_t device = 0; device < 32; device++) {
        uint16_t first = (uint16_t)(bus << 8 | device << 3);
        uint32_t count = 1;
        for (uint32_t number = 0; number < count; number++) {
            uint16_t address = (uint16_t)(first | number);
            uint32_t id = config_read(address, CONFIG_ID, 4);
            if ((id & 0xffff) == NO_DEVICE) {
                continue;
            }
            uint32_t header = config_read(address, CONFIG_HEADER, 1);
            if (number == 0 && (header & HEADER_SEVERAL) != 0) {
                count = 8;
            }
            scan_function(address, id, header, seen);
        }
    }
}

void bus_scan(struct known_sizes *known)
{
    uint8_t seen[BUSES / 8] = {0};
    known_sizes = known;
    scan_bus(0, seen);
    for (uint32_t i = 0; i < function_count; i++) {
        if (functions[i].reset != RESET_UNKNOWN) {
            functions[i].stuck = !reset_do(&functions[i]);
        }
    }
}
