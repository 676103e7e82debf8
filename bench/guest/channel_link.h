/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels between this process and a partner, one each way, in memory that both map.
 *
 *     channel_link_open(&link, "channel_echo", cpu, shape);     our thread is on CPU 0
 *     weft_channel_send(&link.there, ...), weft_channel_receive(&link.back, ...)
 *     channel_link_close(&link);
 *
 * One link at a time. The partner finds the shape of the channels at the beginning of the memory.
 */
#pragma once

#include "bench.h"

#include "weft/channel.h"

struct channel_shape {
    uint64_t message_size, capacity;
    uint32_t polls; /* looks before each sleep, on both sides */
};

struct channel_link {
    struct bench_partner partner;
    struct weft_channel there, back;
    uint64_t memory, pages, mine, theirs; /* the notifications on which we and they sleep */
};

void channel_link_open(struct channel_link *link, const char *role, uint32_t cpu,
                       struct channel_shape shape);
void channel_link_close(struct channel_link *link);

/* For roles: opens the partner's ends. */
void channel_link_join(struct weft_channel *there, struct weft_channel *back);
