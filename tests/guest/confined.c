/* SPDX-License-Identifier: Apache-2.0
 *
 * A driver that goes wrong, with all that drivers are given (a function of the bus, some ports, some pages of devices):
 * what it tries beyond that is an error or its end, and nobody else notices. Memory of others, others' registers
 * and ports are here; what its device can be told is in iommu.c. docs/drivers.md has the list.
 *
 * weft-test: cpus=4 device=edu+virtio-rng-pci-non-transitional
 * weft-test: cpus=1 accel=icount device=edu+virtio-rng-pci-non-transitional
 */
#define PROGRAM "test_confined"
#include "bus.h"
#include "driver.h"

#define RNG WEFT_PCI_BY_ID(0x1af4, 0x1044, 0)
#define EDU WEFT_PCI_BY_ID(0x1234, 0x11e8, 0)
#define SECRET_PLACE (WEFT_FREE_BASE + 0x1000000ull)
#define SECRET 0x5ec4e7ull
#define HANDLES_TRIED 4096u
#define PORT_OWN 0x70u /* the clock's: two of them */
#define PAGE_FAULT 14u
#define PROTECTION_FAULT 13u

enum found { FOUND_NOTHING = 10, FOUND_SOMETHING, FOUND_WRONG_ERROR };

static uint64_t secret_memory, secret_page, edu_page;

/* ---- what it tries ---------------------------------------------------------------------------------- */

/* Looks where another process has its memory mapped. */
static int role_reads_there(uint64_t unused)
{
    (void)unused;
    return *(volatile uint64_t *)SECRET_PLACE == SECRET ? FOUND_SOMETHING : FOUND_NOTHING;
}

static int role_writes_there(uint64_t unused)
{
    (void)unused;
    *(volatile uint64_t *)SECRET_PLACE = 0;
    return FOUND_SOMETHING;
}

/* Maps whatever a number may name, and looks whether the secret is in it. */
static int role_guesses_handles(uint64_t unused)
{
    int found = FOUND_NOTHING;
    (void)unused;
    for (uint64_t handle = 1; handle < HANDLES_TRIED; handle++) {
        if (weft_memory_map(HANDLE_SELF, handle, PLACE, 0, 1, RIGHT_READ) == STATUS_OK) {
            found = *(volatile uint64_t *)PLACE == SECRET ? FOUND_SOMETHING : found;
            (void)weft_memory_unmap(HANDLE_SELF, PLACE, 1);
        }
    }
    return found;
}

/* Makes memory of the page where the secret lies, with a capability to all of the physical address space. */
static int role_maps_ram(uint64_t page)
{
    uint64_t memory;
    status_t status =
        weft_memory_create_physical(weft_capability("all_pages"), page, 1, MEMORY_CACHED, &memory);
    return status == STATUS_NO_RIGHT ? FOUND_NOTHING
           : status == STATUS_OK     ? FOUND_SOMETHING
                                     : FOUND_WRONG_ERROR;
}

/* Maps the registers of a device that is not its own: with the pages that it was given, and with none. */
static int role_maps_registers(uint64_t page)
{
    uint64_t memory;
    status_t with = weft_memory_create_physical(weft_capability("own_pages"), page, 1,
                                                MEMORY_UNCACHED, &memory);
    status_t without = weft_memory_create_physical(0, page, 1, MEMORY_UNCACHED, &memory);
    if (with == STATUS_OK || without == STATUS_OK) {
        return FOUND_SOMETHING;
    }
    return with == STATUS_NO_RIGHT && without == STATUS_BAD_HANDLE ? FOUND_NOTHING
                                                                   : FOUND_WRONG_ERROR;
}

/* Asks the bus server for everything that it might hand out, and looks for edu's identification. */
static int role_asks_for_registers(uint64_t unused)
{
    struct weft_pci pci;
    struct weft_pci_entry entry;
    uint64_t memory, bytes;
    (void)unused;
    if (weft_pci_claim(&pci, weft_capability("pci")) != STATUS_OK ||
        weft_pci_list(pci.bus, 0, &entry) != STATUS_NO_RIGHT) {
        return FOUND_WRONG_ERROR;
    }
    for (uint32_t number = 0; number < 4 * WEFT_PCI_REGIONS; number++) {
        if (weft_pci_region(&pci, number, &memory, &bytes) == STATUS_OK &&
            (bytes > EDU_PAGES * WEFT_PAGE_SIZE / 2 ||
             weft_memory_map(HANDLE_SELF, memory, PLACE, 0, 1, RIGHT_READ) != STATUS_OK ||
             *(volatile uint32_t *)PLACE == EDU_ID_VALUE ||
             weft_memory_unmap(HANDLE_SELF, PLACE, 1) != STATUS_OK)) {
            return FOUND_SOMETHING;
        }
    }
    return FOUND_NOTHING;
}

/* Reads and writes ports around its two, and across their edges, and without the capability. */
static int role_tries_ports(uint64_t unused)
{
    static const struct {
        uint64_t port, width;
    } tries[] = {{PORT_OWN - 1, 1}, {PORT_OWN - 1, 2}, {PORT_OWN + 1, 2}, {PORT_OWN + 2, 1},
                 {PORT_OWN, 4},     {PCI_ADDRESS, 4},  {PCI_DATA, 1},     {0xffff, 1}};
    uint64_t value, own = weft_capability("own_ports");
    (void)unused;
    for (uint32_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        if (weft_port_read(own, tries[i].port, tries[i].width, &value) != STATUS_NO_RIGHT ||
            weft_port_write(own, tries[i].port, tries[i].width, 0) != STATUS_NO_RIGHT ||
            weft_port_read(0, tries[i].port, tries[i].width, &value) != STATUS_BAD_HANDLE) {
            return FOUND_SOMETHING;
        }
    }
    return weft_port_read(own, PORT_OWN, 1, &value) == STATUS_OK ? FOUND_NOTHING
                                                                 : FOUND_WRONG_ERROR;
}

/* The processor's own instruction. */
static int role_executes_in(uint64_t unused)
{
    uint8_t value;
    (void)unused;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)PORT_OWN));
    return FOUND_SOMETHING;
}

/* ---- tests -------------------------------------------------------------------------------------------- */

/* Where edu's registers are, which no driver is told: the server has read them to this process's claim. */
static void find_edu(void)
{
    struct weft_pci pci;
    uint32_t base;
    uint64_t capability = bus_badge(EDU);
    REQUIRE_STATUS(STATUS_OK, weft_pci_claim(&pci, capability));
    REQUIRE_STATUS(STATUS_OK, weft_pci_config(&pci, PCI_BASE, 4, &base));
    edu_page = (base & ~0xfull) / WEFT_PAGE_SIZE;
    weft_pci_release(&pci);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(capability));
}

static void prepare(void)
{
    uint64_t address;
    if (secret_memory != 0) {
        return;
    }
    bus_find();
    find_capabilities();
    REQUIRE_STATUS(STATUS_OK, weft_memory_create(1, &secret_memory));
    REQUIRE_STATUS(STATUS_OK,
                   weft_memory_map(HANDLE_SELF, secret_memory, SECRET_PLACE, 0, 1, READ_WRITE));
    REQUIRE_STATUS(STATUS_OK, weft_memory_physical(secret_memory, 0, physical, &address));
    secret_page = address / WEFT_PAGE_SIZE;
    *(volatile uint64_t *)SECRET_PLACE = SECRET;
    find_edu();
}

/* Plays a role in a process that is given what a driver of the rng would be, and a clock's ports. */
static struct weft_end attempt(const char *role, uint64_t value)
{
    struct child_options options = {.value = value, .pages = DRIVER_PAGES};
    struct child child;
    struct weft_end end = {0};
    prepare();
    struct weft_grant grants[] = {
        {"pci", bus, RIGHT_WRITE, RNG},
        {"own_ports", ports, READ_WRITE, range(PORT_OWN, 2)},
        {"own_pages", physical, RIGHT_WRITE, range(edu_page + EDU_PAGES, 1)},
        {"all_pages", physical, RIGHT_WRITE, 0},
    };
    if (child_start_with(&child, role, other_cpu(), grants, 4, &options)) {
        end = child_wait(&child);
        child_close(&child);
    }
    EXPECT_EQUAL(SECRET, *(volatile uint64_t *)SECRET_PLACE);
    return end;
}

static void expect_error(const char *role, uint64_t value)
{
    struct weft_end end = attempt(role, value);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(FOUND_NOTHING, end.status);
}

static void expect_fault(const char *role, uint32_t vector)
{
    struct weft_end end = attempt(role, 0);
    EXPECT_EQUAL(WEFT_FAULT, end.cause);
    EXPECT_EQUAL(vector, end.status);
}

TEST(anothers_memory_faults, "what is mapped in one process is not there in another")
{
    expect_fault("reads_there", PAGE_FAULT);
    expect_fault("writes_there", PAGE_FAULT);
}

TEST(anothers_memory_has_no_name, "no number is a handle to what was never given")
{
    expect_error("guesses_handles", 0);
}

TEST(ram_is_no_device, "not even who may map all devices makes memory of others' pages")
{
    prepare();
    expect_error("maps_ram", secret_page);
}

TEST(foreign_registers_are_refused, "of the pages that it was given none belongs to another device")
{
    prepare();
    expect_error("maps_registers", edu_page);
}

TEST(the_bus_gives_ones_own, "no request to the bus server reaches another function")
{
    expect_error("asks_for_registers", 0);
}

TEST(foreign_ports_are_refused, "beside its own, across their edge, and the bus's")
{
    expect_error("tries_ports", 0);
}

TEST(the_instruction_faults, "no program reads a port by itself, its own neither")
{
    expect_fault("executes_in", PROTECTION_FAULT);
}

static const struct role roles[] = {
    {"reads_there", role_reads_there},         {"writes_there", role_writes_there},
    {"guesses_handles", role_guesses_handles}, {"maps_ram", role_maps_ram},
    {"maps_registers", role_maps_registers},   {"asks_for_registers", role_asks_for_registers},
    {"tries_ports", role_tries_ports},         {"executes_in", role_executes_in},
};
ROLES_MAIN(roles)
