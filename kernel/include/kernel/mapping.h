/* SPDX-License-Identifier: Apache-2.0
 *
 * What of which memory object is mapped where in a process. A mapping holds a reference to its
 * memory object, so that mapped pages cannot be freed, and is unmapped as a whole. The mappings of a
 * process stand in a tree by their addresses, none overlapping another.
 */
#pragma once

#include "kernel/memory_object.h"
#include "kernel/process.h"

struct mapping {
    struct tree_node node;        /* (O) of the process; the key is the address */
    struct list_link link;        /* (O) in the process's list of those that wait for a shootdown */
    struct memory_object *memory; /* (I) holds a reference */
    uint64_t first_page;          /* (I) of the object */
    uint64_t pages;               /* (I) */
    uint64_t done;                /* (O) pages that are in the page tables, the first ones */
    unsigned access;              /* (I) enum page_access */
    bool leaving;          /* (O) out of the page tables, but not yet forgotten by all CPUs */
    status_t status;       /* (O) what `waiter` shall get when it has left */
    struct thread *waiter; /* (O) who makes or clears it, may be gone; once leaving, who waits for
                                     the shootdown, travelling; NULL: nobody */
    struct cap_lineage lineage; /* (I) of the capability through which it was made */
};

/* A whole mapping at once, while nobody waits: at boot. `wanted` has the address, the memory, whose
 * reference it takes over, first_page, pages and access; the rest is zero. */
must_use status_t mapping_create(struct process *process, const struct mapping *wanted);

/* Looks at a few mappings and unmaps those that were made through a descendant of the capability with
 * this id, in bounded pieces; counts them; true when all have been looked at. Their memory is kept
 * until all CPUs have forgotten them. To be sure that user space reaches none of them any more, make
 * every CPU flush its TLB afterwards. One id at a time, of a process that is not being torn down; the
 * process's CPU. */
bool mapping_revoke_step(struct process *process, uint32_t id, uint32_t *unmapped);

/* Forgets mappings of a process whose space no CPU uses any more, at most `budget`; true when none is
 * left. The process's CPU. */
bool mapping_drop_step(struct process *process, unsigned budget);

/* A process that begins. */
void mapping_init(struct process *process);
