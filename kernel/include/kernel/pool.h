/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of physical pages: the quota of one process, as real pages and not as a number.
 *
 * All memory that the kernel spends for a process (page tables, threads, objects, user pages) comes
 * from its pool; when that is empty, the caller gets STATUS_NO_MEMORY and nobody else feels it. A
 * creator moves pages from its own pool into the child's; they come back when the child is gone. So
 * there is no global allocator, nothing to lock, and the sum is kept by construction.
 *
 * Free pages are kept as runs; a run's header lies in its first page. Owner: the process's CPU.
 */
#pragma once

#include "kernel/types.h"

struct pool_run; /* lives in the free pages */

struct pool {
    struct pool_run *runs; /* (O) */
    struct pool_run *last; /* (O) of the runs, if there are any */
    uint64_t free_pages;   /* (O) */
};

/* Adds pages that are free, physically contiguous and owned by nobody. */
void pool_add(struct pool *pool, paddr_t start, uint64_t pages);

/* One zeroed page; 0 when the pool is empty. */
must_use paddr_t pool_alloc_page(struct pool *pool);
void pool_free_page(struct pool *pool, paddr_t page);

/* Moves `pages` free pages, largest runs first come; STATUS_NO_MEMORY changes nothing. Cost: the
 * number of runs moved, which fragmentation raises. */
must_use status_t pool_move(struct pool *from, struct pool *to, uint64_t pages);

/* Gives all that `from` holds to `to`. */
void pool_merge(struct pool *from, struct pool *to);
