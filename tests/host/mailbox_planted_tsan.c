/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox_stress_tsan with a bug put in: the push has no release. ThreadSanitizer must report a data
 * race (exit code 66), or the stress test proves nothing.
 */
#include "smp/atomic.h"

#undef compare_exchange_weak_release
#define compare_exchange_weak_release(pointer, expected, desired)                                  \
    __atomic_compare_exchange_n((pointer), (expected), (desired), 1, __ATOMIC_RELAXED,             \
                                __ATOMIC_RELAXED)

#include "mailbox_stress_tsan.c"
