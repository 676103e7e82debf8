/* SPDX-License-Identifier: Apache-2.0
 *
 * channel_stress_tsan with a bug put in: a move has no release. ThreadSanitizer must report a data race
 * (exit code 66), or the stress test proves nothing.
 */
#include "weft/atomic.h"

#define weft_exchange64_release(pointer, wanted)                                                   \
    __atomic_exchange_n((pointer), (wanted), __ATOMIC_RELAXED)

#include "channel_stress_tsan.c"
