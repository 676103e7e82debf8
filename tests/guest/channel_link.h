/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel between a test and a child process, for the guest tests of channels. The test opens one
 * end and starts the child, which opens the other:
 *
 *     struct link link;
 *     REQUIRE(link_open(&link, cpu, WEFT_RING_RECEIVER));
 *     REQUIRE(link_start(&link, &child, "sends", cpu, value));    child_map(), child_open()
 *     expect_good_end(&child);
 *     link_close(&link);
 *
 * Define PROGRAM before including this, as for child.h.
 */
#pragma once

#include "child.h"

#include "weft/atomic.h"
#include "weft/channel.h"
#include "weft/random.h"

#define PLACE WEFT_FREE_BASE
#define PAGES 3ull
#define READ_WRITE (RIGHT_READ | RIGHT_WRITE)
#define CAPACITY 64
#define BATCH 24

struct message {
    uint64_t number, check, more[2];
};

/* A channel between this process, which receives, and a child, which sends; or the other way round.
 * For the echo the memory holds a second ring behind the first one. */
#define SECOND (PLACE + WEFT_PAGE_SIZE)

struct link {
    uint64_t memory;
    uint64_t mine, theirs; /* notifications */
    struct weft_channel channel;
};

static unused_function struct message message_of(uint64_t number)
{
    return (struct message){number, ~number, {number * 31, number << 20}};
}

static unused_function _Bool is_message(const struct message *message, uint64_t number)
{
    struct message wanted = message_of(number);
    return memcmp(message, &wanted, sizeof(wanted)) == 0;
}

static unused_function struct weft_channel_options options_at(uint64_t address, uint64_t wait,
                                                              uint64_t signal)
{
    return (struct weft_channel_options){.memory = (void *)address,
                                         .bytes = WEFT_PAGE_SIZE,
                                         .capacity = CAPACITY,
                                         .message_size = sizeof(struct message),
                                         .wait = wait,
                                         .signal = signal};
}

static unused_function _Bool link_open(struct link *link, uint32_t other, enum weft_ring_role role)
{
    if (!EXPECT_STATUS(STATUS_OK, weft_memory_create(PAGES, &link->memory)) ||
        !EXPECT_STATUS(STATUS_OK, weft_notification_create(weft_startup()->cpu, &link->mine)) ||
        !EXPECT_STATUS(STATUS_OK, weft_notification_create(other, &link->theirs)) ||
        !EXPECT_STATUS(STATUS_OK,
                       weft_memory_map(HANDLE_SELF, link->memory, PLACE, 0, PAGES, READ_WRITE))) {
        return 0;
    }
    struct weft_channel_options options = options_at(PLACE, link->mine, link->theirs);
    return EXPECT_EQUAL(0, weft_channel_open(&link->channel, &options, role));
}

static unused_function void link_close(struct link *link)
{
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, PLACE, PAGES));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(link->memory));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(link->mine));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(link->theirs));
}

static unused_function _Bool link_start(const struct link *link, struct child *child,
                                        const char *role, uint32_t cpu, uint64_t value)
{
    struct weft_grant grants[] = {{"memory", link->memory, READ_WRITE, 0},
                                  {"mine", link->theirs, RIGHT_READ, 0},
                                  {"theirs", link->mine, RIGHT_WRITE, 0}};
    struct child_options options = {.value = value};
    return child_start_with(child, role, cpu, grants, 3, &options);
}

static unused_function void expect_good_end(struct child *child)
{
    struct weft_end end = child_wait(child);
    EXPECT_EQUAL(WEFT_EXITED, end.cause);
    EXPECT_EQUAL(0, end.status);
    child_close(child);
}

/* In the child: opens its end at `address`. */
static unused_function _Bool child_open(struct weft_channel *channel, uint64_t address,
                                        enum weft_ring_role role)
{
    struct weft_channel_options options =
        options_at(address, weft_capability("mine"), weft_capability("theirs"));
    return weft_channel_open(channel, &options, role) == 0;
}

static unused_function _Bool child_map(void)
{
    return weft_memory_map(HANDLE_SELF, weft_capability("memory"), PLACE, 0, PAGES, READ_WRITE) ==
           STATUS_OK;
}
