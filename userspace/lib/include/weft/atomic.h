/* SPDX-License-Identifier: Apache-2.0
 *
 * Atomic access to memory that threads share, of one process or of several. The names carry the
 * order, those without one are acquire and release; there is no sequentially consistent default.
 */
#pragma once

#include <stdint.h>

static inline uint32_t weft_load_acquire(const uint32_t *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static inline void weft_store_release(uint32_t *value, uint32_t wanted)
{
    __atomic_store_n(value, wanted, __ATOMIC_RELEASE);
}

static inline uint64_t weft_load64_acquire(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static inline void weft_store64_release(uint64_t *value, uint64_t wanted)
{
    __atomic_store_n(value, wanted, __ATOMIC_RELEASE);
}

static inline uint16_t weft_load16_acquire(const uint16_t *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static inline uint16_t weft_load16_relaxed(const uint16_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static inline void weft_store16_release(uint16_t *value, uint16_t wanted)
{
    __atomic_store_n(value, wanted, __ATOMIC_RELEASE);
}

static inline void weft_store16_relaxed(uint16_t *value, uint16_t wanted)
{
    __atomic_store_n(value, wanted, __ATOMIC_RELAXED);
}

/* Orders an earlier store before a later load, which neither acquire nor release does. For protocols that
 * others have laid down, where each side writes one word and then reads the other's (virtqueues do): each use
 * says which two words, and names its partner. Own protocols put both into one word, as channels do. */
static inline void weft_fence_full(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Both return the value from before. */
static inline uint32_t weft_fetch_add(uint32_t *value, uint32_t amount)
{
    return __atomic_fetch_add(value, amount, __ATOMIC_ACQ_REL);
}

static inline uint32_t weft_exchange(uint32_t *value, uint32_t wanted)
{
    return __atomic_exchange_n(value, wanted, __ATOMIC_ACQ_REL);
}

/* True where *value was `expected` and is now `wanted`. */
static inline int weft_compare_exchange(uint32_t *value, uint32_t expected, uint32_t wanted)
{
    return __atomic_compare_exchange_n(value, &expected, wanted, 0, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* Returns the value from before. */
static inline uint64_t weft_exchange64_release(uint64_t *value, uint64_t wanted)
{
    return __atomic_exchange_n(value, wanted, __ATOMIC_RELEASE);
}

/* True where *value was *expected and is now `wanted`; else *expected is what was found, which may
 * have been overwritten already. Never fails for no reason. */
static inline int weft_compare_exchange64_relaxed(uint64_t *value, uint64_t *expected,
                                                  uint64_t wanted)
{
    return __atomic_compare_exchange_n(value, expected, wanted, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}
