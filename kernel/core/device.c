/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the machine's devices a capability reaches: ports, and physical pages as memory objects.
 * docs/devices.md tells what protects whom from what.
 */
#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/memory_object.h"
#include "weft/kernel_syscalls.h"

/* ---- ports ----------------------------------------------------------------------------------- */

static status_t port_check(uint64_t ports, uint64_t port, uint64_t width, unsigned right)
{
    if (width != 1 && width != 2 && width != 4) {
        return STATUS_BAD_ARGUMENT;
    }
    return range_check(current()->process->caps, ports, OBJECT_PORTS, right, port, width);
}

status_t sys_port_read(uint64_t ports, uint64_t port, uint64_t width)
{
    status_t status = port_check(ports, port, width, RIGHT_READ);

    if (status == STATUS_OK) {
        arch_set_result(&current()->frame, arch_port_read((uint16_t)port, (unsigned)width));
    }
    return status;
}

status_t sys_port_write(uint64_t ports, uint64_t port, uint64_t width, uint64_t value)
{
    status_t status = port_check(ports, port, width, RIGHT_WRITE);

    if (status == STATUS_OK) {
        arch_port_write((uint16_t)port, (unsigned)width, (uint32_t)value);
    }
    return status;
}

/* ---- physical memory ------------------------------------------------------------------------- */

/* Is any of it RAM that the kernel hands out, or something that it uses itself? */
static bool physical_taken(paddr_t start, paddr_t end)
{
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        if (overlaps(start, end, boot_info.regions[i].start, boot_info.regions[i].end)) {
            return true;
        }
    }
    return overlaps(start, end, boot_info.initrd_start,
                    align_up(boot_info.initrd_start + boot_info.initrd_size, PAGE_SIZE)) ||
           arch_physical_reserved(start, end);
}

status_t do_memory_create_physical(struct thread *caller, struct object *object)
{
    static const uint16_t access[] = {
        [MEMORY_UNCACHED] = PAGE_DEVICE | PAGE_UNCACHED,
        [MEMORY_COMBINING] = PAGE_DEVICE | PAGE_WRITE_COMBINED,
        [MEMORY_CACHED] = PAGE_DEVICE,
    };
    uint64_t first_page = arch_argument(&caller->frame, 1);
    uint64_t pages = arch_argument(&caller->frame, 2);
    uint64_t attributes = arch_argument(&caller->frame, 3);
    struct memory_object *memory;
    status_t status = range_check(caller->process->caps, arch_argument(&caller->frame, 0),
                                  OBJECT_PHYSICAL, RIGHT_WRITE, first_page, pages);

    if (pages == 0 || pages > MEMORY_PAGES_MAX || attributes > MEMORY_CACHED) {
        return STATUS_BAD_ARGUMENT;
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (physical_taken(first_page * PAGE_SIZE, (first_page + pages) * PAGE_SIZE)) {
        return STATUS_NO_RIGHT;
    }
    memory = memory_object_new((struct process *)object, (uint32_t)pages, (uint32_t)pages);
    if (memory == NULL) {
        return STATUS_NO_MEMORY;
    }
    memory->base = first_page * PAGE_SIZE;
    memory->access = access[attributes];
    return cap_publish(caller, &memory->object, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY);
}

status_t do_memory_physical(struct thread *caller, struct object *object)
{
    struct memory_object *memory = (struct memory_object *)object;
    uint64_t page = arch_argument(&caller->frame, 1);
    struct cap right;
    status_t status = cap_lookup(caller->process->caps, arch_argument(&caller->frame, 2),
                                 OBJECT_PHYSICAL, RIGHT_READ, &right);

    if (status == STATUS_OK && page >= memory->pages) {
        status = STATUS_BAD_ARGUMENT;
    }
    if (status == STATUS_OK) {
        arch_set_result(&caller->frame, memory_frame(memory, page));
    }
    return status;
}
