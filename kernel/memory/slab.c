/* SPDX-License-Identifier: Apache-2.0
 *
 * Small objects of one process; the header is the manual.
 *
 * A slab page is cut into equal slots. Its first slot is spent on the link that chains all pages of
 * the process, so that slab_destroy_step() finds them.
 */
#include "kernel/slab.h"

#include "kernel/arch.h"
#include "kernel/panic.h"

#define SMALLEST 64ul

struct slab_slot {
    struct slab_slot *next;
};

static unsigned class_of(size_t size)
{
    unsigned bucket = 0;

    while ((SMALLEST << bucket) < size) {
        bucket++;
    }
    ASSERT(bucket < SLAB_CLASSES);
    return bucket;
}

static bool slab_grow(struct slab *slab, struct pool *pool, unsigned bucket)
{
    paddr_t frame = pool_alloc_page(pool);
    struct slab_slot *page;

    if (frame == 0) {
        return false;
    }
    page = arch_to_virtual(frame);
    page->next = slab->pages;
    slab->pages = page;
    for (size_t offset = SMALLEST << bucket; offset < PAGE_SIZE; offset += SMALLEST << bucket) {
        struct slab_slot *slot = (struct slab_slot *)((char *)page + offset);

        slot->next = slab->free[bucket];
        slab->free[bucket] = slot;
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
    __builtin_memset(slot, 0, SMALLEST << bucket);
    return slot;
}

void slab_free(struct slab *slab, void *memory, size_t size)
{
    struct slab_slot *slot = memory;
    unsigned bucket = class_of(size);

    slot->next = slab->free[bucket];
    slab->free[bucket] = slot;
}

bool slab_destroy_step(struct slab *slab, struct pool *pool, unsigned budget)
{
    for (; slab->pages != NULL && budget > 0; budget--) {
        struct slab_slot *page = slab->pages;

        slab->pages = page->next;
        pool_free_page(pool, arch_to_physical(page));
    }
    return slab->pages == NULL;
}
