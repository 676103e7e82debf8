/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the fuzzer's arguments come from: for each kind of argument mostly values that make sense, so
 * that calls get far, and now and then anything at all.
 *
 * Handles are those that the process was given and those that its calls brought; deleted ones are
 * remembered for a while, as stale handles must name nothing. All threads of the process share them
 * without order: what another thread just deleted or replaced is as good as any.
 */
#pragma once

#include "fuzz_board.h"
#include "nasty.h"

#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define HELD_MAX 80
#define STALE_MAX 16
#define AREA (WEFT_FREE_BASE + 0x4000000) /* where mappings come and go */
#define AREA_PAGES 24
#define ENTRY_TYPE_SHIFT 32

/* A handle and its type << ENTRY_TYPE_SHIFT; 0: free. */
static volatile uint64_t held[HELD_MAX];
static volatile uint64_t stale[STALE_MAX];

static uint64_t scratch[1024] __attribute__((aligned(4096))); /* for pointers into memory */
static char visitor_stack[4096] __attribute__((aligned(4096)));

/* A thread that somebody created: makes a few calls and ends. */
static _Noreturn void visitor(uint64_t turns)
{
    for (uint64_t i = 0; i < (turns & 7); i++) {
        (void)weft_yield();
    }
    (void)weft_thread_exit(0);
    __builtin_trap();
}

static uint64_t chance(struct weft_random *random, uint64_t one_in)
{
    return weft_random_below(random, one_in) == 0;
}

/* ---- handles --------------------------------------------------------------------------------- */

static enum object_type type_by_name(const char *name)
{
    static const char *const names[] = WEFT_OBJECT_NAMES;
    for (unsigned type = 1; type < sizeof(names) / sizeof(names[0]); type++) {
        if (names[type] != NULL && strncmp(names[type], name, strlen(names[type])) == 0) {
            return (enum object_type)type;
        }
    }
    return OBJECT_NONE;
}

/* Returns the handle that had to make room, or 0. */
static uint64_t hold(struct weft_random *random, uint64_t handle, unsigned type)
{
    uint64_t entry = (uint64_t)type << ENTRY_TYPE_SHIFT | (uint32_t)handle;
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i] == 0) {
            held[i] = entry;
            return 0;
        }
    }
    uint64_t place = weft_random_below(random, HELD_MAX);
    uint64_t old = held[place];
    held[place] = entry;
    return (uint32_t)old;
}

static void forget(struct weft_random *random, uint64_t handle)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if ((uint32_t)held[i] == handle) {
            held[i] = 0;
        }
    }
    stale[weft_random_below(random, STALE_MAX)] = handle;
}

/* Was the process given it when it was started? Those fill the first slots, in their order. */
static _Bool is_given(uint64_t handle)
{
    return handle <= weft_startup()->capability_count;
}

/* A held one, of this type if it is not OBJECT_NONE; 0 where there is none. Endpoints and
 * notifications are mostly those that others use too: at others one would wait for ever. */
static uint64_t held_handle(struct weft_random *random, unsigned type)
{
    uint64_t start = weft_random_below(random, HELD_MAX);
    _Bool shared = (type == OBJECT_ENDPOINT || type == OBJECT_NOTIFICATION) && !chance(random, 16);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        uint64_t entry = held[(start + i) % HELD_MAX];
        if (entry != 0 && (type == OBJECT_NONE || entry >> ENTRY_TYPE_SHIFT == type) &&
            (!shared || is_given((uint32_t)entry))) {
            return (uint32_t)entry;
        }
    }
    return 0;
}

static uint64_t some_handle(struct weft_random *random, unsigned type)
{
    uint64_t dice = weft_random_below(random, 32);
    if (type == OBJECT_PROCESS && dice < 16) { /* of other processes, most are dead or empty */
        return HANDLE_SELF;
    }
    if (dice < 20) {
        return held_handle(random, type);
    }
    if (dice < 26) {
        return held_handle(random, OBJECT_NONE);
    }
    if (dice < 28) {
        return stale[weft_random_below(random, STALE_MAX)];
    }
    if (dice == 28) { /* of another generation of its slot */
        return held_handle(random, OBJECT_NONE) ^ (1 + weft_random_below(random, 7)) << 8;
    }
    if (dice == 29) {
        return weft_random_below(random, CAPABILITY_SLOTS + 2);
    }
    return dice == 30 ? 0 : nasty_value(random);
}

/* ---- everything else ------------------------------------------------------------------------- */

static uint64_t some_word(struct weft_random *random)
{
    switch (weft_random_below(random, 4)) {
    case 0:
        return some_handle(random, OBJECT_NONE);
    case 1:
        return weft_random_below(random, 8);
    case 2:
        return weft_deadline(weft_random_below(random, 20));
    default:
        return nasty_value(random);
    }
}

/* Memory of the caller's, full of things that a kernel might look at. */
static uint64_t some_memory(struct weft_random *random)
{
    uint64_t at = weft_random_below(random, 1024);
    for (unsigned i = 0; i < 4; i++) {
        scratch[(at + weft_random_below(random, 12)) % 1024] = some_word(random);
    }
    return (uint64_t)&scratch[at] + (chance(random, 8) ? weft_random_below(random, 8) : 0);
}

static uint64_t some_address(struct weft_random *random)
{
    uint64_t dice = weft_random_below(random, 512);
    if (dice < 300) {
        return AREA + weft_random_below(random, AREA_PAGES) * WEFT_PAGE_SIZE;
    }
    if (dice < 440) {
        return some_memory(random);
    }
    if (dice == 440) {
        return (uint64_t)&dice & ~(WEFT_PAGE_SIZE - 1); /* the stack */
    }
    if (dice == 441) {
        return WEFT_PROGRAM_BASE; /* the program */
    }
    uint64_t value = nasty_value(random);
    return value >= WEFT_PROGRAM_BASE && value < AREA && !chance(random, 200) ? AREA : value;
}

static uint64_t some_time(struct weft_random *random)
{
    if (chance(random, 200)) {
        return nasty_value(random);
    }
    return weft_deadline(weft_random_below(random, 20)) - weft_microseconds(5);
}

static uint64_t some_bits(struct weft_random *random)
{
    switch (weft_random_below(random, 8)) {
    case 0:
        return nasty_value(random);
    case 1:
    case 2:
    case 3:
        return 1ull << weft_random_below(random, 5);
    case 4:
    case 5:
    case 6:
        return weft_random_below(random, 8);
    default:
        return weft_random_below(random, 32);
    }
}

static struct weft_ipc parcels[8]; /* what goes with messages; threads may share one */

static uint32_t few(struct weft_random *random, uint32_t limit)
{
    return (uint32_t)(chance(random, 16) ? nasty_value(random) : weft_random_below(random, limit));
}

static uint64_t some_parcel(struct weft_random *random)
{
    if (chance(random, 8)) {
        return chance(random, 2) ? 0 : some_memory(random);
    }
    struct weft_ipc *parcel = &parcels[weft_random_below(random, 8)];
    *parcel = (struct weft_ipc){
        .deadline = chance(random, 8) ? 0 : some_time(random),
        .flags = few(random, 2),
        .notification = chance(random, 4) ? (uint32_t)some_handle(random, OBJECT_NOTIFICATION) : 0,
        .send_address = some_address(random),
        .receive_address = some_address(random),
        .send_bytes = chance(random, 2) ? few(random, IPC_BYTES_MAX + 1) : 0,
        .receive_bytes = few(random, IPC_BYTES_MAX + 1),
        .send_count = chance(random, 2) ? few(random, IPC_HANDLES_MAX + 1) : 0,
        .receive_count = few(random, IPC_HANDLES_MAX + 1),
    };
    for (unsigned i = 0; i < IPC_HANDLES_MAX; i++) {
        parcel->send_handles[i] = (uint32_t)some_handle(random, OBJECT_NONE);
        parcel->send_rights[i] = (uint32_t)some_bits(random);
    }
    return (uint64_t)parcel;
}

static uint64_t some_cpu(struct weft_random *random)
{
    return chance(random, 16) ? nasty_value(random)
                              : weft_random_below(random, weft_startup()->cpu_count);
}

static uint64_t some_pages(struct weft_random *random)
{
    uint64_t dice = weft_random_below(random, 64);
    if (dice < 36) {
        return weft_random_below(random, 3);
    }
    return dice < 60 ? weft_random_below(random, 40) : nasty_value(random);
}

static uint64_t some_bytes(struct weft_random *random)
{
    uint64_t dice = weft_random_below(random, 8);
    if (dice < 5) {
        return weft_random_below(random, 65);
    }
    return dice < 7 ? weft_random_below(random, 2 * WEFT_PAGE_SIZE) : nasty_value(random);
}

/* cpu | capability to CPUs << 32. */
static uint64_t some_place(struct weft_random *random)
{
    return some_cpu(random) | some_handle(random, OBJECT_CPUS) << 32;
}

/* The same, and priority << 16; perhaps with the bit that wants no handle. */
static uint64_t some_placement(struct weft_random *random)
{
    return some_place(random) | weft_random_below(random, chance(random, 8) ? 70 : 24) << 16 |
           (chance(random, 4) ? THREAD_UNNAMED : 0);
}

/* A value for an argument of this kind; `type` says what a handle should be for. */
static uint64_t some_argument(struct weft_random *random, enum weft_argument_kind kind,
                              unsigned type)
{
    switch (kind) {
    case ARGUMENT_HANDLE:
        return some_handle(random, type);
    case ARGUMENT_WORD:
        return some_word(random);
    case ARGUMENT_NUMBER:
        return chance(random, 4) ? nasty_value(random) : weft_random_below(random, 8);
    case ARGUMENT_BITS:
        return some_bits(random);
    case ARGUMENT_ACCESS:
        return chance(random, 8) ? some_bits(random)
                                 : RIGHT_READ | 1ull << weft_random_below(random, 3);
    case ARGUMENT_TIME:
        return some_time(random);
    case ARGUMENT_CPU:
        return some_cpu(random);
    case ARGUMENT_PLACEMENT:
        return some_placement(random);
    case ARGUMENT_PLACE:
        return some_place(random);
    case ARGUMENT_ADDRESS:
        return some_address(random);
    case ARGUMENT_IPC:
        return some_parcel(random);
    case ARGUMENT_CODE:
        return chance(random, 64) ? nasty_value(random) : (uint64_t)visitor;
    case ARGUMENT_STACK:
        return chance(random, 64) ? nasty_value(random)
                                  : (uint64_t)visitor_stack + sizeof(visitor_stack) - 8;
    case ARGUMENT_BYTES:
        return some_bytes(random);
    case ARGUMENT_PAGES:
        return some_pages(random);
    }
    return nasty_value(random);
}
