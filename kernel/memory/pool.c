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

static void small_add(struct pool *pool, paddr_t start, uint64_t pages)
{
    struct pool_run *run = run_add(&pool->small, start, pages, BLOCK_BYTES);

    if (run->pages == POOL_BLOCK) { /* whole again */
        tree_remove(&pool->small, &run->node);
        (void)run_add(&pool->blocks, run->node.key, POOL_BLOCK, ~0ull);
    }
}

void pool_add(struct pool *pool, paddr_t start, uint64_t pages)
{
    paddr_t end = start + pages * PAGE_SIZE;
    paddr_t first_block = align_up(start, BLOCK_BYTES);
    paddr_t blocks_end = align_down(end, BLOCK_BYTES);

    ASSERT(start % PAGE_SIZE == 0 && pages > 0);
    pool->free_pages += pages;
    if (first_block > blocks_end) { /* all within one block */
        small_add(pool, start, pages);
        return;
    }
    if (start < first_block) {
        small_add(pool, start, (first_block - start) / PAGE_SIZE);
    }
    if (blocks_end < end) {
        small_add(pool, blocks_end, (end - blocks_end) / PAGE_SIZE);
    }
    if (first_block < blocks_end) {
        (void)run_add(&pool->blocks, first_block, (blocks_end - first_block) / PAGE_SIZE, ~0ull);
    }
}

void pool_free_page(struct pool *pool, paddr_t page)
{
    pool->free_pages++;
    small_add(pool, page, 1);
}

/* ---- taking ---------------------------------------------------------------------------------- */

/* Takes pages from the end of the first run that has so many; 0: none has, of those looked at.
 * `free_pages` is the caller's to count, here and below. */
static paddr_t run_cut(struct tree *tree, uint64_t pages)
{
    struct pool_run *run = run_of(tree_first(tree));

    for (unsigned looked = 1; run != NULL && run->pages < pages; looked++) {
        run = looked < POOL_SEARCH ? run_of(tree_next(&run->node)) : NULL;
    }
    if (run == NULL) {
        return 0;
    }
    run->pages -= pages;
    if (run->pages == 0) {
        tree_remove(tree, &run->node);
    }
    return run_end(run);
}

/* Less than a block in one piece. */
static paddr_t small_cut(struct pool *pool, uint64_t pages)
{
    paddr_t start = run_cut(&pool->small, pages);

    if (start == 0) {
        start = run_cut(&pool->blocks, POOL_BLOCK);
        if (start != 0) { /* a block is broken up */
            small_add(pool, start, POOL_BLOCK - pages);
            start += (POOL_BLOCK - pages) * PAGE_SIZE;
        }
    }
    return start;
}

paddr_t pool_alloc_page(struct pool *pool)
{
    paddr_t page = small_cut(pool, 1);

    if (page != 0) {
        pool->free_pages--;
        __builtin_memset(arch_to_virtual(page), 0, PAGE_SIZE);
    }
    return page;
}

paddr_t pool_alloc_run(struct pool *pool, uint64_t pages)
{
    uint64_t whole = align_up(pages, (uint64_t)POOL_BLOCK);
    paddr_t start = pages < POOL_BLOCK ? small_cut(pool, pages) : run_cut(&pool->blocks, whole);

    if (start != 0) {
        pool->free_pages -= pages;
        if (pages > POOL_BLOCK && pages < whole) {
            small_add(pool, start + pages * PAGE_SIZE, whole - pages);
        }
    }
    return start;
}

/* ---- between pools --------------------------------------------------------------------------- */

uint64_t pool_move(struct pool *from, struct pool *to, uint64_t pages)
{
    uint64_t left = pages;

    for (unsigned i = 0; i < POOL_SEARCH && left > 0; i++) {
        bool in_blocks = !tree_empty(&from->blocks) && left >= POOL_BLOCK;
        bool in_small = !in_blocks && !tree_empty(&from->small);
        struct pool_run *run = run_of(tree_first(in_small ? &from->small : &from->blocks));
        uint64_t part = in_blocks ? align_down(left, (uint64_t)POOL_BLOCK) : left;
        paddr_t start;

        if (run == NULL) {
            break;
        }
        part = run->pages < part ? run->pages : part;
        start = in_blocks ? run_cut(&from->blocks, part) : small_cut(from, part);
        from->free_pages -= part;
        pool_add(to, start, part);
        left -= part;
    }
    return pages - left;
}
