/* SPDX-License-Identifier: Apache-2.0
 *
 * The word of a notification: bits that any CPU sets and the owner takes, with one more bit that
 * says whether the notification is on its way to its owner. No kernel includes; tested on the host.
 *
 * A notification has one mailbox node, so it may be pushed once at a time. Who sets the first bits
 * while IN_FLIGHT is clear pushes; who finds it set adds its bits to what travels already. The owner
 * clears IN_FLIGHT before it looks at the bits: a signal after that pushes again, a signal before
 * that is seen. Both are read-modify-writes of one word, so there is no third case.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smp/atomic.h"

#define SIGNAL_IN_FLIGHT (1ull << 63)
#define SIGNAL_BITS (~SIGNAL_IN_FLIGHT)

/* Any CPU but the owner. True: the caller must push the notification to its owner. */
static inline bool signal_word_set_remote(uint64_t *word, uint64_t bits)
{
    /* [signal.set] release: what the signaller wrote before is seen by who takes the bits; acquire
     * orders the push after it. Pairs with [signal.take]. */
    return !(fetch_or_acq_rel(word, (bits & SIGNAL_BITS) | SIGNAL_IN_FLIGHT) & SIGNAL_IN_FLIGHT);
}

/* The owner signals itself: nothing needs to travel. */
static inline void signal_word_set_local(uint64_t *word, uint64_t bits)
{
    fetch_or_acq_rel(word, bits & SIGNAL_BITS); /* [signal.set] as above */
}

/* Owner, when the notification has arrived. From here on it may be pushed again. */
static inline void signal_word_arrived(uint64_t *word)
{
    fetch_and_acq_rel(word, SIGNAL_BITS); /* [signal.take] see there */
}

/* Owner. Takes and clears all bits; 0: none was set. */
static inline uint64_t signal_word_take(uint64_t *word)
{
    /* Relaxed: the owner's own guess; the bits are taken by the operation below. */
    if ((load_relaxed(word) & SIGNAL_BITS) == 0) {
        return 0;
    }
    /* [signal.take] acquire: see what the signaller wrote. Pairs with [signal.set]. */
    return fetch_and_acq_rel(word, SIGNAL_IN_FLIGHT) & SIGNAL_BITS;
}
