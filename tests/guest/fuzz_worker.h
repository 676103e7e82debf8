/* SPDX-License-Identifier: Apache-2.0
 *
 * A process of the fuzzer: FUZZ_THREADS threads that make random system calls until somebody ends
 * them, or they themselves.
 *
 * A call may block for good; then the arena ends the process in the end. Calls in which threads got
 * stuck often are made more seldom, so that this stays a small part of all work. Calls that would end
 * the process at once are seldom from the start.
 */
#pragma once

#include "fuzz_values.h"

#include "weft/thread.h"

#define STUCK_ONE_IN 1500 /* calls; beyond that, the guilty ones are made more seldom */
#define FATAL_ONE_IN 1000
#define FUZZ_PRIORITY 24

static uint64_t worker_seed;
static _Bool worker_hoards; /* until its capability table and its memory are full */
static struct fuzz_tally *worker_tallies;

/* Is it better not to make this call now? */
static _Bool spared(struct weft_random *random, uint64_t number, const uint64_t *arguments)
{
    if (number >= SYSCALL_COUNT) {
        return 0;
    }
    switch (number) {
    case SYSCALL_THREAD_EXIT:
    case SYSCALL_PROCESS_EXIT:
        return !chance(random, FATAL_ONE_IN);
    case SYSCALL_PROCESS_KILL:
        return arguments[0] == HANDLE_SELF && !chance(random, FATAL_ONE_IN);
    case SYSCALL_CAP_DELETE:
        return is_given(arguments[0]) && !chance(random, FATAL_ONE_IN);
    default:
        return (uint64_t)FUZZ_BOARD->stuck[number] * STUCK_ONE_IN > FUZZ_BOARD->progress &&
               !chance(random, 64);
    }
}

static void choose_call(struct weft_random *random, uint64_t *number, uint64_t arguments[6])
{
    do {
        *number = weft_random_below(random, SYSCALL_COUNT);
        if (chance(random, 100)) {
            *number = chance(random, 2) ? SYSCALL_COUNT + weft_random_below(random, 3)
                                        : nasty_value(random);
        }
        const struct weft_syscall_description *call = &fuzz_calls[*number % SYSCALL_COUNT];
        for (unsigned i = 0; i < 6; i++) {
            arguments[i] = i < call->count ? some_argument(random, call->kinds[i], call->types[i])
                           : chance(random, 4) ? some_memory(random)
                                               : 0;
        }
    } while (spared(random, *number, arguments));
}

static unsigned status_index(status_t status)
{
    if (status >= 0) {
        return 0;
    }
    return -status < FUZZ_STRANGE ? (unsigned)-status : FUZZ_STRANGE;
}

/* Makes one call and counts it. */
static status_t counted_call(struct fuzz_tally *tally, uint64_t number, uint64_t arguments[6])
{
    unsigned call = number < SYSCALL_COUNT ? (unsigned)number : FUZZ_UNKNOWN;
    tally->calls++;
    tally->begun[call]++;
    tally->under_way = call + 1;
    status_t status = weft_syscall_any(number, arguments);
    tally->under_way = 0;
    tally->ended[call][status_index(status)]++;
    return status;
}

static void delete_handle(struct weft_random *random, struct fuzz_tally *tally, uint64_t handle)
{
    uint64_t arguments[6] = {handle};
    if (counted_call(tally, SYSCALL_CAP_DELETE, arguments) == STATUS_OK) {
        forget(random, handle);
    }
}

/* Capabilities that came with a message. */
static void hold_received(struct weft_random *random, const uint64_t *arguments, status_t status)
{
    const struct weft_ipc *parcel = (const struct weft_ipc *)arguments[5];
    for (uint32_t i = 0; i < WEFT_IPC_HANDLES(status) && i < IPC_HANDLES_MAX; i++) {
        (void)hold(random, parcel->receive_handles[i], OBJECT_NONE);
    }
}

/* Remembers what a call brought, or took away. */
static void learn(struct weft_random *random, struct fuzz_tally *tally, uint64_t number,
                  uint64_t handle, uint64_t result)
{
    if (number == SYSCALL_CAP_DELETE) {
        forget(random, handle);
    } else if (number < SYSCALL_COUNT && fuzz_calls[number].returns_handle) {
        uint64_t old = hold(random, result, fuzz_calls[number].result_type);
        if (!is_given(old) && !worker_hoards) {
            delete_handle(random, tally, old);
        }
    }
}

static void fuzz(void *argument)
{
    uint64_t index = (uint64_t)argument;
    struct fuzz_tally *tally = &worker_tallies[index];
    struct weft_random random = {worker_seed * 0x10001 + index};
    for (;;) {
        uint64_t number, arguments[6];
        choose_call(&random, &number, arguments);
        uint64_t handle = arguments[0];
        status_t status = counted_call(tally, number, arguments);
        if (status == STATUS_OK) {
            learn(&random, tally, number, handle, arguments[2]);
        } else if (status > 0) {
            hold_received(&random, arguments, status);
        }
        if (!worker_hoards && chance(&random, 40)) { /* so that the table does not stay full */
            handle = held_handle(&random, OBJECT_NONE);
            if (!is_given(handle)) {
                delete_handle(&random, tally, handle);
            }
        }
    }
}

static void hold_what_was_given(struct weft_random *random)
{
    for (uint32_t i = 0; i < weft_startup()->capability_count; i++) {
        const struct weft_startup_capability *given = &weft_startup()->capabilities[i];
        (void)hold(random, given->handle, type_by_name(given->name));
    }
}

/* `value`: the number of the process << 32 | its seed. */
static int role_worker(uint64_t value)
{
    struct weft_random random = {(uint32_t)value};
    uint64_t board = weft_capability("board");
    if (weft_memory_map(HANDLE_SELF, board, WEFT_FREE_BASE, 0, FUZZ_BOARD_PAGES,
                        RIGHT_READ | RIGHT_WRITE) != STATUS_OK ||
        weft_cap_delete(board) != STATUS_OK) {
        return 1;
    }
    worker_seed = (uint32_t)value;
    worker_hoards = chance(&random, 8);
    worker_tallies = &FUZZ_BOARD->tallies[(value >> 32) * FUZZ_THREADS];
    hold_what_was_given(&random);
    for (uint64_t i = 1; i < FUZZ_THREADS; i++) {
        (void)weft_thread_start(NULL, "fuzz",
                                (uint32_t)weft_random_below(&random, weft_startup()->cpu_count),
                                FUZZ_PRIORITY - (uint32_t)chance(&random, 8), fuzz, (void *)i);
    }
    fuzz((void *)0);
    return 0;
}
