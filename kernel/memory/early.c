/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory while there is one CPU and no process yet: pages are cut off the upper end of the usable
 * regions, the highest region below 2 GiB first, and never come back.
 *
 * Below 2 GiB, because a reader on the host finds what lies there at the same offset of the file
 * that backs the machine's memory. Of a region that reaches beyond, the lower part is used.
 *
 * CPU 0 only, before boot_memory_take_rest().
 */
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/panic.h"

#define BOOT_ALLOC_END (2ull << 30)

static uint64_t taken[BOOT_REGIONS_MAX]; /* bytes cut off each region */
static bool finished;

/* Where the part of a region that boot_alloc() may use ends, before anything was taken. */
static paddr_t region_limit(const struct boot_region *region)
{
    return region->end < BOOT_ALLOC_END ? region->end : BOOT_ALLOC_END;
}

void *boot_alloc(size_t bytes)
{
    uint64_t size = align_up(bytes, PAGE_SIZE);

    ASSERT(!finished);
    for (uint32_t i = boot_info.region_count; i-- > 0;) {
        const struct boot_region *region = &boot_info.regions[i];
        paddr_t end = region_limit(region) - taken[i];

        if (region->start < BOOT_ALLOC_END && size <= end - region->start) {
            taken[i] += size;
            return __builtin_memset(arch_to_virtual(end - size), 0, size);
        }
    }
    panic("not enough memory to start: %lu bytes below 2 GiB", size);
}

unsigned boot_memory_take_rest(struct boot_region *out, unsigned max)
{
    unsigned count = 0;

    finished = true;
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *region = &boot_info.regions[i];
        struct boot_region below = {region->start, region_limit(region) - taken[i]};
        struct boot_region above = {region_limit(region), region->end};

        if (region->start >= BOOT_ALLOC_END) {
            below = (struct boot_region){region->start, region->end};
        }
        if (below.start < below.end && count < max) {
            out[count++] = below;
        }
        if (region->start < BOOT_ALLOC_END && above.start < above.end && count < max) {
            out[count++] = above;
        }
    }
    return count;
}
