/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: zeroed pages that can be mapped into address spaces, several at once.
 *
 * The pages never change after creation, so every CPU may read the list. Mappings do not count as
 * references: an address space holds a reference for every object mapped in it instead (see
 * struct mapping), dropped when the space is destroyed or the range unmapped whole.
 */
#pragma once

#include "kernel/object.h"
#include "kernel/types.h"

#define MEMORY_PAGES_MAX 512 /* pages of one object: its list fits one page */

struct memory_object {
    struct object object;
    uint32_t pages;   /* (I) after creation */
    uint32_t created; /* (O) during creation: how many frames it has */
    paddr_t *frames;  /* (I) one page with the frames' addresses */
};

/* A whole object at once, with one reference, while nobody waits: at boot. NULL: no memory. */
struct memory_object *memory_object_create(struct process *payer, uint32_t pages);

extern const struct object_class memory_class;
