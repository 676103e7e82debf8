/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs for fuzzing that are a head and a list of items, 16 bytes each, and their mutation item by item:
 * what libFuzzer keeps stays an input of that form, so that mutation leads into the depth of what reads
 * it instead of being refused at the door.
 *
 *     struct fuzz_input input = fuzz_input(data, size);      // input.head, input.items, input.count
 *     size_t LLVMFuzzerCustomMutator(...)    { return items_mutate(data, size, most, seed); }
 *     size_t LLVMFuzzerCustomCrossOver(...)  { return items_cross(...); }
 *
 * An item has four bytes whose meaning is the harness's, a distance, and two words. Mutation copies words
 * from one item to another, since what matters in a trace is that the same id turns up twice.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ITEM_SIZE 16u
#define HEAD_RAW 0x80u /* in the head's first byte: what follows is no list of items */

struct fuzz_head {
    uint8_t mode;
    uint8_t tool;
    uint8_t bytes[14];
};

struct fuzz_item {
    uint8_t kind, small, place, flags;
    uint32_t step;
    uint32_t a, b;
};

_Static_assert(sizeof(struct fuzz_head) == ITEM_SIZE && sizeof(struct fuzz_item) == ITEM_SIZE,
               "an input is an array of 16-byte pieces");

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *left, size_t left_size, const uint8_t *right,
                                 size_t right_size, uint8_t *out, size_t most, unsigned seed);

struct item_random {
    uint64_t state;
};

static inline uint32_t item_random(struct item_random *random, uint32_t below)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (uint32_t)((random->state >> 32) * below >> 32);
}

/* A value that is worth a try, mostly one that another item has. */
static inline uint32_t item_value(struct item_random *random, const struct fuzz_item *items,
                                  size_t count)
{
    static const uint32_t edges[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 255, 256, 4096};
    const struct fuzz_item *other = count ? &items[item_random(random, (uint32_t)count)] : NULL;
    uint32_t choice = item_random(random, 16);

    if (other && choice < 10) {
        return choice < 5 ? other->a : other->b;
    }
    if (choice < 13) {
        return item_random(random, 32);
    }
    return choice < 15 ? edges[item_random(random, sizeof edges / sizeof *edges)]
                       : (uint32_t)random->state;
}

/* Changes one field of an item. Flags are for what is rare, so they are mostly taken away. */
static inline void item_change(struct item_random *random, struct fuzz_item *items, size_t count,
                               struct fuzz_item *item)
{
    switch (item_random(random, 10)) {
    case 0:
    case 1:
        item->kind = (uint8_t)random->state;
        break;
    case 2:
        item->small = (uint8_t)item_random(random, item_random(random, 2) ? 8 : 256);
        break;
    case 3:
        item->place = (uint8_t)item_random(random, 8);
        break;
    case 4:
        item->flags = item_random(random, 3) ? 0 : (uint8_t)random->state;
        break;
    case 5:
        item->step = item_random(random, item_random(random, 4) ? 1000 : UINT32_MAX);
        break;
    case 6:
    case 7:
        item->a = item_value(random, items, count);
        break;
    default:
        item->b = item_value(random, items, count);
    }
}

/* One value becomes another wherever it stands: two threads become one, or one endpoint another. */
static inline void items_rename(struct item_random *random, struct fuzz_item *items, size_t count)
{
    uint32_t from = item_value(random, items, count), to = item_value(random, items, count);

    for (size_t i = 0; i < count; i++) {
        items[i].a = items[i].a == from ? to : items[i].a;
        items[i].b = items[i].b == from ? to : items[i].b;
    }
}

/* Copies a run of items to another place, over what is there or between it. Returns the new count. */
static inline size_t items_copy(struct item_random *random, struct fuzz_item *items, size_t count,
                                size_t most)
{
    struct fuzz_item run[16];
    size_t length = 1 + item_random(random, 16), from = item_random(random, (uint32_t)count);
    size_t to = item_random(random, (uint32_t)count + 1);

    length = length < count - from ? length : count - from;
    memcpy(run, items + from, length * sizeof *run);
    if (count + length <= most && item_random(random, 4)) {
        memmove(items + to + length, items + to, (count - to) * sizeof *items);
        count += length;
    }
    length = length < count - to ? length : count - to;
    memcpy(items + to, run, length * sizeof *run);
    return count;
}

static inline size_t items_remove(struct item_random *random, struct fuzz_item *items, size_t count)
{
    size_t from = item_random(random, (uint32_t)count);
    size_t length = 1 + item_random(random, item_random(random, 4) ? 2 : 16);

    length = length < count - from ? length : count - from;
    memmove(items + from, items + from + length, (count - from - length) * sizeof *items);
    return count - length;
}

static inline void items_swap(struct item_random *random, struct fuzz_item *items, size_t count)
{
    size_t from = item_random(random, (uint32_t)count);
    size_t to = item_random(random, 2) ? (from + 1) % count : item_random(random, (uint32_t)count);
    struct fuzz_item item = items[from];

    items[from] = items[to];
    items[to] = item;
}

/* One mutation. Returns the new count. */
static inline size_t items_step(struct item_random *random, struct fuzz_item *items, size_t count,
                                size_t most)
{
    uint32_t choice = item_random(random, 16);

    if (!count) {
        items[0] = (struct fuzz_item){.kind = (uint8_t)random->state};
        return most ? 1 : 0;
    }
    if (choice < 8) {
        item_change(random, items, count, &items[item_random(random, (uint32_t)count)]);
    } else if (choice < 10) {
        items_swap(random, items, count);
    } else if (choice < 12) {
        return items_remove(random, items, count);
    } else if (choice < 15) {
        return items_copy(random, items, count, most);
    } else {
        items_rename(random, items, count);
    }
    return count;
}

static inline size_t items_mutate(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    struct item_random random = {seed * 0x9e3779b97f4a7c15ull + 1};
    struct fuzz_head *head = (struct fuzz_head *)(void *)data;
    size_t count, steps = 1 + item_random(&random, 4);

    if (size < ITEM_SIZE || most < 2 * ITEM_SIZE || !item_random(&random, 64)) {
        return LLVMFuzzerMutate(data, size, most);
    }
    if (!item_random(&random, 4)) {
        head->tool = (uint8_t)random.state;
    }
    if (!item_random(&random, 8)) {
        LLVMFuzzerMutate(head->bytes, sizeof head->bytes, sizeof head->bytes);
    }
    if (head->mode & HEAD_RAW) {
        return ITEM_SIZE + LLVMFuzzerMutate(data + ITEM_SIZE, size - ITEM_SIZE, most - ITEM_SIZE);
    }
    count = size / ITEM_SIZE - 1;
    while (steps-- > 0) {
        count = items_step(&random, (struct fuzz_item *)(void *)(data + ITEM_SIZE), count,
                           most / ITEM_SIZE - 1);
    }
    return (count + 1) * ITEM_SIZE;
}

/* The head and the beginning of one input, with the end of another behind it. */
static inline size_t items_cross(const uint8_t *left, size_t left_size, const uint8_t *right,
                                 size_t right_size, uint8_t *out, size_t most, unsigned seed)
{
    struct item_random random = {seed * 0x9e3779b97f4a7c15ull + 1};
    size_t first = left_size / ITEM_SIZE, second = right_size / ITEM_SIZE, from;

    if (first < 2 || second < 2) {
        return 0;
    }
    first = 1 + item_random(&random, (uint32_t)first);
    from = 1 + item_random(&random, (uint32_t)second - 1);
    first = first < most / ITEM_SIZE ? first : most / ITEM_SIZE;
    second = second - from < most / ITEM_SIZE - first ? second - from : most / ITEM_SIZE - first;
    memcpy(out, left, first * ITEM_SIZE);
    memcpy(out + first * ITEM_SIZE, right + from * ITEM_SIZE, second * ITEM_SIZE);
    return (first + second) * ITEM_SIZE;
}
