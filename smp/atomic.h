/* SPDX-License-Identifier: Apache-2.0
 *
 * Atomic operations whose names carry their memory order. The only place where orders are spelled
 * for the compiler; every use elsewhere says in a comment what its order is for.
 *
 * No kernel includes: the lock-free headers that stand on this one are compiled on the host too,
 * where tests attack them. A test that wants to decide the interleaving defines ATOMIC_STEP() before
 * including it: it is called before each operation, the only moments at which order matters.
 */
#pragma once

#ifndef ATOMIC_STEP
#define ATOMIC_STEP() ((void)0)
#endif

/* One of the compiler's operations, with its moment. */
#define ATOMIC(operation)                                                                          \
    ({                                                                                             \
        ATOMIC_STEP();                                                                             \
        operation;                                                                                 \
    })

#define load_relaxed(pointer) ATOMIC(__atomic_load_n((pointer), __ATOMIC_RELAXED))
#define load_acquire(pointer) ATOMIC(__atomic_load_n((pointer), __ATOMIC_ACQUIRE))
#define store_relaxed(pointer, value) ATOMIC(__atomic_store_n((pointer), (value), __ATOMIC_RELAXED))
#define store_release(pointer, value) ATOMIC(__atomic_store_n((pointer), (value), __ATOMIC_RELEASE))
#define exchange_acquire(pointer, value)                                                           \
    ATOMIC(__atomic_exchange_n((pointer), (value), __ATOMIC_ACQUIRE))
/* Failure leaves the found value in *expected, without any order. May fail for no reason. */
#define compare_exchange_weak_release(pointer, expected, desired)                                  \
    ATOMIC(__atomic_compare_exchange_n((pointer), (expected), (desired), 1, __ATOMIC_RELEASE,      \
                                       __ATOMIC_RELAXED))
#define compare_exchange_relaxed(pointer, expected, desired)                                       \
    ATOMIC(__atomic_compare_exchange_n((pointer), (expected), (desired), 0, __ATOMIC_RELAXED,      \
                                       __ATOMIC_RELAXED))
#define fetch_add_relaxed(pointer, value)                                                          \
    ATOMIC(__atomic_fetch_add((pointer), (value), __ATOMIC_RELAXED))
#define fetch_sub_acq_rel(pointer, value)                                                          \
    ATOMIC(__atomic_fetch_sub((pointer), (value), __ATOMIC_ACQ_REL))
#define fetch_or_acq_rel(pointer, value)                                                           \
    ATOMIC(__atomic_fetch_or((pointer), (value), __ATOMIC_ACQ_REL))
#define fetch_and_acq_rel(pointer, value)                                                          \
    ATOMIC(__atomic_fetch_and((pointer), (value), __ATOMIC_ACQ_REL))
