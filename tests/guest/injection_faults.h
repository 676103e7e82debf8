/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults of the campaign, each a way to spoil a service that runs (docs/faults.md has the list). Where and
 * how much is chosen by the generator that is handed in. A fault is put in at once; what comes of it is
 * for the caller to see.
 */
#pragma once

#include "injection_parasite.h"

#include "weft/random.h"
#include "weft/supervisor.h"

#define FAULT_PLACE (WEFT_FREE_BASE + 0x1000000) /* here, and so much for each victim: */
#define FAULT_ROOM 0x1000000ull
#define FAULT_DATA_OFFSET 0x800000ull
#define FAULT_ORDERS_OFFSET 0xf00000ull
#define FAULT_BITS 8      /* at most, of one fault */
#define FAULT_MESSAGES 16 /* at most */
#define FAULT_CODE_PAGES 2
#define FAULT_PRIORITY 59 /* of the parasite: above all services, below the injector */

enum fault_kind {
    FAULT_KILL,
    FAULT_LOOP,
    FAULT_WAIT,
    FAULT_REGISTERS,
    FAULT_CODE,
    FAULT_DATA,
    FAULT_WILD,
    FAULT_DEAF,
    FAULT_INTERRUPTS,
    FAULT_MESSAGE,
    FAULT_MEMORY,
    FAULT_SLOTS,
    FAULT_FORGET,
    FAULT_KINDS
};
#define FAULT_NAMES                                                                                \
    {                                                                                              \
        "kill", "loop", "wait", "registers", "code", "data", "wild", "deaf", "interrupts",         \
            "message", "memory", "slots", "forget"                                                 \
    }

/* A service under attack, as far as it is open. */
struct fault_victim {
    const char *name;     /* of the service */
    const char *endpoint; /* which the injector may call */
    uint32_t cpu;
    uint64_t place;            /* where its code, its data and the orders are mapped here */
    struct weft_inside inside; /* instance 0: nothing is */
    uint64_t orders;           /* memory */
};

static uint64_t fault_page; /* the parasite's code */

/* ---- the way in --------------------------------------------------------------------------------- */

static unused_function status_t fault_make_code(void)
{
    status_t status = weft_memory_create(FAULT_CODE_PAGES, &fault_page);
    for (uint64_t i = 0; i < FAULT_CODE_PAGES && status == STATUS_OK; i++) {
        status = weft_memory_write(fault_page, i * WEFT_PAGE_SIZE,
                                   (uint64_t)parasite_write + i * WEFT_PAGE_SIZE, WEFT_PAGE_SIZE);
    }
    return status;
}

static void fault_close(struct fault_victim *victim)
{
    struct weft_inside *inside = &victim->inside;
    if (inside->instance == 0) {
        return;
    }
    (void)weft_memory_unmap(HANDLE_SELF, victim->place, inside->code_pages);
    (void)weft_memory_unmap(HANDLE_SELF, victim->place + FAULT_DATA_OFFSET, inside->data_pages);
    (void)weft_memory_unmap(HANDLE_SELF, victim->place + FAULT_ORDERS_OFFSET, 1);
    for (uint32_t i = 0; i < 4; i++) {
        (void)weft_cap_delete(inside->handles[i]);
    }
    if (victim->orders != 0) {
        (void)weft_cap_delete(victim->orders);
    }
    victim->orders = 0;
    *inside = (struct weft_inside){0};
}

/* The parasite's pages, here and there. */
static status_t fault_enter(struct fault_victim *victim)
{
    uint64_t process = victim->inside.handles[WEFT_INSIDE_PROCESS];
    status_t status = weft_memory_create(1, &victim->orders);
    if (status == STATUS_OK) {
        status = weft_memory_map(HANDLE_SELF, victim->orders, victim->place + FAULT_ORDERS_OFFSET,
                                 0, 1, RIGHT_READ | RIGHT_WRITE);
    }
    if (status == STATUS_OK) {
        status = weft_memory_map(process, victim->orders, PARASITE_ORDERS, 0, 1,
                                 RIGHT_READ | RIGHT_WRITE);
    }
    if (status == STATUS_OK) {
        status = weft_memory_map(process, fault_page, PARASITE_CODE, 0, FAULT_CODE_PAGES,
                                 RIGHT_READ | RIGHT_EXECUTE);
    }
    return status;
}

static status_t fault_map(struct fault_victim *victim)
{
    struct weft_inside *inside = &victim->inside;
    status_t status = weft_memory_map(HANDLE_SELF, inside->handles[WEFT_INSIDE_CODE], victim->place,
                                      0, inside->code_pages, RIGHT_READ | RIGHT_WRITE);
    if (status == STATUS_OK) {
        status = weft_memory_map(HANDLE_SELF, inside->handles[WEFT_INSIDE_DATA],
                                 victim->place + FAULT_DATA_OFFSET, 0, inside->data_pages,
                                 RIGHT_READ | RIGHT_WRITE);
    }
    return status == STATUS_OK ? fault_enter(victim) : status;
}

/* Opens the instance that runs now, unless it is open already. */
static unused_function status_t fault_open(struct fault_victim *victim, uint32_t instance)
{
    struct weft_inside *inside = &victim->inside;
    if (inside->instance == instance) {
        return STATUS_OK;
    }
    fault_close(victim);
    status_t status = weft_supervisor_open(victim->name, inside);
    if (status != STATUS_OK) {
        *inside = (struct weft_inside){0};
        return status;
    }
    status = fault_map(victim);
    if (status != STATUS_OK) {
        fault_close(victim);
    }
    return status;
}

/* ---- orders for the parasite -------------------------------------------------------------------- */

static struct parasite_orders *fault_orders(const struct fault_victim *victim)
{
    return (struct parasite_orders *)(victim->place + FAULT_ORDERS_OFFSET);
}

static status_t fault_order(struct fault_victim *victim, parasite_function *function)
{
    uint64_t id;
    uint64_t entry = PARASITE_CODE + ((uint64_t)function - (uint64_t)parasite_write);
    return weft_thread_create(victim->inside.handles[WEFT_INSIDE_PROCESS],
                              victim->cpu | (uint64_t)FAULT_PRIORITY << 16 | THREAD_UNNAMED, entry,
                              PARASITE_STACK_TOP - 8, PARASITE_ORDERS, &id);
}

/* Where a wild write goes: mostly where the service has memory, sometimes anywhere. */
static uint64_t fault_address(const struct fault_victim *victim, struct weft_random *random)
{
    const struct weft_inside *inside = &victim->inside;
    uint64_t base, bytes;
    switch (weft_random_below(random, 8)) {
    case 0: /* registers of its device, and memory that it shares with the device */
        base = WEFT_FREE_BASE;
        bytes = 64 * WEFT_PAGE_SIZE;
        break;
    case 1: /* what it shares with init, and its state */
        base = weft_random_below(random, 2) ? WEFT_SERVICE_BASE : WEFT_STATE_BASE;
        bytes = WEFT_PAGE_SIZE;
        break;
    case 2: /* the part of its stack that is in use */
    case 3:
        base = WEFT_MAIN_STACK_TOP - 1024;
        bytes = 1024;
        break;
    case 4:
        return weft_random_next(random) >> 17 & ~7ull;
    default:
        base = inside->data_address;
        bytes = inside->data_pages * WEFT_PAGE_SIZE;
    }
    return base + (weft_random_below(random, bytes) & ~7ull);
}

static status_t fault_wild(struct fault_victim *victim, struct weft_random *random)
{
    struct parasite_orders *orders = fault_orders(victim);
    orders->count = 1 + weft_random_below(random, FAULT_BITS);
    for (uint64_t i = 0; i < orders->count; i++) {
        orders->writes[i].address = fault_address(victim, random);
        orders->writes[i].value = weft_random_next(random);
        orders->writes[i].mask =
            weft_random_below(random, 2) ? 1ull << weft_random_below(random, 64) : 0;
    }
    return fault_order(victim, parasite_write);
}

/* ---- in its memory ------------------------------------------------------------------------------ */

static status_t fault_flip(uint64_t place, uint64_t pages, struct weft_random *random)
{
    for (uint64_t i = weft_random_below(random, FAULT_BITS) + 1; i > 0; i--) {
        volatile uint8_t *byte =
            (volatile uint8_t *)(place + weft_random_below(random, pages * WEFT_PAGE_SIZE));
        *byte = (uint8_t)(*byte ^ 1u << weft_random_below(random, 8));
    }
    return STATUS_OK;
}

/* After its next system call the service goes round for ever: x86's `jmp .` stands there. */
static status_t fault_loop(const struct fault_victim *victim)
{
    volatile uint8_t *code = (volatile uint8_t *)victim->place;
    for (uint64_t i = 0; i + 4 <= victim->inside.code_pages * WEFT_PAGE_SIZE; i++) {
        if (code[i] == 0x0f && code[i + 1] == 0x05) {
            code[i + 2] = 0xeb;
            code[i + 3] = 0xfe;
        }
    }
    return STATUS_OK;
}

/* A flipped bit in a register. What the thread waited for is over, too. */
static status_t fault_registers(const struct fault_victim *victim, struct weft_random *random)
{
    struct weft_registers registers;
    uint64_t thread = victim->inside.handles[WEFT_INSIDE_THREAD];
    status_t status = weft_thread_suspend(thread);
    if (status == STATUS_OK) {
        status = weft_thread_registers_read(thread, (uint64_t)&registers);
    }
    if (status == STATUS_OK) {
        uint64_t *words = (uint64_t *)&registers;
        words[weft_random_below(random, sizeof(registers) / 8)] ^= 1ull
                                                                   << weft_random_below(random, 64);
        (void)weft_thread_registers_write(thread, (uint64_t)&registers); /* or it may not be so */
        status = weft_thread_resume(thread);
    }
    return status;
}

/* ---- from outside ------------------------------------------------------------------------------- */

/* Messages that no client would send: wrong numbers, wrong bytes, capabilities of the wrong kind. */
static status_t fault_message(const struct fault_victim *victim, struct weft_random *random)
{
    static uint8_t bytes[IPC_BYTES_MAX];
    static const uint64_t masks[] = {0x7, 0xff, 0xffff, ~0ull};
    for (uint64_t i = weft_random_below(random, FAULT_MESSAGES) + 1; i > 0; i--) {
        struct weft_message message;
        struct weft_ipc ipc = {
            .deadline = weft_cycles() + weft_startup()->clock_hz / 200,
            .send_address = (uint64_t)bytes,
            .receive_address = (uint64_t)bytes,
            .send_bytes = (uint32_t)(weft_random_below(random, 4) == 0
                                         ? weft_random_below(random, sizeof(bytes))
                                         : 0),
            .receive_bytes = (uint32_t)weft_random_below(random, sizeof(bytes)),
            .send_count = weft_random_below(random, 2) ? 1 : 0,
            .send_handles = {(uint32_t)fault_page},
            .send_rights = {RIGHT_READ},
        };
        message.words[0] = weft_random_next(random) & 0xf;
        for (uint32_t word = 1; word < 4; word++) {
            message.words[word] = weft_random_next(random) & masks[weft_random_below(random, 4)];
        }
        for (uint32_t at = 0; at < ipc.send_bytes; at++) {
            bytes[at] = (uint8_t)weft_random_next(random);
        }
        (void)weft_ipc_call_with(weft_capability(victim->endpoint), &message, &ipc);
    }
    return STATUS_OK;
}

/* ---- all of them -------------------------------------------------------------------------------- */

/* STATUS_OK: it is in. Else nothing has happened, as the victim has just ended, or cannot have this fault. */
static unused_function status_t fault_inject(struct fault_victim *victim, enum fault_kind kind,
                                             struct weft_random *random)
{
    struct weft_inside *inside = &victim->inside;
    struct parasite_orders *orders = fault_orders(victim);
    *orders = (struct parasite_orders){.seed = weft_random_next(random),
                                       .count = 1 + weft_random_below(random, FAULT_BITS)};
    switch (kind) {
    case FAULT_KILL:
        return weft_process_kill(inside->handles[WEFT_INSIDE_PROCESS]);
    case FAULT_LOOP:
        return fault_loop(victim);
    case FAULT_WAIT:
        return weft_thread_suspend(inside->handles[WEFT_INSIDE_THREAD]);
    case FAULT_REGISTERS:
        return fault_registers(victim, random);
    case FAULT_CODE:
        return fault_flip(victim->place, inside->code_pages, random);
    case FAULT_DATA:
        return fault_flip(victim->place + FAULT_DATA_OFFSET, inside->data_pages, random);
    case FAULT_WILD:
        return fault_wild(victim, random);
    case FAULT_DEAF:
        return fault_order(victim, parasite_deaf);
    case FAULT_INTERRUPTS:
        return fault_order(victim, parasite_interrupt);
    case FAULT_MESSAGE:
        return fault_message(victim, random);
    case FAULT_MEMORY:
        return fault_order(victim, parasite_memory);
    case FAULT_SLOTS:
        return fault_order(victim, parasite_slots);
    default:
        return fault_order(victim, parasite_forget);
    }
}
