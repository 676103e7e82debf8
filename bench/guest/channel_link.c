/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels between this process and a partner; channel_link.h says how they are used. The memory holds
 * the shape on its first page, then the ring to the partner, then the ring back.
 */
#include "channel_link.h"

#include "weft/startup.h"

#define BASE (WEFT_FREE_BASE + (WEFT_FREE_TOP - WEFT_FREE_BASE) / 4)

static uint64_t ring_bytes(const struct channel_shape *shape)
{
    return weft_page_up(weft_ring_bytes(shape->capacity, shape->message_size));
}

static uint64_t pages_of(const struct channel_shape *shape)
{
    return 1 + 2 * ring_bytes(shape) / WEFT_PAGE_SIZE;
}

static struct channel_shape *map(uint64_t memory, uint64_t pages)
{
    if (weft_memory_map(HANDLE_SELF, memory, BASE, 0, pages, RIGHT_READ | RIGHT_WRITE) !=
        STATUS_OK) {
        weft_fail("the channels cannot be mapped");
    }
    return (struct channel_shape *)BASE;
}

/* The ring number 0 leads to the partner, number 1 back. */
static void open_end(struct weft_channel *channel, const struct channel_shape *shape,
                     unsigned number, uint64_t wait, uint64_t signal, enum weft_ring_role role)
{
    struct weft_channel_options options = {
        .memory = (void *)(BASE + WEFT_PAGE_SIZE + number * ring_bytes(shape)),
        .bytes = ring_bytes(shape),
        .capacity = shape->capacity,
        .message_size = shape->message_size,
        .wait = wait,
        .signal = signal,
        .polls = shape->polls,
    };
    if (weft_channel_open(channel, &options, role) != 0) {
        weft_fail("a channel cannot be opened");
    }
}

void channel_link_open(struct channel_link *link, const char *role, uint32_t cpu,
                       struct channel_shape shape)
{
    link->pages = pages_of(&shape);
    link->mine = bench_notification(0);
    link->theirs = bench_notification(cpu);
    if (weft_memory_create(link->pages, &link->memory) != STATUS_OK) {
        weft_fail("channels: no memory is left");
    }
    *map(link->memory, link->pages) = shape;
    open_end(&link->there, &shape, 0, link->mine, link->theirs, WEFT_RING_SENDER);
    open_end(&link->back, &shape, 1, link->mine, link->theirs, WEFT_RING_RECEIVER);
    struct weft_grant grants[] = {
        {"channels", link->memory, RIGHT_READ | RIGHT_WRITE, 0},
        {"wait", link->theirs, RIGHT_READ, 0},
        {"signal", link->mine, RIGHT_WRITE, 0},
    };
    bench_partner_start(&link->partner, role, cpu, grants, 3);
}

void channel_link_close(struct channel_link *link)
{
    bench_partner_end(&link->partner);
    if (weft_memory_unmap(HANDLE_SELF, BASE, link->pages) != STATUS_OK) {
        weft_fail("the channels cannot be unmapped");
    }
    (void)weft_cap_delete(link->memory);
    (void)weft_cap_delete(link->mine);
    (void)weft_cap_delete(link->theirs);
}

void channel_link_join(struct weft_channel *there, struct weft_channel *back)
{
    uint64_t memory = weft_capability("channels");
    uint64_t wait = weft_capability("wait"), signal = weft_capability("signal");
    struct channel_shape shape = *map(memory, 1);
    if (weft_memory_unmap(HANDLE_SELF, BASE, 1) != STATUS_OK) {
        weft_fail("the channels cannot be unmapped");
    }
    (void)map(memory, pages_of(&shape));
    open_end(there, &shape, 0, wait, signal, WEFT_RING_RECEIVER);
    open_end(back, &shape, 1, wait, signal, WEFT_RING_SENDER);
}
