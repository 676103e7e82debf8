/* SPDX-License-Identifier: Apache-2.0
 *
 * userspace/lib/include/weft/atomic.h for the explorer: the operations that the library's lock-free
 * headers use become steps of it. Include this before such a header; the header's own code is what
 * runs. See explored_atomic.h.
 */
#pragma once

#include "explored_atomic.h"

#include "weft/atomic.h"

#define weft_load64_acquire(pointer) explored_load((pointer), EXPLORED_ACQUIRE, "load acquire")

#define weft_exchange64_release(pointer, value)                                                    \
    explored_modify((pointer), (value), EXPLORED_RELEASE, "exchange release")

#define weft_compare_exchange64_relaxed(pointer, expected, desired)                                \
    explored_exchanged((pointer), (expected), (desired), EXPLORED_RELAXED, false)
