/* SPDX-License-Identifier: Apache-2.0
 *
 * From the first line of C to kernel_main(): reads what the loader left (PVH's start_info) into
 * boot_info and brings up CPU 0, step by step.
 *
 * Memory at this point: boot.S's tables map the first 4 GiB in the direct map, and everything the
 * loader wrote lies there. The command line and the memory map are copied before boot_alloc() hands out
 * the first page. What stays in place is the initrd, which is cut out of the usable regions. No RAM below the
 * end of the kernel image is ever handed out: that one rule keeps the loader's structures, the
 * firmware's areas below 1 MiB, the trampoline and the kernel itself safe, and it costs 1 MiB.
 */
#include "kernel/boot.h"

#include "arch/platform.h"
#include "kernel/arch.h"
#include "kernel/panic.h"

#define PVH_MAGIC 0x336ec578u
#define PVH_MEMORY_RAM 1
#define LARGE_PAGE 0x200000ull

/* PVH's structures, as the loader lays them out. */
struct pvh_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules;
    uint64_t command_line;
    uint64_t rsdp;
    uint64_t memory_map; /* from version 1 on */
    uint32_t memory_map_entries;
    uint32_t reserved;
};

struct pvh_module {
    uint64_t start;
    uint64_t size;
    uint64_t command_line;
    uint64_t reserved;
};

struct pvh_memory {
    uint64_t start;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
};

struct boot_info boot_info;

extern char kernel_end[];

/* The first 2 MiB page behind the kernel image. */
paddr_t boot_usable_start(void)
{
    return align_up((paddr_t)kernel_end - KERNEL_BASE, LARGE_PAGE);
}

/* Adds [start, end), if that is anything, but for the pages that are only partly in it. */
static void region_add(paddr_t start, paddr_t end)
{
    struct boot_region region = {align_up(start, PAGE_SIZE), align_down(end, PAGE_SIZE)};

    if (region.start >= region.end) {
        return;
    }
    if (boot_info.region_count == BOOT_REGIONS_MAX) {
        panic("the loader's memory map has too many ranges");
    }
    boot_info.regions[boot_info.region_count++] = region;
}

/* All RAM but the initrd. Loaders list it in ascending order, as boot_info wants it. */
static void memory_map_read(const struct pvh_start_info *info)
{
    const struct pvh_memory *map = arch_to_virtual(info->memory_map);
    paddr_t lowest = boot_usable_start();
    paddr_t initrd_end = boot_info.initrd_start + boot_info.initrd_size;

    for (uint32_t i = 0; i < info->memory_map_entries; i++) {
        paddr_t start = map[i].start < lowest ? lowest : map[i].start;
        paddr_t end = map[i].start + map[i].size;

        if (map[i].type == PVH_MEMORY_RAM) {
            region_add(start, end < boot_info.initrd_start ? end : boot_info.initrd_start);
            region_add(start > initrd_end ? start : initrd_end, end);
        }
    }
}

static void initrd_read(const struct pvh_start_info *info)
{
    if (info->module_count == 0) {
        return;
    }
    const struct pvh_module *module = arch_to_virtual(info->modules);
    if (module->start < boot_usable_start() || module->start % PAGE_SIZE != 0) {
        panic("the initrd lies in the kernel, or not on a page boundary");
    }
    boot_info.initrd_start = module->start;
    boot_info.initrd_size = module->size;
}

static void command_line_read(const struct pvh_start_info *info)
{
    const char *text = arch_to_virtual(info->command_line);

    for (size_t i = 0; info->command_line != 0 && text[i] != '\0'; i++) {
        if (i == BOOT_COMMAND_LINE_MAX - 1) {
            panic("the kernel command line is too long");
        }
        boot_info.command_line[i] = text[i];
    }
}

/* Called by boot.S on the boot stack, with the boot page tables. */
_Noreturn void x86_start(paddr_t start_info)
{
    const struct pvh_start_info *info = arch_to_virtual(start_info);

    boot_info.entered = arch_cycles();
    cpu_start_first();
    if (info->magic != PVH_MAGIC || info->version < 1) {
        panic("not started by a PVH loader");
    }
    initrd_read(info);
    memory_map_read(info);
    command_line_read(info);
    acpi_read(info->rsdp);
    trampoline_install();
    boot_info.cpu_count = acpi_cpu_count;
    paging_start(acpi_cpu_count); /* from here on the loader's structures are out of reach */
    clock_calibrate();
    apic_start();
    ioapic_start();
    apic_timer_calibrate();
    cpu_create_others();
    arch_restart_stack(kernel_main); /* leaves the boot stack behind */
}
