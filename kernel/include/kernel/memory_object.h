/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: zeroed pages that can be mapped into address spaces, several at once; or a range of
 * a device's addresses. docs/memory.md tells which kinds there are and what for.
 *
 * The frames never change after creation, so every CPU may look them up. Mappings do not count as
 * references: an address space holds a reference for every object mapped in it instead (see
 * struct mapping), dropped when the space is destroyed or the range unmapped whole.
 *
 * Frames come in units, each physically contiguous: single pages, blocks, or the whole object. Of more
 * than one unit there is a list, physically contiguous too: a page for every 512 units.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/object.h"
#include "kernel/pool.h"

#define MEMORY_PAGES_MAX (512u * 512u) /* pages of one object, 1 GiB */

struct memory_object {
    struct object object;
    uint32_t pages;  /* (I) */
    uint32_t unit;   /* (I) pages of a unit */
    uint32_t done;   /* (O) pages made by creation so far; then those not yet taken apart */
    uint16_t access; /* (I) enum page_access: what a device's page tables say besides rights */
    paddr_t base;    /* (I) of the unit, if there is one only */
    paddr_t *units;  /* (I) after creation: where they are */
};

/* Any CPU. */
static inline paddr_t memory_frame(const struct memory_object *memory, uint64_t page)
{
    return memory->units[page / memory->unit] + page % memory->unit * PAGE_SIZE;
}

/* A new object without frames, paid by `payer`, with one reference; NULL: no memory. An object of one
 * unit gets its `base` from the caller, and keeps it at its end, if frames are not its payer's. Its CPU. */
struct memory_object *memory_object_new(struct process *payer, uint32_t pages, uint32_t unit);
