/* SPDX-License-Identifier: Apache-2.0
 *
 * What of which memory object is mapped where in a process. A mapping holds a reference to its
 * memory object, so that mapped pages cannot be freed, and is unmapped as a whole.
 */
#pragma once

#include "kernel/memory_object.h"
#include "kernel/process.h"
#include "smp/quiescence.h"

struct mapping {
    struct visitor shootdown;     /* visits every CPU when the mapping is taken away */
    struct mapping *next;         /* (O) of the process, in no order */
    struct process *process;      /* (I) */
    struct memory_object *memory; /* (I) holds a reference */
    struct thread *waiter;        /* (O) who asked for the unmapping; travelling meanwhile */
    vaddr_t address;              /* (I) page-aligned */
    uint64_t pages;               /* (I) */
    struct cap_lineage lineage;   /* (I) of the capability through which it was made */
};

/* Maps pages; page tables and the mapping itself come from the process's pool. Takes over a
 * reference to `memory` if it succeeds. The process's CPU. */
must_use status_t mapping_create(struct process *process, struct memory_object *memory,
                                 vaddr_t address, uint64_t first_page, uint64_t pages,
                                 unsigned access, const struct cap_lineage *lineage);

/* Unmaps one mapping that was made through a descendant of the capability with this id, without
 * waiting for the other CPUs: they forget it before any mail that this one sends them later. True when
 * there was none. The process's CPU. */
bool mapping_revoke_step(struct process *process, uint32_t id);

/* Forgets mappings of a process whose space no CPU uses any more, at most `budget`; true when none is
 * left. The process's CPU. */
bool mapping_drop_step(struct process *process, unsigned budget);
