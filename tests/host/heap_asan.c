/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of the user library on the host: random operations against a model that knows what each piece
 * holds, with the whole heap checked in between, in memory that ends exactly where the heap does.
 *
 * heap_asan: 0 when everything holds, else 1 and a line for each thing that does not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/check.h"
#include "userspace/lib/heap.c"

#define PIECES 200
#define SIZE_MAX_TRIED 3000
#define HEAP_BYTES (128u << 10)
#define ROUNDS 60
#define STEPS 4000

struct piece {
    unsigned char *bytes;
    size_t size;
    unsigned char filling;
};

static void fill(struct piece *piece)
{
    piece->filling = (unsigned char)rand();
    memset(piece->bytes, piece->filling, piece->size);
}

static void check_filling(const struct piece *piece, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (piece->bytes[i] != piece->filling) {
            CHECK(!"a piece lost its content");
            return;
        }
    }
}

static size_t some_size(void)
{
    return rand() % 8 == 0 ? (size_t)rand() % SIZE_MAX_TRIED : (size_t)rand() % 200;
}

static void resize(struct weft_heap *heap, struct piece *piece)
{
    size_t size = some_size();
    if (weft_heap_resize(heap, piece->bytes, size)) {
        check_filling(piece, size < piece->size ? size : piece->size);
        piece->size = size;
        fill(piece);
    }
    CHECK(weft_heap_size(piece->bytes) >= piece->size);
}

/* Takes, gives back or resizes one of the pieces; returns whether there was no room for it. */
static _Bool step(struct weft_heap *heap, struct piece *piece)
{
    if (piece->bytes == NULL) {
        piece->size = some_size();
        piece->bytes = weft_heap_take(heap, piece->size);
        if (piece->bytes == NULL) {
            return 1;
        }
        CHECK((uintptr_t)piece->bytes % 16 == 0 && weft_heap_size(piece->bytes) >= piece->size);
        fill(piece);
        return 0;
    }
    check_filling(piece, piece->size);
    if (rand() % 4 == 0) {
        resize(heap, piece);
        return 0;
    }
    CHECK(weft_heap_give(heap, piece->bytes));
    piece->bytes = NULL;
    return 0;
}

static void test_random(unsigned char *memory, size_t first)
{
    static struct piece pieces[PIECES];
    struct weft_heap heap;
    size_t grown = first;
    weft_heap_open(&heap, memory, first);
    for (unsigned i = 0; i < STEPS; i++) {
        struct piece *piece = &pieces[rand() % PIECES];
        if (step(&heap, piece)) {
            size_t more = weft_heap_growth(piece->size);
            if (more <= HEAP_BYTES - grown) {
                weft_heap_grow(&heap, more);
                grown += more;
                piece->bytes = weft_heap_take(&heap, piece->size);
                CHECK(piece->bytes != NULL); /* as promised */
                fill(piece);
            }
        }
        const char *wrong = i % 16 == 0 ? weft_heap_check(&heap) : NULL;
        CHECK(wrong == NULL);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        CHECK(pieces[i].bytes == NULL || weft_heap_give(&heap, pieces[i].bytes));
        pieces[i].bytes = NULL;
    }
    CHECK(weft_heap_check(&heap) == NULL && heap.used == 0);
    /* All of it is one piece again: nothing is lost in fragments. */
    CHECK(weft_heap_take(&heap, (grown - 32) * 3 / 4) != NULL);
}

static void test_mistakes(unsigned char *memory)
{
    struct weft_heap heap;
    weft_heap_open(&heap, memory, 4096);
    unsigned char *piece = weft_heap_take(&heap, 100), *other = weft_heap_take(&heap, 100);
    CHECK(piece != NULL && other != NULL);
    CHECK(!weft_heap_give(&heap, piece + 8));
    CHECK(!weft_heap_give(&heap, piece + 16)); /* zeros, as memory has at first */
    CHECK(!weft_heap_give(&heap, memory + 4096));
    CHECK(!weft_heap_give(&heap, memory - 4096));
    CHECK(weft_heap_give(&heap, piece));
    CHECK(!weft_heap_give(&heap, piece)); /* twice */
    CHECK(weft_heap_give(&heap, other));
    CHECK(weft_heap_take(&heap, SIZE_MAX) == NULL && weft_heap_take(&heap, 1ull << 40) == NULL);
    CHECK(weft_heap_check(&heap) == NULL && heap.used == 0);
}

int main(void)
{
    srand(7);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned char *memory = aligned_alloc(16, HEAP_BYTES);
        memset(memory, (int)round, HEAP_BYTES);
        test_random(memory, round % 2 == 0 ? 64 : HEAP_BYTES);
        free(memory);
    }
    unsigned char *memory = calloc(3, 4096);
    test_mistakes(memory + 4096);
    free(memory);
    printf("%u failures\n", failures);
    return failures != 0;
}
