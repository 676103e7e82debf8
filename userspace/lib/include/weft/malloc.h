/* SPDX-License-Identifier: Apache-2.0
 *
 * The process's heap, with the usual meaning; any thread may use it. It grows by mapping memory from the
 * process's quota between WEFT_HEAP_BASE and WEFT_HEAP_TOP, and never shrinks. How it works: weft/heap.h.
 */
#pragma once

#include <stddef.h>

/* NULL: the quota is used up. Size 0 gives a piece of its own. Aligned to 16 bytes. */
void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);

/* NULL: there is no room, and the old piece is as it was. */
void *realloc(void *piece, size_t bytes);

/* NULL is nothing. What is no piece, or was given back already, ends the process with a line, as far as
 * that can be told. */
void free(void *piece);

/* Bytes in use, and bytes that the heap has mapped. */
struct weft_malloc_use {
    size_t used;
    size_t mapped;
};
struct weft_malloc_use weft_malloc_use(void);
