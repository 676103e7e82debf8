/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers of real devices, as far as the kernel takes part: ports, a device's memory, physical
 * addresses. Interrupts are in interrupts.c.
 *
 * weft-test: cpus=4 device=edu
 * weft-test: cpus=1,4 accel=icount device=edu
 */
#define PROGRAM "test_devices"
#include "driver.h"

/* ---- ports ----------------------------------------------------------------------------------- */

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define CMOS_SCRATCH 0x50
#define PORTS_END 0x10000

TEST(ports_are_read_and_written, "what is written to a device is read from it, in each width")
{
    find_capabilities();
    for (uint64_t value = 0; value < 256; value += 51) {
        out(CMOS_INDEX, 1, CMOS_SCRATCH);
        out(CMOS_DATA, 1, value);
        out(CMOS_INDEX, 1, CMOS_SCRATCH);
        EXPECT_EQUAL(value, in(CMOS_DATA, 1));
    }
    uint64_t id = pci_read(0, 0); /* the host bridge */
    EXPECT_EQUAL(0x8086, id & 0xffff);
    EXPECT_EQUAL(id & 0xffff, in(PCI_DATA, 2));
    EXPECT_EQUAL(id >> 16, in(PCI_DATA + 2, 2));
    EXPECT_EQUAL(id >> 24, in(PCI_DATA + 3, 1));
    out(PCI_ADDRESS, 4, 1u << 31 | 0x3c);
    out(PCI_DATA, 2, 0x5a); /* its line register, which nobody heeds */
    EXPECT_EQUAL(0x5a, in(PCI_DATA, 1));
}

TEST(ports_want_their_capability,
     "no width but 1, 2 and 4, no port outside the range, no right missing")
{
    uint64_t value;
    uint64_t few = copy_with(ports, READ_WRITE, range(CMOS_INDEX, 2));
    uint64_t read_only = copy_with(ports, RIGHT_READ, 0);
    uint64_t write_only = copy_with(ports, RIGHT_WRITE, 0);
    static const uint64_t widths[] = {0, 3, 5, 8, ~0ull};
    for (unsigned i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_port_read(ports, CMOS_DATA, widths[i], &value));
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_port_write(ports, CMOS_DATA, widths[i], 0));
    }
    EXPECT_STATUS(STATUS_OK, weft_port_read(few, CMOS_DATA, 1, &value));
    EXPECT_STATUS(STATUS_OK, weft_port_read(few, CMOS_INDEX, 2, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(few, CMOS_DATA, 2, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(few, CMOS_INDEX - 1, 1, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_write(few, CMOS_DATA + 1, 1, 0));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(ports, PORTS_END, 1, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(ports, PORTS_END - 1, 2, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(ports, ~0ull, 1, &value));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_write(ports, 1ull << 32 | CMOS_DATA, 1, 0));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_write(read_only, CMOS_DATA, 1, 0));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_port_read(write_only, CMOS_DATA, 1, &value));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_port_read(physical, CMOS_DATA, 1, &value));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_port_write(HANDLE_SELF, CMOS_DATA, 1, 0));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_port_read(0, CMOS_DATA, 1, &value));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(few));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_port_write(few, CMOS_DATA, 1, 0));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(read_only));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(write_only));
}

/* ---- a device's memory ------------------------------------------------------------------------ */

TEST(a_device_is_mapped, "its registers answer, uncached and write-combined")
{
    static const uint64_t attributes[] = {MEMORY_UNCACHED, MEMORY_COMBINING};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t memory = edu_map(attributes[i]), address, base = edu_base();
        REQUIRE(memory != 0);
        EXPECT_EQUAL(EDU_ID_VALUE, *edu_word(EDU_ID));
        *edu_word(EDU_COMPLEMENT) = 0x12345678;
        EXPECT_EQUAL(~0x12345678u, *edu_word(EDU_COMPLEMENT));
        EXPECT_STATUS(STATUS_OK, weft_memory_physical(memory, 3, physical, &address));
        EXPECT_EQUAL(base + 3 * WEFT_PAGE_SIZE, address);
        /* The kernel has no way there, and says so. */
        EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_write(memory, 0, (uint64_t)&base, 8));
        EXPECT_STATUS(STATUS_BAD_ADDRESS, weft_console_write(weft_capability("console"), PLACE, 4));
        EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_map(HANDLE_SELF, memory, PLACE + 0x1000000, 0, 1,
                                                       RIGHT_READ | RIGHT_EXECUTE));
        edu_unmap(memory);
    }
}

TEST(firmware_is_read,
     "cached memory that is no RAM: the signature of the tables that ACPI begins with")
{
    uint64_t memory;
    unsigned found = 0;
    REQUIRE_STATUS(STATUS_OK,
                   weft_memory_create_physical(physical, 0xe0, 0x20, MEMORY_CACHED, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 0x20, RIGHT_READ));
    for (uint64_t at = PLACE; at < PLACE + 0x20000; at += 16) {
        found += memcmp((void *)at, "RSD PTR ", 8) == 0;
    }
    EXPECT(found > 0);
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, 0x20));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

TEST(the_device_copies_memory, "what a device is told to write arrives at the page that was meant")
{
    static const char text[] = "carried by the device itself";
    uint64_t registers = edu_map(MEMORY_UNCACHED), memory, from, to;
    uint64_t place = PLACE + EDU_PAGES * WEFT_PAGE_SIZE;
    REQUIRE(registers != 0);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(MEMORY_CONTIGUOUS | 2, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, memory, place, 0, 2, READ_WRITE));
    REQUIRE_STATUS(STATUS_OK, weft_memory_physical(memory, 0, physical, &from));
    REQUIRE_STATUS(STATUS_OK, weft_memory_physical(memory, 1, physical, &to));
    EXPECT_EQUAL(from + WEFT_PAGE_SIZE, to);
    REQUIRE(to < 1 << 28); /* the device reaches no further */
    memcpy((void *)place, text, sizeof(text));
    for (unsigned turn = 0; turn < 2; turn++) { /* to its buffer, and back to the other page */
        *(volatile uint64_t *)edu_word(EDU_DMA_FROM) = turn == 0 ? from : EDU_BUFFER;
        *(volatile uint64_t *)edu_word(EDU_DMA_TO) = turn == 0 ? EDU_BUFFER : to;
        *(volatile uint64_t *)edu_word(EDU_DMA_COUNT) = sizeof(text);
        *(volatile uint64_t *)edu_word(EDU_DMA_COMMAND) =
            DMA_START | (turn == 0 ? 0 : DMA_FROM_DEVICE);
        while (*(volatile uint64_t *)edu_word(EDU_DMA_COMMAND) & DMA_START) {
            weft_sleep_for(10000);
        }
    }
    EXPECT_EQUAL(0, memcmp((void *)(place + WEFT_PAGE_SIZE), text, sizeof(text)));
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, place, 2));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    edu_unmap(registers);
}

/* ---- what physical memory is refused ---------------------------------------------------------- */

TEST(ram_and_the_kernel_are_out_of_reach, "no capability makes memory of what the kernel uses")
{
    uint64_t memory, own, page;
    find_capabilities();
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &own));
    REQUIRE_STATUS(STATUS_OK, weft_memory_physical(own, 0, physical, &page));
    const uint64_t taken[][2] = {
        {page / WEFT_PAGE_SIZE, 1},     /* RAM in use */
        {page / WEFT_PAGE_SIZE - 3, 7}, /* around it */
        {0x200, 1},                     /* the kernel's image */
        {0, 1},                         /* what the firmware left at the bottom */
        {0x8, 1},                       /* where other CPUs begin */
        {0x9f, 2},                      /* half of it is a hole, half is not */
        {0xff, 2},                      /* the same at the hole's other end */
        {0xfee00, 1},                   /* local APICs */
        {0xfee01, 1},                   /* what is written there interrupts CPUs */
        {0xfed00, 0x200},               /* the clock chip, and more */
        {0xfec00, 1},                   /* the I/O APIC */
    };
    for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (!EXPECT_STATUS(STATUS_NO_RIGHT,
                           weft_memory_create_physical(physical, taken[i][0], taken[i][1],
                                                       MEMORY_UNCACHED, &memory))) {
            ktap_note("case %u", i);
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(own));
}

TEST(physical_memory_wants_its_capability, "ranges, rights, types and sizes are checked")
{
    uint64_t memory, address, own;
    uint64_t few = copy_with(physical, READ_WRITE, range(0xfe000, 16));
    uint64_t reader = copy_with(physical, RIGHT_READ, 0);
    uint64_t writer = copy_with(physical, RIGHT_WRITE, 0);
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(2, &own));
    uint64_t nothing = copy_with(own, RIGHT_WRITE, 0);
    EXPECT_STATUS(STATUS_OK, weft_memory_create_physical(few, 0xfe00f, 1, 0, &memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_create_physical(few, 0xfe00f, 2, 0, &memory));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_create_physical(few, 0xfdfff, 1, 0, &memory));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_create_physical(few, ~0ull, 2, 0, &memory));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_create_physical(reader, 0xfe000, 1, 0, &memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create_physical(few, 0xfe000, 0, 0, &memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_create_physical(few, 0xfe000, 1, 3, &memory));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT,
                  weft_memory_create_physical(physical, 0xfe000, 512 * 512 + 1, 0, &memory));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_memory_create_physical(ports, 0xfe000, 1, 0, &memory));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_memory_create_physical(0, 0xfe000, 1, 0, &memory));
    EXPECT_STATUS(STATUS_OK, weft_memory_physical(own, 1, reader, &address));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_physical(own, 2, reader, &address));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, weft_memory_physical(own, ~0ull, reader, &address));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_physical(own, 0, writer, &address));
    EXPECT_STATUS(STATUS_NO_RIGHT, weft_memory_physical(nothing, 0, reader, &address));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_memory_physical(own, 0, own, &address));
    EXPECT_STATUS(STATUS_WRONG_TYPE, weft_memory_physical(reader, 0, reader, &address));
    EXPECT_STATUS(STATUS_BAD_HANDLE, weft_memory_physical(own, 0, 0, &address));
    uint64_t handles[] = {few, reader, writer, own, nothing};
    for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(handles[i]));
    }
}

TEST(contiguous_and_large_are_what_they_say, "physical addresses in a row; blocks aligned")
{
    uint64_t memory, first, address;
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(MEMORY_CONTIGUOUS | 700, &memory));
    REQUIRE_STATUS(STATUS_OK, weft_memory_physical(memory, 0, physical, &first));
    for (uint64_t page = 0; page < 700; page++) {
        REQUIRE_STATUS(STATUS_OK, weft_memory_physical(memory, page, physical, &address));
        REQUIRE(address == first + page * WEFT_PAGE_SIZE);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(MEMORY_LARGE | 2 * MEMORY_BLOCK, &memory));
    for (uint64_t page = 0; page < 2 * MEMORY_BLOCK; page++) {
        REQUIRE_STATUS(STATUS_OK, weft_memory_physical(memory, page, physical, &address));
        EXPECT_EQUAL(page % MEMORY_BLOCK, address / WEFT_PAGE_SIZE % MEMORY_BLOCK);
    }
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(memory));
}

KTAP_MAIN
