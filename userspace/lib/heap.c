/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap, see weft/heap.h. Blocks lie one behind the other from start to end:
 *
 *     head: size of the block before | own size and whether it is taken
 *     the piece; in a free block its first 16 bytes are the links of its list
 *
 * and an end mark, a head without a piece that is always taken, closes the row. From a piece both
 * neighbours are found in one step, so that joining needs no search. No two free blocks are
 * neighbours.
 *
 * Needs nothing but memory: the unit tests on the host compile this file as it is.
 */
#include "weft/heap.h"

#define HEAD sizeof(struct weft_heap_block)
#define UNIT ((size_t)16)
#define LEAST (HEAD + sizeof(struct links))
#define LEAST_BITS 5 /* LEAST is 1 << LEAST_BITS */
#define TAKEN ((size_t)1)

struct weft_heap_block {
    size_t before; /* bytes of the block before this one; 0: it is the first */
    size_t size;   /* bytes of this one with its head, | TAKEN */
};

struct links {
    struct weft_heap_block *next;
    struct weft_heap_block *previous;
};

_Static_assert(sizeof(struct weft_heap_block) == 16, "pieces stay aligned");
_Static_assert(LEAST == (size_t)1 << LEAST_BITS, "the smallest block");

static size_t size_of(const struct weft_heap_block *block)
{
    return block->size & ~TAKEN;
}

static _Bool is_taken(const struct weft_heap_block *block)
{
    return (block->size & TAKEN) != 0;
}

static struct weft_heap_block *at(const struct weft_heap_block *block, ptrdiff_t offset)
{
    return (struct weft_heap_block *)((unsigned char *)block + offset);
}

static struct weft_heap_block *next_of(const struct weft_heap_block *block)
{
    return at(block, (ptrdiff_t)size_of(block));
}

static struct links *links_of(const struct weft_heap_block *block)
{
    return (struct links *)((unsigned char *)block + HEAD);
}

/* ---- lists ------------------------------------------------------------------------------------ */

/* Of blocks of this size: four classes to a power of two. */
static unsigned class_of(size_t size)
{
    unsigned power = 63 - (unsigned)__builtin_clzll(size);
    return (power - LEAST_BITS) * 4 + (unsigned)(size >> (power - 2) & 3);
}

/* The first class of which every block is at least so large. */
static unsigned class_for(size_t size)
{
    unsigned power = 63 - (unsigned)__builtin_clzll(size);
    return class_of(size + ((size_t)1 << (power - 2)) - 1);
}

static void list_add(struct weft_heap *heap, struct weft_heap_block *block)
{
    unsigned class = class_of(block->size);
    struct weft_heap_block *first = heap->lists[class];
    *links_of(block) = (struct links){first, NULL};
    if (first != NULL) {
        links_of(first)->previous = block;
    }
    heap->lists[class] = block;
    heap->filled[class / 64] |= 1ull << class % 64;
}

static void list_remove(struct weft_heap *heap, struct weft_heap_block *block)
{
    unsigned class = class_of(block->size);
    struct links links = *links_of(block);
    if (links.next != NULL) {
        links_of(links.next)->previous = links.previous;
    }
    if (links.previous != NULL) {
        links_of(links.previous)->next = links.next;
        return;
    }
    heap->lists[class] = links.next;
    if (links.next == NULL) {
        heap->filled[class / 64] &= ~(1ull << class % 64);
    }
}

static struct weft_heap_block *list_find(const struct weft_heap *heap, unsigned class)
{
    for (unsigned word = class / 64; word < WEFT_HEAP_CLASSES / 64; word++) {
        uint64_t bits = heap->filled[word];
        bits &= word == class / 64 ? ~0ull << class % 64 : ~0ull;
        if (bits != 0) {
            return heap->lists[word * 64 + (unsigned)__builtin_ctzll(bits)];
        }
    }
    return NULL;
}

/* ---- blocks ----------------------------------------------------------------------------------- */

/* A block that is in no list becomes free: joined with its neighbours, and listed. */
static void release(struct weft_heap *heap, struct weft_heap_block *block)
{
    struct weft_heap_block *next = next_of(block);
    size_t size = size_of(block);
    if (!is_taken(next)) {
        list_remove(heap, next);
        size += next->size;
    }
    if (block->before != 0 && !is_taken(at(block, -(ptrdiff_t)block->before))) {
        block = at(block, -(ptrdiff_t)block->before);
        list_remove(heap, block);
        size += block->size;
    }
    block->size = size;
    next_of(block)->before = size;
    list_add(heap, block);
}

/* Cuts what is too much off a block that is in no list. */
static void cut(struct weft_heap *heap, struct weft_heap_block *block, size_t size)
{
    size_t rest = size_of(block) - size;
    if (rest < LEAST) {
        return;
    }
    block->size = size | TAKEN;
    struct weft_heap_block *second = next_of(block);
    *second = (struct weft_heap_block){.before = size, .size = rest};
    next_of(second)->before = rest;
    release(heap, second);
}

/* What a block for so many bytes needs; 0: too much. */
static size_t block_size(size_t bytes)
{
    if (bytes > WEFT_HEAP_PIECE_MAX) {
        return 0;
    }
    size_t size = (bytes + HEAD + UNIT - 1) & ~(UNIT - 1);
    return size < LEAST ? LEAST : size;
}

static void end_mark(struct weft_heap *heap, size_t before)
{
    struct weft_heap_block *mark = (struct weft_heap_block *)(heap->end - HEAD);
    *mark = (struct weft_heap_block){.before = before, .size = HEAD | TAKEN};
}

void weft_heap_open(struct weft_heap *heap, void *memory, size_t bytes)
{
    *heap = (struct weft_heap){.start = memory, .end = (unsigned char *)memory + bytes};
    struct weft_heap_block *block = memory;
    *block = (struct weft_heap_block){.size = bytes - HEAD};
    end_mark(heap, block->size);
    list_add(heap, block);
}

void weft_heap_grow(struct weft_heap *heap, size_t bytes)
{
    struct weft_heap_block *block = (struct weft_heap_block *)(heap->end - HEAD); /* the end mark */
    heap->end += bytes;
    block->size = bytes;
    end_mark(heap, bytes);
    release(heap, block);
}

size_t weft_heap_growth(size_t bytes)
{
    size_t size = block_size(bytes);
    return (size + size / 4 + 4 * UNIT) & ~(UNIT - 1);
}

void *weft_heap_take(struct weft_heap *heap, size_t bytes)
{
    size_t size = block_size(bytes);
    struct weft_heap_block *block = size != 0 ? list_find(heap, class_for(size)) : NULL;
    if (block == NULL) {
        return NULL;
    }
    list_remove(heap, block);
    block->size |= TAKEN;
    cut(heap, block, size);
    heap->used += size_of(block);
    return links_of(block);
}

_Bool weft_heap_give(struct weft_heap *heap, void *piece)
{
    struct weft_heap_block *block = (struct weft_heap_block *)((unsigned char *)piece - HEAD);
    unsigned char *place = (unsigned char *)block;
    if ((uintptr_t)piece % UNIT != 0 || place < heap->start || place >= heap->end - HEAD ||
        !is_taken(block) || size_of(block) < LEAST ||
        size_of(block) > (size_t)(heap->end - HEAD - place) ||
        next_of(block)->before != size_of(block)) {
        return 0;
    }
    heap->used -= size_of(block);
    block->size &= ~TAKEN;
    release(heap, block);
    return 1;
}

size_t weft_heap_size(const void *piece)
{
    return size_of((const struct weft_heap_block *)((const unsigned char *)piece - HEAD)) - HEAD;
}

_Bool weft_heap_resize(struct weft_heap *heap, void *piece, size_t bytes)
{
    struct weft_heap_block *block = (struct weft_heap_block *)((unsigned char *)piece - HEAD);
    struct weft_heap_block *next = next_of(block);
    size_t old = size_of(block), size = block_size(bytes);
    size_t room = old + (is_taken(next) ? 0 : next->size);
    if (size == 0 || size > room) {
        return 0;
    }
    if (size > old) {
        list_remove(heap, next);
        block->size = room | TAKEN;
        next_of(block)->before = room;
    }
    cut(heap, block, size);
    heap->used += size_of(block) - old;
    return 1;
}

/* ---- checking --------------------------------------------------------------------------------- */

static _Bool is_listed(const struct weft_heap *heap, const struct weft_heap_block *wanted)
{
    const struct weft_heap_block *block = heap->lists[class_of(wanted->size)];
    while (block != NULL && block != wanted) {
        block = links_of(block)->next;
    }
    return block != NULL;
}

const char *weft_heap_check(const struct weft_heap *heap)
{
    const struct weft_heap_block *block = (const struct weft_heap_block *)heap->start;
    const struct weft_heap_block *mark = (const struct weft_heap_block *)(heap->end - HEAD);
    size_t before = 0, used = 0, free_blocks = 0, listed = 0;
    _Bool free_before = 0;
    for (; block < mark; block = next_of(block)) {
        if (block->before != before || size_of(block) < LEAST || size_of(block) % UNIT != 0) {
            return "the row of blocks is broken";
        }
        if (!is_taken(block) && (free_before || !is_listed(heap, block))) {
            return free_before ? "two free blocks are neighbours" : "a free block is in no list";
        }
        free_before = !is_taken(block);
        free_blocks += free_before;
        before = size_of(block);
        used += is_taken(block) ? before : 0;
    }
    for (unsigned class = 0; class < WEFT_HEAP_CLASSES; class ++) {
        for (block = heap->lists[class]; block != NULL; block = links_of(block)->next) {
            listed++;
        }
        if ((heap->lists[class] != NULL) != (heap->filled[class / 64] >> class % 64 & 1)) {
            return "a list's bit is wrong";
        }
    }
    if (block != NULL || listed != free_blocks) {
        return "the lists hold what is not free";
    }
    return mark->before == before && used == heap->used ? NULL : "the end or the sum is wrong";
}
