/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzer's processes and its test share: who made which calls, and how these ended.
 *
 * Each fuzzing thread has a tally that nobody else writes; a thread that takes the place of a killed
 * one goes on with its tally. A call is counted before it is made and again when it returns, so the
 * sums are exact after all have been killed, whenever that was.
 */
#pragma once

#include <stdint.h>

#include "weft/ktap.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/syscall_table.h"

#define FUZZ_PROCESSES 10
#define FUZZ_THREADS 3             /* in each */
#define FUZZ_UNKNOWN SYSCALL_COUNT /* all calls with numbers that do not exist */
#define FUZZ_CALLS (SYSCALL_COUNT + 1)
#define FUZZ_STATUSES 32
#define FUZZ_STRANGE (FUZZ_STATUSES - 1) /* what is no status of the ABI */
#define FUZZ_BOARD ((struct fuzz_board *)WEFT_FREE_BASE)

struct fuzz_tally {
    volatile uint64_t calls;     /* atomic: one writer */
    volatile uint32_t under_way; /* atomic: one writer; number + 1; 0: none */
    volatile uint32_t begun[FUZZ_CALLS];
    volatile uint32_t ended[FUZZ_CALLS][FUZZ_STATUSES]; /* by negated status */
};

struct fuzz_board {
    volatile uint32_t
        stuck[FUZZ_CALLS]; /* atomic: written by the arena; threads that it had to end in them */
    volatile uint64_t progress; /* atomic: written by the arena; calls made, about */
    volatile uint32_t lives;    /* atomic: written by the arena; processes that it has started */
    struct fuzz_tally tallies[FUZZ_PROCESSES * FUZZ_THREADS];
};

#define FUZZ_BOARD_PAGES ((sizeof(struct fuzz_board) + 4095) / 4096)

static const struct weft_syscall_description fuzz_calls[SYSCALL_COUNT] = WEFT_SYSCALL_DESCRIPTIONS;

static __attribute__((unused)) uint64_t fuzz_calls_made(const struct fuzz_board *board)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FUZZ_PROCESSES * FUZZ_THREADS; i++) {
        sum += board->tallies[i].calls;
    }
    return sum;
}

/* ---- results --------------------------------------------------------------------------------- */

static uint64_t fuzz_begun(const struct fuzz_board *board, unsigned call)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FUZZ_PROCESSES * FUZZ_THREADS; i++) {
        sum += board->tallies[i].begun[call];
    }
    return sum;
}

static uint64_t fuzz_ended(const struct fuzz_board *board, unsigned call, unsigned status)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FUZZ_PROCESSES * FUZZ_THREADS; i++) {
        sum += board->tallies[i].ended[call][status];
    }
    return sum;
}

/* One line for the host: how often the call was made and what came of it. A status that the ABI does
 * not announce for it is a failure. */
static void fuzz_report_call(const struct fuzz_board *board, unsigned call)
{
    struct weft_line line = {0};
    _Bool known = call != FUZZ_UNKNOWN;
    uint64_t statuses = known ? fuzz_calls[call].statuses : 1ull << -STATUS_BAD_SYSCALL;
    const char *name = known ? fuzz_calls[call].name : "unknown";
    _Bool first = 1;
    (void)weft_line_add(&line,
                        "@weft {\"record\":\"fuzz\",\"call\":\"%s\",\"made\":%lu,\"ended\":{", name,
                        fuzz_begun(board, call));
    for (unsigned status = 0; status < FUZZ_STATUSES; status++) {
        uint64_t times = fuzz_ended(board, call, status);
        if (times == 0) {
            continue;
        }
        (void)weft_line_add(&line, "%s\"%s\":%lu", first ? "" : ",",
                            ktap_status_name(-(status_t)status), times);
        first = 0;
        if ((statuses >> status & 1) == 0) {
            ktap_note("%s returned %s, which kernel/abi/abi.toml does not announce", name,
                      ktap_status_name(-(status_t)status));
            ktap_failed(__FILE_NAME__, __LINE__, "an announced status");
        }
    }
    (void)weft_line_add(&line, "},\"stuck\":%u}", board->stuck[call]);
    weft_line_print(&line);
}

static __attribute__((unused)) void fuzz_report(const struct fuzz_board *board)
{
    for (unsigned call = 0; call < FUZZ_CALLS; call++) {
        fuzz_report_call(board, call);
    }
    weft_print("@weft {\"record\":\"fuzz_sum\",\"calls\":%lu,\"lives\":%u}\n",
               fuzz_calls_made(board), board->lives);
}
