/* SPDX-License-Identifier: Apache-2.0
 *
 * What the programs of the fault campaign share (injection.c): a page that all of them map. Each client counts
 * what it got from its service; only it writes its line, and the injector reads them all.
 */
#pragma once

#include "weft/atomic.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

#define INJECTION_BOARD WEFT_FREE_BASE
#define INJECTION_CLIENTS 10

/* Who counts: clients of services, and canaries. */
enum injection_client {
    CLIENT_BUS,
    CLIENT_DISK,
    CLIENT_RANDOM,
    CLIENT_CLOCK,
    CLIENT_STORE,
    CLIENT_FILES,
    CLIENT_MEMORY, /* canaries: no service is asked */
    CLIENT_PING,
    CLIENTS
};

#define INJECTION_CLIENT_NAMES                                                                     \
    {                                                                                              \
        "load_bus", "load_disk", "load_random", "load_clock", "load_store", "load_files",          \
            "canary_memory", "canary_ping"                                                         \
    }

struct injection_line {
    uint64_t good;    /* operations that went well and were checked */
    uint64_t wrong;   /* answers that cannot be, or are not what was written */
    uint64_t lost;    /* values that had been written, and an answer without error brought others */
    uint64_t cut;     /* operations that had to be asked again, as the service had died */
    uint64_t late;    /* the client's patience ended */
    uint64_t good_at; /* clock: when the last one went well */
    uint64_t pages;   /* of its memory that are free */
    uint64_t unused;
};

struct injection_board {
    struct injection_line lines[INJECTION_CLIENTS];
};

static inline struct injection_line *injection_line(enum injection_client client)
{
    return &((struct injection_board *)INJECTION_BOARD)->lines[client];
}

static inline _Bool injection_board_open(void)
{
    return weft_memory_map(HANDLE_SELF, weft_capability("board"), INJECTION_BOARD, 0, 1,
                           RIGHT_READ | RIGHT_WRITE) == STATUS_OK;
}

/* Each figure has one writer and stands for itself. */
static inline void injection_count(uint64_t *figure)
{
    weft_store64_release(figure, *figure + 1); /* [injection.line] release */
}

static inline uint64_t injection_read(const uint64_t *figure)
{
    return weft_load64_acquire(figure); /* [injection.line] acquire */
}

static inline void injection_good(enum injection_client client)
{
    struct injection_line *line = injection_line(client);
    weft_store64_release(&line->good_at, weft_cycles()); /* [injection.line] release */
    injection_count(&line->good);
}
