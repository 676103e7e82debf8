/* SPDX-License-Identifier: Apache-2.0
 *
 * Witnesses for the tests with hostile programs: on every CPU (of the first WITNESSES_MAX) a process
 * that counts, and checks that its own memory stays as it is. Whatever the hostile program does, the
 * witnesses have to go on. The test lists role_witness() among its roles.
 */
#pragma once

#include "child.h"

#include "weft/atomic.h"

#define WITNESSES_MAX 8

/* Counts in shared memory, in its own word, and checks that its stack and code stay as they are. */
static int role_witness(uint64_t value)
{
    uint64_t memory = weft_capability("memory");
    if (weft_memory_map(HANDLE_SELF, memory, WEFT_FREE_BASE, 0, 1, RIGHT_READ | RIGHT_WRITE) !=
        STATUS_OK) {
        return 1;
    }
    uint64_t *count = (uint64_t *)WEFT_FREE_BASE + value;
    volatile uint64_t own[16];
    for (uint64_t i = 0;; i++) {
        for (unsigned word = 0; word < 16; word++) {
            own[word] = i * word;
        }
        weft_sleep_for(200);
        for (unsigned word = 0; word < 16; word++) {
            if (own[word] != i * word) {
                return 2;
            }
        }
        weft_store64_release(count, i);
    }
}

struct witnesses {
    uint64_t memory;
    uint32_t count;
    struct child children[WITNESSES_MAX];
};

static uint64_t witness_count(uint32_t index)
{
    return weft_load64_acquire((uint64_t *)WEFT_FREE_BASE + index);
}

/* Waits until each witness has counted on. Hangs, and so fails, where one does not. */
static void witnesses_go_on(const struct witnesses *witnesses)
{
    for (uint32_t i = 0; i < witnesses->count; i++) {
        uint64_t before = witness_count(i);
        while (witness_count(i) < before + 2) {
            REQUIRE(weft_process_end(witnesses->children[i].process).cause == WEFT_ALIVE);
            weft_sleep_for(200);
        }
    }
}

static _Bool witnesses_start(struct witnesses *witnesses)
{
    witnesses->count = 0;
    if (!EXPECT_STATUS(STATUS_OK, weft_memory_create(1, &witnesses->memory)) ||
        !EXPECT_STATUS(STATUS_OK, weft_memory_map(HANDLE_SELF, witnesses->memory, WEFT_FREE_BASE, 0,
                                                  1, RIGHT_READ))) {
        return 0;
    }
    struct weft_grant grants[] = {{"memory", witnesses->memory, RIGHT_READ | RIGHT_WRITE, 0}};
    for (uint32_t cpu = 0; cpu < cpu_count() && cpu < WITNESSES_MAX; cpu++) {
        struct child_options options = {.value = cpu};
        if (!child_start_with(&witnesses->children[cpu], "witness", cpu, grants, 1, &options)) {
            return 0;
        }
        witnesses->count++;
    }
    witnesses_go_on(witnesses);
    return 1;
}

static void witnesses_end(struct witnesses *witnesses)
{
    witnesses_go_on(witnesses);
    for (uint32_t i = 0; i < witnesses->count; i++) {
        EXPECT_EQUAL(WEFT_ALIVE, weft_process_end(witnesses->children[i].process).cause);
        child_kill(&witnesses->children[i]);
    }
    EXPECT_STATUS(STATUS_OK, weft_memory_unmap(HANDLE_SELF, WEFT_FREE_BASE, 1));
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(witnesses->memory));
}

static struct witnesses witnesses;
