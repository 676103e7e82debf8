/* SPDX-License-Identifier: Apache-2.0
 *
 * Small kernel objects out of a process's pool: fixed size classes, pages never shared between
 * processes. Pages stay with the process until it is gone, so an object's memory is always its
 * payer's. Owner: the process's CPU.
 */
#pragma once

#include "kernel/pool.h"

#define SLAB_CLASSES 5 /* 64, 128, 256, 512, 1984 bytes */
#define SLAB_MAX 1984

struct slab_slot; /* lives in the free slots */

struct slab {
    struct slab_slot *free[SLAB_CLASSES];
    struct slab_slot *pages;
};

/* Zeroed memory of at least `size` bytes (up to SLAB_MAX), aligned to 64; NULL: the pool
 * is empty. */
must_use void *slab_alloc(struct slab *slab, struct pool *pool, size_t size);

/* `size` as it was asked for. */
void slab_free(struct slab *slab, void *memory, size_t size);

/* Gives pages back, at most `budget`; nothing in them is used any more. True when none is left. */
bool slab_destroy_step(struct slab *slab, struct pool *pool, unsigned budget);
