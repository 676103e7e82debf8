/* SPDX-License-Identifier: Apache-2.0
 *
 * Page tables: the kernel's own, built once, and those of address spaces.
 *
 * Kernel. paging_start() builds the upper half completely (arch/layout.h has the map) and loads it;
 * from then on it never changes, so address spaces copy its top-level entries and no CPU ever has
 * to flush a kernel translation. Nothing is both writable and executable, and no frame of the
 * kernel image is in the direct map: its text cannot be written through another address. The direct
 * map covers what boot_info calls usable, and the initrd, in 2 MiB pages; memory-mapped devices,
 * ACPI tables and low memory are not in it.
 *
 * Spaces. One four-level table per process, with pages of 4 KiB and, where a whole block is mapped,
 * 2 MiB. The owner is the only one to write; other CPUs may walk the table at the same time, in
 * hardware or in arch_space_lookup(), because entries are single words and a table, once linked,
 * stays until the space is destroyed. A large entry is never split: mappings go as a whole.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/panic.h"
#include "kernel/pool.h"
#include "smp/atomic.h"

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_WRITABLE (1ull << 1)
#define ENTRY_USER (1ull << 2)
/* What the bits of a page's memory type mean is in the PAT, see arch/registers.h. */
#define ENTRY_WRITE_COMBINED (1ull << 3)
#define ENTRY_UNCACHED (1ull << 3 | 1ull << 4)
#define ENTRY_LARGE (1ull << 7)
#define ENTRY_GLOBAL (1ull << 8)
#define ENTRY_DEVICE (1ull << 9) /* ours: PAGE_DEVICE */
#define ENTRY_NO_EXECUTE (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

#define ENTRIES 512u
#define USER_ENTRIES 256u /* of the top-level table */
#define LARGE_PAGE 0x200000ull

/* Levels count from the leaf: an entry of level 0 maps 4 KiB, one of level 1 can map 2 MiB. */
#define TOP_LEVEL 3u
#define LEVEL_PAGE 0u
#define LEVEL_LARGE 1u

#define KERNEL_DATA (ENTRY_WRITABLE | ENTRY_NO_EXECUTE)
#define KERNEL_DEVICE (KERNEL_DATA | ENTRY_UNCACHED)
#define KERNEL_LINK (ENTRY_PRESENT | ENTRY_WRITABLE)
#define USER_LINK (KERNEL_LINK | ENTRY_USER)

paddr_t kernel_root;

extern char text_start[], text_end[], rodata_start[], rodata_end[], data_start[], data_end[];

/* ---- walking --------------------------------------------------------------------------------- */

static uint64_t *table_entry(paddr_t table, uint64_t address, unsigned level)
{
    uint64_t *entries = arch_to_virtual(table);

    return &entries[address >> (12 + 9 * level) & (ENTRIES - 1)];
}

/* Whether an entry of a level leads to a table. */
static bool is_link(uint64_t entry, unsigned level)
{
    return level != LEVEL_PAGE && (entry & (ENTRY_PRESENT | ENTRY_LARGE)) == ENTRY_PRESENT;
}

/* The entry for an address at *level, or above, where a large page or a missing table ends the walk;
 * *level then says where. With `link`, tables that are missing are made and linked with these bits: from
 * `pool`, the kernel's own (NULL) from boot memory. NULL when the pool is empty. */
static uint64_t *entry_walk(paddr_t root, uint64_t address, unsigned *level, uint64_t link,
                            struct pool *pool)
{
    const unsigned lowest = *level;
    uint64_t *entry = table_entry(root, address, TOP_LEVEL);

    for (*level = TOP_LEVEL; *level > lowest; (*level)--) {
        /* [paging.walk] acquire: the linked table's contents are seen. Pairs with [paging.link]. */
        uint64_t value = load_acquire(entry);
        if (!(value & ENTRY_PRESENT) && link != 0) {
            value = pool != NULL ? pool_alloc_page(pool) : arch_to_physical(boot_alloc(PAGE_SIZE));
            if (value == 0) {
                return NULL;
            }
            value |= link;
            /* [paging.link] release: from here on others may walk into the table, which is all
             * zero. Pairs with [paging.walk]. */
            store_release(entry, value);
        }
        if (!is_link(value, *level)) {
            return entry;
        }
        entry = table_entry(value & ENTRY_ADDRESS, address, *level - 1);
    }
    return entry;
}

/* ---- the kernel's half ----------------------------------------------------------------------- */

/* Maps [address, address + size) to frames from `frame` on. Mapping the same page twice is no error:
 * neighbouring regions may share a 2 MiB page. */
static void kernel_map(uint64_t address, paddr_t frame, uint64_t size, uint64_t bits)
{
    uint64_t page = bits & ENTRY_LARGE ? LARGE_PAGE : PAGE_SIZE;

    for (uint64_t done = 0; done < size; done += page) {
        unsigned level = bits & ENTRY_LARGE ? LEVEL_LARGE : LEVEL_PAGE;
        uint64_t *entry = entry_walk(kernel_root, address + done, &level, KERNEL_LINK, NULL);
        *entry = (frame + done) | bits | ENTRY_PRESENT | ENTRY_GLOBAL;
    }
}

static void image_map(const char *start, const char *end, uint64_t bits)
{
    uint64_t address = (uint64_t)start;

    kernel_map(address, address - KERNEL_BASE, (uint64_t)(end - start), bits);
}

/* Whole 2 MiB pages around [start, end). The image's own are never among them: boot.c keeps usable
 * memory and the initrd above them. */
static void direct_map(paddr_t start, paddr_t end)
{
    start = align_down(start, LARGE_PAGE);
    end = align_up(end, LARGE_PAGE);
    kernel_map(DIRECT_MAP_BASE + start, start, end - start, KERNEL_DATA | ENTRY_LARGE);
}

/* A stack of `size` bytes that ends at `end`. */
static void stack_map(uint64_t end, uint64_t size)
{
    kernel_map(end - size, arch_to_physical(boot_alloc(size)), size, KERNEL_DATA);
}

void paging_start(uint32_t cpu_count)
{
    paddr_t apic = msr_read(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

    kernel_root = arch_to_physical(boot_alloc(PAGE_SIZE));
    image_map(text_start, text_end, 0);
    image_map(rodata_start, rodata_end, ENTRY_NO_EXECUTE);
    image_map(data_start, data_end, KERNEL_DATA);
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        direct_map(boot_info.regions[i].start, boot_info.regions[i].end);
    }
    direct_map(boot_info.initrd_start, boot_info.initrd_start + boot_info.initrd_size);
    kernel_map(DEVICE_BASE + apic, apic, PAGE_SIZE, KERNEL_DEVICE);
    if (acpi_ioapic != 0) {
        kernel_map(DEVICE_BASE + acpi_ioapic, acpi_ioapic, PAGE_SIZE, KERNEL_DEVICE);
    }
    for (uint64_t cpu = 0; cpu < cpu_count; cpu++) {
        uint64_t slot = STACK_BASE + (cpu << STACK_SLOT_SHIFT);
        stack_map(slot + KERNEL_STACK_END, KERNEL_STACK_SIZE);
        for (unsigned ist = 1; ist <= IST_COUNT; ist++) {
            stack_map(slot + IST_STACK_END(ist), IST_STACK_SIZE);
        }
    }
    cr3_write(kernel_root);
}

/* ---- address spaces -------------------------------------------------------------------------- */

void arch_space_init(struct arch_space *space, struct pool *pool)
{
    space->root = pool_alloc_page(pool);
    uint64_t *entries = arch_to_virtual(space->root);
    const uint64_t *kernel = arch_to_virtual(kernel_root);
    __builtin_memcpy(&entries[USER_ENTRIES], &kernel[USER_ENTRIES], PAGE_SIZE / 2);
}

/* The entry of a single page in the table that was used last, if it is that one; else NULL. */
static uint64_t *entry_near(const struct arch_space *space, vaddr_t address)
{
    return space->leaves != NULL && address - space->leaves_at < LARGE_PAGE
               ? &space->leaves[(address - space->leaves_at) / PAGE_SIZE]
               : NULL;
}

/* Tables stay until the space is destroyed, so this one will be there. */
static void remember_table(struct arch_space *space, vaddr_t address, uint64_t *entry)
{
    space->leaves_at = align_down(address, LARGE_PAGE);
    space->leaves = entry - (address - space->leaves_at) / PAGE_SIZE;
}

static uint64_t entry_bits(unsigned access)
{
    uint64_t bits = ENTRY_PRESENT | ENTRY_USER;

    ASSERT(!(access & PAGE_WRITE) || !(access & PAGE_EXECUTE));
    bits |= access & PAGE_WRITE ? ENTRY_WRITABLE : 0;
    bits |= access & PAGE_EXECUTE ? 0 : ENTRY_NO_EXECUTE;
    bits |= access & PAGE_DEVICE ? ENTRY_DEVICE : 0;
    bits |= access & PAGE_UNCACHED ? ENTRY_UNCACHED : 0;
    return bits | (access & PAGE_WRITE_COMBINED ? ENTRY_WRITE_COMBINED : 0);
}

unsigned arch_space_map(struct arch_space *space, struct pool *pool, vaddr_t address, paddr_t frame,
                        uint64_t pages, unsigned access)
{
    bool fits = pages >= POOL_BLOCK && (address | frame) % LARGE_PAGE == 0;
    unsigned level = fits ? LEVEL_LARGE : LEVEL_PAGE;
    uint64_t *entry = fits ? NULL : entry_near(space, address);

    ASSERT(address < USER_TOP && (address | frame) % PAGE_SIZE == 0);
    if (entry == NULL) {
        entry = entry_walk(space->root, address, &level, USER_LINK, pool);
        if (entry != NULL && is_link(*entry, level)) { /* the table of single pages stays */
            level = LEVEL_PAGE;
            entry = entry_walk(space->root, address, &level, USER_LINK, pool);
        }
        if (entry == NULL) {
            return 0;
        }
        if (level == LEVEL_PAGE) {
            remember_table(space, address, entry);
        }
    }
    ASSERT(!(*entry & ENTRY_PRESENT));
    /* [paging.map] release: who finds the frame sees what was put into it before. Pairs with
     * [paging.lookup]. */
    store_release(entry, frame | entry_bits(access) | (level == LEVEL_LARGE ? ENTRY_LARGE : 0));
    return level == LEVEL_LARGE ? POOL_BLOCK : 1;
}

unsigned arch_space_unmap(struct arch_space *space, vaddr_t address)
{
    unsigned level = LEVEL_PAGE;
    uint64_t *entry = entry_near(space, address);

    ASSERT(address < USER_TOP);
    if (entry == NULL) {
        entry = entry_walk(space->root, address, &level, 0, NULL);
    }
    if (!(*entry & ENTRY_PRESENT)) {
        return 0;
    }
    if (level == LEVEL_PAGE) {
        remember_table(space, address, entry);
    }
    /* Relaxed: the caller's TLB flush, not this store, is what others wait for. */
    store_relaxed(entry, 0);
    return level == LEVEL_LARGE ? POOL_BLOCK : 1;
}

bool arch_space_lookup(const struct arch_space *space, vaddr_t address, paddr_t *frame,
                       unsigned *access)
{
    unsigned level = LEVEL_PAGE;
    uint64_t value;

    if (address >= USER_TOP) {
        return false;
    }
    /* [paging.lookup] acquire: the frame's contents are those of its mapping or newer. Pairs with
     * [paging.map]. */
    value = load_acquire(entry_walk(space->root, address, &level, 0, NULL));
    /* A table may have been linked since the walk ended there. */
    if (!(value & ENTRY_PRESENT) || (value & ENTRY_DEVICE) || is_link(value, level)) {
        return false;
    }
    *frame = value & ENTRY_ADDRESS;
    *frame += level == LEVEL_LARGE ? align_down(address % LARGE_PAGE, PAGE_SIZE) : 0;
    *access = PAGE_READ | (value & ENTRY_WRITABLE ? PAGE_WRITE : 0) |
              (value & ENTRY_NO_EXECUTE ? 0 : PAGE_EXECUTE);
    return true;
}

/* Frees one table that has no tables below it; the root is the last. */
static void table_free_one(struct arch_space *space, struct pool *pool)
{
    uint64_t *link = &space->root; /* what points at `table` */
    paddr_t table = space->root;

    for (unsigned level = TOP_LEVEL; level > LEVEL_PAGE; level--) {
        uint64_t *entry = arch_to_virtual(table);
        uint64_t *end = entry + (level == TOP_LEVEL ? USER_ENTRIES : ENTRIES);
        while (entry < end && !is_link(*entry, level)) {
            entry++;
        }
        if (entry == end) {
            break;
        }
        link = entry;
        table = *entry & ENTRY_ADDRESS;
    }
    pool_add(pool, table, 1);
    *link = 0;
}

bool arch_space_destroy_step(struct arch_space *space, struct pool *pool, unsigned budget)
{
    for (; space->root != 0 && budget > 0; budget--) {
        table_free_one(space, pool);
    }
    return space->root == 0;
}

void arch_tlb_flush(void)
{
    cr3_write(cr3_read());
}
