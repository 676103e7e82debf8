/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of physical pages: the quota of one process, as real pages and not as a number.
 *
 * All memory that the kernel spends for a process (page tables, threads, objects, user pages) comes
 * from its pool; when that is empty, the caller gets STATUS_NO_MEMORY and nobody else feels it. A
 * creator moves pages from its own pool into the child's; they come back when the child is gone. So
 * there is no global allocator, nothing to lock, and the sum is kept by construction.
 *
 * Free pages are kept as runs; a run's header lies in its first page. Two trees by address, in which
 * neighbours join: runs of whole, aligned blocks of POOL_BLOCK pages (2 MiB), and runs of less, each
 * within one block. Single pages come from the latter while there are any, so a block is broken up
 * only when the pool has nothing else; and it is whole again when its last page is back.
 *
 * No operation looks at more than POOL_SEARCH runs. Owner: the process's CPU.
 */
#pragma once

#include "kernel/tree.h"

#define POOL_BLOCK 512u /* pages; what one large entry of a page table maps */
#define POOL_SEARCH 64u /* runs that a search looks at, or a move takes, at most */

struct pool {
    struct tree small;   /* (O) runs of less than a block */
    struct tree blocks;  /* (O) runs of blocks */
    uint64_t free_pages; /* (O) */
};

/* Adds pages that are free, physically contiguous and owned by nobody. */
void pool_add(struct pool *pool, paddr_t start, uint64_t pages);

/* One zeroed page; 0 when the pool is empty. */
must_use paddr_t pool_alloc_page(struct pool *pool);

/* Physically contiguous pages, *not* zeroed; aligned to a block if they are one or more, else within
 * one. 0: there is no such run, or not among those that were looked at. */
must_use paddr_t pool_alloc_run(struct pool *pool, uint64_t pages);

/* Moves up to `pages` free pages, for `pages` >= POOL_BLOCK blocks first. Returns how many: less when
 * the runs are many or `from` has no more. */
uint64_t pool_move(struct pool *from, struct pool *to, uint64_t pages);
