/* SPDX-License-Identifier: Apache-2.0
 *
 * The two sides of a message storm: what the controlling process (storm.c) and the senders and receivers
 * (storm_roles.c) know of each other. It stands at the beginning of memory that all of them map; behind
 * it lie the rings of the channels, one for each sender and receiver of a group.
 *
 * Roles are started with `n=`: the number of the sender or receiver among those of all groups.
 */
#pragma once

#include "bench.h"

#include "weft/channel.h"

#define STORM_SIDE 4   /* senders of a group, and receivers of a group */
#define STORM_LOOPS 10 /* messages from a sender to each of its receivers in a round */
#define STORM_CAPACITY 16
#define STORM_GO 2ull /* bit of a sender's notification: the next round; bit 0 is its channels' */
#define STORM_BASE (WEFT_FREE_BASE + (WEFT_FREE_TOP - WEFT_FREE_BASE) / 4)

struct storm_message {
    uint64_t words[MESSAGE_WORDS];
};

struct storm {
    uint32_t receivers; /* of all groups */
    uint32_t done;      /* atomic: receivers that have all messages of the round */
};

/* What the capabilities are called by which a member reaches those of the other side of its group. */
extern const char *const storm_others[STORM_SIDE];

static inline uint64_t storm_ring_bytes(void)
{
    return weft_page_up(weft_ring_bytes(STORM_CAPACITY, sizeof(struct storm_message)));
}

static inline uint64_t storm_pages(uint64_t groups)
{
    return 1 + groups * STORM_SIDE * STORM_SIDE * storm_ring_bytes() / WEFT_PAGE_SIZE;
}

/* Ends the program where it cannot be mapped. */
struct storm *storm_map(uint64_t memory, uint64_t groups);
