/* SPDX-License-Identifier: Apache-2.0
 *
 * The process's heap: weft/heap.h with a lock around it and memory behind it. It grows by as much as is
 * needed, and by GROWTH_PAGES at least, so that page tables and objects are few.
 */
#include "weft/malloc.h"
#include "weft/heap.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/sync.h"
#include "weft/syscalls.h"

#define GROWTH_PAGES 16

static struct weft_mutex lock;
static struct weft_heap heap; /* under the lock */

/* Maps more memory behind the heap; false: there is none. */
static _Bool grow(size_t bytes)
{
    uint64_t end = heap.end != NULL ? (uint64_t)heap.end : WEFT_HEAP_BASE;
    uint64_t pages = weft_page_up(weft_heap_growth(bytes)) / WEFT_PAGE_SIZE, memory;
    pages = pages > GROWTH_PAGES ? pages : GROWTH_PAGES;
    if (bytes > WEFT_HEAP_TOP - WEFT_HEAP_BASE || pages * WEFT_PAGE_SIZE > WEFT_HEAP_TOP - end ||
        weft_memory_create(pages, &memory) != STATUS_OK) {
        return 0;
    }
    status_t status = weft_memory_map(HANDLE_SELF, memory, end, 0, pages, RIGHT_READ | RIGHT_WRITE);
    (void)weft_cap_delete(memory); /* the mapping keeps it */
    if (status != STATUS_OK) {
        return 0;
    }
    if (heap.end == NULL) {
        weft_heap_open(&heap, (void *)end, pages * WEFT_PAGE_SIZE);
    } else {
        weft_heap_grow(&heap, pages * WEFT_PAGE_SIZE);
    }
    return 1;
}

/* Under the lock. */
static void *take(size_t bytes)
{
    void *piece = weft_heap_take(&heap, bytes);
    return piece == NULL && grow(bytes) ? weft_heap_take(&heap, bytes) : piece;
}

/* Under the lock. */
static void give(void *piece)
{
    if (!weft_heap_give(&heap, piece)) {
        weft_fail("free: %p is no piece of the heap, or was freed already", piece);
    }
}

void *malloc(size_t bytes)
{
    weft_mutex_lock(&lock);
    void *piece = take(bytes);
    weft_mutex_unlock(&lock);
    return piece;
}

void *calloc(size_t count, size_t bytes)
{
    size_t all;
    void *piece = __builtin_mul_overflow(count, bytes, &all) ? NULL : malloc(all);
    return piece != NULL ? memset(piece, 0, all) : NULL;
}

void *realloc(void *piece, size_t bytes)
{
    if (piece == NULL) {
        return malloc(bytes);
    }
    weft_mutex_lock(&lock);
    void *result = piece;
    if (!weft_heap_resize(&heap, piece, bytes)) {
        result = take(bytes);
        if (result != NULL) {
            memcpy(result, piece, weft_heap_size(piece) < bytes ? weft_heap_size(piece) : bytes);
            give(piece);
        }
    }
    weft_mutex_unlock(&lock);
    return result;
}

void free(void *piece)
{
    if (piece == NULL) {
        return;
    }
    weft_mutex_lock(&lock);
    give(piece);
    weft_mutex_unlock(&lock);
}

struct weft_malloc_use weft_malloc_use(void)
{
    weft_mutex_lock(&lock);
    struct weft_malloc_use use = {.used = heap.used, .mapped = (size_t)(heap.end - heap.start)};
    weft_mutex_unlock(&lock);
    return use;
}
