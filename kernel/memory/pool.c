/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools of pages; the header is the manual.
 *
 * Pages are taken from the end of a run, so that its header stays where it is until the last page
 * goes.
 */
#include "kernel/pool.h"

#include "kernel/arch.h"
#include "kernel/panic.h"

#define BLOCK_BYTES (POOL_BLOCK * PAGE_SIZE)

struct pool_run {
    struct tree_node node; /* the key is its physical address */
    uint64_t pages;
};

static paddr_t run_end(const struct pool_run *run)
{
    return run->node.key + run->pages * PAGE_SIZE;
}

static struct pool_run *run_of(struct tree_node *node)
{
    return node != NULL ? container_of(node, struct pool_run, node) : NULL;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* Adds pages to a tree and returns the run that they are in then. It joins its neighbours, but for
 * those on the other side of a multiple of `limit`. */
static struct pool_run *run_add(struct tree *tree, paddr_t start, uint64_t pages, uint64_t limit)
{
    struct pool_run *run = run_of(tree_at_or_before(tree, start));
    struct pool_run *next;

    if (run != NULL && run_end(run) == start && start % limit != 0) {
        run->pages += pages;
    } else {
        run = arch_to_virtual(start);
        run->pages = pages;
        run->node.key = start;
        tree_insert(tree, &run->node);
    }
    next = run_of(tree_next(&run->node));
    if (next != NULL && next->node.key == run_end(run) && next->node.key % limit != 0) {
        tree_remove(tree, &next->node);
        run->pages += next->pages;
    }
    return run;
}

/* Adds whole blocks, or pages within one, which may be whole again then. */
static void part_add(struct pool *pool, paddr_t start, uint64_t pages)
{
    if (pages % POOL_BLOCK != 0) {
        struct pool_run *run = run_add(&pool->small, start, pages, BLOCK_BYTES);

        if (run->pages < POOL_BLOCK) {
            return;
        }
        tree_remove(&pool->small, &run->node);
        start = run->node.key;
        pages = POOL_BLOCK;
    }
    (void)run_add(&pool->blocks, start, pages, ~0ull);
}

void pool_add(struct pool *pool, paddr_t start, uint64_t pages)
{
    ASSERT(start % PAGE_SIZE == 0);
    pool->free_pages += pages;
    while (pages > 0) { /* what is before the first block, blocks, what is behind the last */
        uint64_t part = POOL_BLOCK - start / PAGE_SIZE % POOL_BLOCK;

        if (part > pages) {
            part = pages;
        } else if (part == POOL_BLOCK) {
            part = align_down(pages, POOL_BLOCK);
        }
        part_add(pool, start, part);
        start += part * PAGE_SIZE;
        pages -= part;
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Takes pages from the end of the first run that has so many; 0: none has, of those looked at. */
static paddr_t run_cut(struct pool *pool, struct tree *tree, uint64_t pages)
{
    struct pool_run *run = run_of(tree_first(tree));

    for (unsigned looked = 1; run != NULL && run->pages < pages; looked++) {
        run = looked < POOL_SEARCH ? run_of(tree_next(&run->node)) : NULL;
    }
    if (run == NULL) {
        return 0;
    }
    pool->free_pages -= pages;
    run->pages -= pages;
    if (run->pages == 0) {
        tree_remove(tree, &run->node);
    }
    return run_end(run);
}

paddr_t pool_alloc_run(struct pool *pool, uint64_t pages)
{
    uint64_t whole = align_up(pages, POOL_BLOCK);
    paddr_t start = pages < POOL_BLOCK ? run_cut(pool, &pool->small, pages) : 0;

    if (start == 0) {
        start = run_cut(pool, &pool->blocks, whole);
        if (start != 0) { /* the last block may be broken up */
            pool_add(pool, start + pages * PAGE_SIZE, whole - pages);
        }
    }
    return start;
}

paddr_t pool_alloc_page(struct pool *pool)
{
    paddr_t page = pool_alloc_run(pool, 1);

    if (page != 0) {
        __builtin_memset(arch_to_virtual(page), 0, PAGE_SIZE);
    }
    return page;
}

/* ---- between pools --------------------------------------------------------------------------- */

uint64_t pool_move(struct pool *from, struct pool *to, uint64_t pages)
{
    uint64_t left = pages;

    for (unsigned i = 0; i < POOL_SEARCH && left > 0; i++) {
        bool in_blocks = left >= POOL_BLOCK && !tree_empty(&from->blocks);
        bool in_small = !in_blocks && !tree_empty(&from->small);
        struct pool_run *run = run_of(tree_first(in_small ? &from->small : &from->blocks));
        uint64_t part = in_blocks ? align_down(left, POOL_BLOCK) : left;

        if (run == NULL) {
            break;
        }
        part = run->pages < part ? run->pages : part;
        pool_add(to, pool_alloc_run(from, part), part);
        left -= part;
    }
    return pages - left;
}
