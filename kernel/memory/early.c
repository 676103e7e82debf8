/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory while there is one CPU and no process yet: pages are cut off the beginning of the usable
 * regions, the highest region that has some below 2 GiB first, and never come back.
 *
 * Below 2 GiB, because a reader on the host finds what lies there at the same offset of the file
 * that backs the machine's memory.
 *
 * CPU 0 only, before boot_memory_take_rest().
 */
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/panic.h"
#include "kernel/pool.h"

#define BOOT_ALLOC_END (2ull << 30)

static uint64_t taken[BOOT_REGIONS_MAX]; /* bytes cut off each region */

void *boot_alloc(size_t bytes)
{
    uint64_t size = align_up(bytes, PAGE_SIZE);

    for (uint32_t i = boot_info.region_count; i-- > 0;) {
        paddr_t start = boot_info.regions[i].start + taken[i];

        if (size <= boot_info.regions[i].end - start && start + size <= BOOT_ALLOC_END) {
            taken[i] += size;
            return __builtin_memset(arch_to_virtual(start), 0, size);
        }
    }
    panic("not enough memory to start: %lu bytes below 2 GiB", size);
}

void boot_memory_take_rest(struct pool *pool)
{
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        paddr_t start = boot_info.regions[i].start + taken[i];
        uint64_t rest = boot_info.regions[i].end - start;

        taken[i] += rest; /* boot_alloc() finds nothing any more */
        pool_add(pool, start, rest / PAGE_SIZE);
    }
}
