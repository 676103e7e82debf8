/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: zeroed pages that can be mapped into address spaces, several at once; or a range of
 * a device's addresses. docs/memory.md tells which kinds there are and what for.
 *
 * The frames never change after creation, so every CPU may look them up. Mappings do not count as
 * references: an address space holds a reference for every object mapped in it instead (see
 * struct mapping), dropped when the space is destroyed or the range unmapped whole.
 *
 * Where the frames are: one after the other from `base` on (contiguous, device, boot image), or in a
 * list of units, which are single pages or, in a large object, blocks. The list itself is physically
 * contiguous: a page for every 512 units.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/object.h"
#include "kernel/pool.h"
#include "kernel/types.h"

#define MEMORY_PAGES_MAX (512u * 512u) /* pages of one object, 1 GiB */

struct memory_object {
    struct object object;
    uint32_t pages;     /* (I) after creation */
    uint32_t done;      /* (O) pages made by creation so far; then those not yet taken apart */
    uint8_t unit_shift; /* (I) a unit is 1 << unit_shift pages */
    uint16_t access;    /* (I) enum page_access: what a device's page tables say besides rights */
    paddr_t base;       /* (I) of frames in a row; 0: there is a list */
    paddr_t *list;      /* (I) of units */
};

static inline bool memory_is_device(const struct memory_object *memory)
{
    return (memory->access & PAGE_DEVICE) != 0;
}

/* Any CPU. */
static inline paddr_t memory_frame(const struct memory_object *memory, uint64_t page)
{
    uint64_t unit = page >> memory->unit_shift;

    return memory->base != 0
               ? memory->base + page * PAGE_SIZE
               : memory->list[unit] + (page - (unit << memory->unit_shift)) * PAGE_SIZE;
}

/* A whole object at once, with one reference, while nobody waits: at boot. NULL: no memory. */
struct memory_object *memory_object_create(struct process *payer, uint32_t pages);

/* A new object without frames, paid by `payer`, with one reference; NULL: no memory. Its CPU. */
struct memory_object *memory_object_new(struct process *payer, uint32_t pages);

extern const struct object_class memory_class;
