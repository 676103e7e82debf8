/* SPDX-License-Identifier: Apache-2.0
 *
 * Small objects of one process; the header is the manual.
 *
 * A slab page is cut into equal slots. What is left before the first of them holds the link that
 * chains all pages of the process, so that slab_destroy_step() finds them.
 */
#include "kernel/slab.h"

#include "kernel/arch.h"
#include "kernel/panic.h"

/* A thread fits the largest, two of which fit a page beside its link. */
static const uint16_t class_size[SLAB_CLASSES] = {64, 128, 256, 512, SLAB_MAX};

struct slab_slot {
    struct slab_slot *next;
};

static unsigned class_of(size_t size)
{
    unsigned bucket = 0;

    ASSERT(size <= SLAB_MAX);
    while (class_size[bucket] < size) {
        bucket++;
    }
    return bucket;
}

void slab_free(struct slab *slab, void *memory, size_t size)
{
    struct slab_slot *slot = memory;
    unsigned bucket = class_of(size);

    slot->next = slab->free[bucket];
    slab->free[bucket] = slot;
}

static bool slab_grow(struct slab *slab, struct pool *pool, unsigned bucket)
{
    paddr_t frame = pool_alloc_page(pool);
    size_t size = class_size[bucket];
    struct slab_slot *page;

    if (frame == 0) {
        return false;
    }
    page = arch_to_virtual(frame);
    page->next = slab->pages;
    slab->pages = page;
    for (size_t offset = PAGE_SIZE % size != 0 ? PAGE_SIZE % size : size; offset < PAGE_SIZE;
         offset += size) {
        slab_free(slab, (char *)page + offset, size);
    }
    return true;
}

void *slab_alloc(struct slab *slab, struct pool *pool, size_t size)
{
    unsigned bucket = class_of(size);
    struct slab_slot *slot;

    if (slab->free[bucket] == NULL && !slab_grow(slab, pool, bucket)) {
        return NULL;
    }
    slot = slab->free[bucket];
    slab->free[bucket] = slot->next;
    __builtin_memset(slot, 0, class_size[bucket]);
    return slot;
}

bool slab_destroy_step(struct slab *slab, struct pool *pool, unsigned budget)
{
    for (; slab->pages != NULL && budget > 0; budget--) {
        struct slab_slot *page = slab->pages;

        slab->pages = page->next;
        pool_add(pool, arch_to_physical(page), 1);
    }
    return slab->pages == NULL;
}
