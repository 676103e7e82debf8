/* SPDX-License-Identifier: Apache-2.0
 *
 * Code that runs inside of a service, with the service's own rights: what a service that has gone wrong would
 * do. The injector maps a page of its own program and a page of orders into the service, and starts a thread
 * there for each order; when the order is carried out the thread ends, and nothing of it is left
 * but what it did.
 *
 * The functions stand on their own: they call nothing, and have no constants in memory (the service has
 * another program there).
 */
#pragma once

#include "child.h"

#define PARASITE_CODE 0x3eff0000ull /* at the end of where stacks lie: no page tables of its own */
#define PARASITE_ORDERS 0x3eff2000ull
#define PARASITE_STACK_TOP (PARASITE_ORDERS + WEFT_PAGE_SIZE)
#define PARASITE_WRITES 16

struct parasite_orders {
    uint64_t count;
    uint64_t seed;
    struct {
        uint64_t address, value;
        uint64_t mask; /* the bits that change; 0: all of them become `value` */
    } writes[PARASITE_WRITES];
    uint64_t done; /* steps that were carried out */
};

typedef void parasite_function(struct parasite_orders *orders);

#define PARASITE __attribute__((section(".text.parasite"), noinline, used))

/* The first in its section, on a page of its own. */
PARASITE __attribute__((aligned(4096))) static void parasite_write(struct parasite_orders *orders)
{
    for (uint64_t i = 0; i < orders->count; i++) {
        volatile uint64_t *word = (volatile uint64_t *)orders->writes[i].address;
        uint64_t value = orders->writes[i].value, mask = orders->writes[i].mask;
        *word = mask != 0 ? *word ^ mask : value;
        orders->done = i + 1;
    }
    (void)weft_thread_exit(0);
}

/* Uses the quota up, for good. */
PARASITE static void parasite_memory(struct parasite_orders *orders)
{
    uint64_t handle;
    for (uint64_t pages = 64; pages > 0; pages /= 4) {
        while (weft_memory_create(pages, &handle) == STATUS_OK) {
            orders->done += pages;
        }
    }
    (void)weft_thread_exit(0);
}

/* Fills the table of capabilities. */
PARASITE static void parasite_slots(struct parasite_orders *orders)
{
    uint64_t handle;
    while (weft_notification_create(0, &handle) == STATUS_OK) {
        orders->done++;
    }
    (void)weft_thread_exit(0);
}

/* Throws away capabilities: `count` of the first 32, beginning anywhere. */
PARASITE static void parasite_forget(struct parasite_orders *orders)
{
    uint64_t kind;
    for (uint64_t i = 0; i < 32 && orders->done < orders->count; i++) {
        uint64_t handle = 2 + (orders->seed + i) % 32;
        if (weft_cap_inspect(handle, 0, &kind) == STATUS_OK) {
            (void)weft_cap_delete(handle);
            orders->done++;
        }
    }
    (void)weft_thread_exit(0);
}

/* Interrupts that never were: `count` signals of every notification that the service waits for. */
PARASITE static void parasite_interrupt(struct parasite_orders *orders)
{
    uint64_t kind;
    for (uint64_t handle = 2; handle < CAPABILITY_SLOTS; handle++) {
        if (weft_cap_inspect(handle, 0, &kind) == STATUS_OK &&
            (kind & 0xff) == OBJECT_NOTIFICATION && (kind >> 8 & RIGHT_READ) != 0) {
            for (uint64_t i = 0; i < orders->count; i++) {
                (void)weft_notification_signal(handle, 1);
                orders->done++;
            }
        }
    }
    (void)weft_thread_exit(0);
}

/* Interrupts that never come: what the service was given to hear of them is gone. */
PARASITE static void parasite_deaf(struct parasite_orders *orders)
{
    uint64_t kind;
    for (uint64_t handle = 2; handle < CAPABILITY_SLOTS; handle++) {
        if (weft_cap_inspect(handle, 0, &kind) == STATUS_OK && (kind & 0xff) == OBJECT_INTERRUPT) {
            (void)weft_cap_delete(handle);
            orders->done++;
        }
    }
    (void)weft_thread_exit(0);
}
