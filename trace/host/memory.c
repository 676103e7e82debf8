/* SPDX-License-Identifier: Apache-2.0
 *
 * Growing arrays and the hash table. Linear probing at no more than half full; removal moves later
 * entries of the same run back, so that there are no tombstones and look-ups stay short.
 */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static void out_of_memory(void)
{
    fputs("weft-trace: out of memory\n", stderr);
    exit(EXIT_BAD_INPUT);
}

void *memory_new(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory) {
        out_of_memory();
    }
    return memory;
}

void *memory_enlarge(void *array, size_t *capacity, size_t needed, size_t item_size)
{
    size_t wanted = *capacity ? *capacity : 16;
    char *grown;

    while (wanted < needed) {
        wanted *= 2;
    }
    grown = realloc(array, wanted * item_size);
    if (!grown) {
        out_of_memory();
    }
    memset(grown + *capacity * item_size, 0, (wanted - *capacity) * item_size);
    *capacity = wanted;
    return grown;
}

static size_t slot_of(const struct id_table *table, uint64_t key)
{
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15ull;
    return (size_t)(key >> 32) & (table->capacity - 1);
}

/* The slot that holds the key, or the free one where it belongs. The table has a free slot. */
static size_t find_slot(const struct id_table *table, uint64_t key)
{
    size_t slot = slot_of(table, key);

    while (table->values[slot] != ID_NONE && table->keys[slot] != key) {
        slot = (slot + 1) & (table->capacity - 1);
    }
    return slot;
}

uint32_t id_table_get(const struct id_table *table, uint64_t key)
{
    return table->capacity ? table->values[find_slot(table, key)] : ID_NONE;
}

static void table_double(struct id_table *table)
{
    struct id_table old = *table;

    table->capacity = old.capacity ? old.capacity * 2 : 64;
    table->keys = memory_new(table->capacity * sizeof *table->keys);
    table->values = memory_new(table->capacity * sizeof *table->values);
    memset(table->values, 0xff, table->capacity * sizeof *table->values);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.values[i] != ID_NONE) {
            size_t slot = find_slot(table, old.keys[i]);
            table->keys[slot] = old.keys[i];
            table->values[slot] = old.values[i];
        }
    }
    free(old.keys);
    free(old.values);
}

void id_table_put(struct id_table *table, uint64_t key, uint32_t value)
{
    size_t slot;

    if (table->used * 2 >= table->capacity) {
        table_double(table);
    }
    slot = find_slot(table, key);
    table->used += table->values[slot] == ID_NONE;
    table->keys[slot] = key;
    table->values[slot] = value;
}

void id_table_remove(struct id_table *table, uint64_t key)
{
    size_t mask = table->capacity - 1;
    size_t hole;

    if (!table->capacity || table->values[hole = find_slot(table, key)] == ID_NONE) {
        return;
    }
    for (size_t next = (hole + 1) & mask; table->values[next] != ID_NONE;
         next = (next + 1) & mask) {
        size_t home = slot_of(table, table->keys[next]);
        if (((next - home) & mask) >= ((next - hole) & mask)) {
            table->keys[hole] = table->keys[next];
            table->values[hole] = table->values[next];
            hole = next;
        }
    }
    table->values[hole] = ID_NONE;
    table->used--;
}

void id_table_free(struct id_table *table)
{
    free(table->keys);
    free(table->values);
    *table = (struct id_table){0};
}
