/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools of pages; the header is the manual.
 *
 * Runs form a singly linked list in no order; its end is known, so that pools merge at once. A page is taken from the end of the first run, so that
 * the run's header stays where it is until the last page goes.
 */
#include "kernel/pool.h"

#include "kernel/arch.h"
#include "kernel/panic.h"

struct pool_run {
    struct pool_run *next;
    uint64_t pages;
};

void pool_add(struct pool *pool, paddr_t start, uint64_t pages)
{
    struct pool_run *run = arch_to_virtual(start);

    ASSERT(start % PAGE_SIZE == 0 && pages > 0);
    if (pool->runs == NULL) {
        pool->last = run;
    }
    run->next = pool->runs;
    run->pages = pages;
    pool->runs = run;
    pool->free_pages += pages;
}

paddr_t pool_alloc_page(struct pool *pool)
{
    struct pool_run *run = pool->runs;
    void *page;

    if (run == NULL) {
        return 0;
    }
    if (--run->pages == 0) {
        pool->runs = run->next;
    }
    pool->free_pages--;
    page = (char *)run + run->pages * PAGE_SIZE;
    __builtin_memset(page, 0, PAGE_SIZE);
    return arch_to_physical(page);
}

void pool_free_page(struct pool *pool, paddr_t page)
{
    pool_add(pool, page, 1);
}

status_t pool_move(struct pool *from, struct pool *to, uint64_t pages)
{
    if (pages > from->free_pages) {
        return STATUS_NO_MEMORY;
    }
    while (pages > 0) {
        struct pool_run *run = from->runs;
        uint64_t part = run->pages < pages ? run->pages : pages;

        run->pages -= part;
        if (run->pages == 0) {
            from->runs = run->next;
        }
        from->free_pages -= part;
        pages -= part;
        pool_add(to, arch_to_physical(run) + run->pages * PAGE_SIZE, part);
    }
    return STATUS_OK;
}

void pool_merge(struct pool *from, struct pool *to)
{
    if (from->runs == NULL) {
        return;
    }
    from->last->next = to->runs;
    if (to->runs == NULL) {
        to->last = from->last;
    }
    to->runs = from->runs;
    to->free_pages += from->free_pages;
    *from = (struct pool){0};
}
