/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap in one range of memory: pieces of any size, taken and given back in any order, each operation
 * in bounded time whatever was done before. Most programs want malloc() (weft/malloc.h), which is one
 * such heap that grows. Not for several threads at once.
 *
 * Pieces are aligned to 16 bytes and cost 16 more than was asked for. A free piece lies in one of
 * WEFT_HEAP_CLASSES lists by its size, four to a power of two; taking looks for the first list of which
 * any piece is large enough, so it never searches, and leaves up to a quarter of a size unused in the
 * worst case. Neighbours that are free are always joined.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WEFT_HEAP_CLASSES 128
#define WEFT_HEAP_PIECE_MAX ((size_t)1 << 34)

struct weft_heap_block;

struct weft_heap {
    unsigned char *start;                    /* of the first block */
    unsigned char *end;                      /* behind the last one's end mark */
    size_t used;                             /* bytes of blocks that are taken, with their heads */
    uint64_t filled[WEFT_HEAP_CLASSES / 64]; /* bit N: lists[N] has blocks */
    struct weft_heap_block *lists[WEFT_HEAP_CLASSES];
};

/* Memory and size are multiples of 16, and at least 64 bytes. */
void weft_heap_open(struct weft_heap *heap, void *memory, size_t bytes);

/* The memory right behind the heap's end belongs to it, too, from now on: a multiple of 16, at least 64. */
void weft_heap_grow(struct weft_heap *heap, size_t bytes);

/* How much growing is enough so that taking this many bytes succeeds. */
size_t weft_heap_growth(size_t bytes);

/* NULL: there is no free piece of that size. */
void *weft_heap_take(struct weft_heap *heap, size_t bytes);

/* False, and nothing done, where this is no piece that was taken, as far as can be told. */
_Bool weft_heap_give(struct weft_heap *heap, void *piece);

/* How many bytes a taken piece really has. */
size_t weft_heap_size(const void *piece);

/* Makes a taken piece larger or smaller where it is; false: it cannot be made so large. */
_Bool weft_heap_resize(struct weft_heap *heap, void *piece, size_t bytes);

/* Looks at everything: NULL, or the first thing that is wrong. For tests. */
const char *weft_heap_check(const struct weft_heap *heap);
