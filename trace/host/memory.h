/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing arrays and a hash table from 64-bit keys to array indices. They grow with the number of
 * threads, objects and open messages of a capture, never with its number of events.
 *
 * memory_grow(array, &capacity, needed, size) makes room for `needed` items and zeroes what is
 * new. struct id_table maps a key to an index below UINT32_MAX; a zeroed table is empty and valid.
 * There is one owner per table and no locking: the tools have one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_NONE UINT32_MAX

/* Zeroed memory; never null. */
void *memory_new(size_t size);
/* What memory_grow() does when there is no room; asked for with each event, it looks in place. */
void *memory_enlarge(void *array, size_t *capacity, size_t needed, size_t item_size);

static inline void *memory_grow(void *array, size_t *capacity, size_t needed, size_t item_size)
{
    return needed <= *capacity ? array : memory_enlarge(array, capacity, needed, item_size);
}

struct id_table {
    uint64_t *keys;
    uint32_t *values; /* ID_NONE: the slot is free */
    size_t capacity;  /* a power of two, or 0 */
    size_t used;
};

uint32_t id_table_get(const struct id_table *table, uint64_t key); /* ID_NONE: not there */
void id_table_put(struct id_table *table, uint64_t key, uint32_t value);
void id_table_remove(struct id_table *table, uint64_t key);
void id_table_free(struct id_table *table);
