/* SPDX-License-Identifier: Apache-2.0
 *
 * The load of the fault campaign: one client for each service, which checks every answer, and canaries, which
 * nobody's fault may reach. Each is a process of its own and works for ever. A client asks again
 * when its service dies, as any program would, and says what it saw on the board.
 */
#pragma once

#include "injection_board.h"
#include "injection_store.h"

#include "weft/block.h"
#include "weft/entropy.h"
#include "weft/pci.h"
#include "weft/random.h"
#include "weft/rtc.h"

#define LOAD_PAUSE_US 30

/* ---- the bus ----------------------------------------------------------------------------------- */

static unused_function int role_load_bus(uint64_t value)
{
    static struct weft_pci_entry first[32];
    uint64_t bus = weft_capability("pci");
    struct injection_line *line = injection_line(CLIENT_BUS);
    uint32_t count = 0;
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    while (count < 32 && weft_pci_list(bus, count, &first[count]) == STATUS_OK) {
        count++;
    }
    for (uint32_t turn = 0;; turn++) {
        struct weft_pci_entry entry;
        uint32_t index = turn % (count + 1);
        status_t status = weft_pci_list(bus, index, &entry);
        if (status == STATUS_DEAD) {
            injection_count(&line->cut);
        } else if (index == count ? status == STATUS_BAD_ARGUMENT
                                  : status == STATUS_OK && entry.id == first[index].id &&
                                        entry.address == first[index].address) {
            injection_good(CLIENT_BUS);
        } else {
            injection_count(&line->wrong);
        }
        weft_sleep_for(LOAD_PAUSE_US * 4);
    }
}

/* ---- the disk ---------------------------------------------------------------------------------- */

#define LOAD_DISK_PLACE (WEFT_FREE_BASE + 0x100000)
#define LOAD_DISK_FIRST 2048u /* sectors: the host looks after what is before and behind */
#define LOAD_DISK_RUNS 64u    /* of 8 sectors */
#define LOAD_DISK_WORDS 512u

static void load_fill(uint64_t *words, uint64_t run, uint64_t version)
{
    for (uint32_t i = 0; i < LOAD_DISK_WORDS; i++) {
        words[i] = run << 48 | version << 16 | i;
    }
}

/* One write, or one read of what was written last. */
static _Bool load_disk_turn(struct weft_block *disk, uint64_t *versions, uint64_t run,
                            uint64_t turn, _Bool writes)
{
    static uint64_t expected[LOAD_DISK_WORDS];
    uint64_t sector = LOAD_DISK_FIRST + run * 8;
    if (writes) {
        versions[run] = turn;
        load_fill(weft_block_data(disk, 0), run, turn);
        return weft_block_do(disk, WEFT_BLOCK_WRITE, sector, 0, WEFT_PAGE_SIZE) == 0 &&
               (turn % 8 != 0 || weft_block_do(disk, WEFT_BLOCK_FLUSH, 0, 0, 0) == 0);
    }
    load_fill(expected, run, versions[run]);
    memset(weft_block_data(disk, 0), 0, WEFT_PAGE_SIZE);
    return weft_block_do(disk, WEFT_BLOCK_READ, sector, 0, WEFT_PAGE_SIZE) == 0 &&
           memcmp(weft_block_data(disk, 0), expected, WEFT_PAGE_SIZE) == 0;
}

static unused_function int role_load_disk(uint64_t value)
{
    static uint64_t versions[LOAD_DISK_RUNS];
    static struct weft_block disk;
    struct weft_random random = {1};
    struct injection_line *line = injection_line(CLIENT_DISK);
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    if (weft_block_open(&disk, weft_capability("block"), LOAD_DISK_PLACE, 1) != STATUS_OK) {
        return 1;
    }
    for (uint64_t turn = 1;; turn++) {
        uint64_t run = weft_random_below(&random, LOAD_DISK_RUNS);
        _Bool writes = versions[run] == 0 || weft_random_below(&random, 2) == 0;
        uint32_t before = disk.recoveries;
        if (load_disk_turn(&disk, versions, run, turn, writes)) {
            injection_good(CLIENT_DISK);
        } else {
            injection_count(&line->wrong);
            injection_count(&line->lost);
            versions[run] = 0; /* written anew before it is read again */
        }
        line->cut += disk.recoveries - before;
        weft_sleep_for(LOAD_PAUSE_US);
    }
}

/* ---- random bytes, the clock, the store --------------------------------------------------------- */

static unused_function int role_load_random(uint64_t value)
{
    uint64_t before[8] = {0}, bytes[8];
    struct injection_line *line = injection_line(CLIENT_RANDOM);
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    for (;;) {
        memset(bytes, 0, sizeof(bytes));
        status_t status = weft_entropy_read(weft_capability("entropy"), bytes, sizeof(bytes));
        if (status == STATUS_DEAD) {
            injection_count(&line->cut);
        } else if (status == STATUS_OK && bytes[0] != 0 && bytes[7] != 0 &&
                   memcmp(bytes, before, sizeof(bytes)) != 0) {
            memcpy(before, bytes, sizeof(bytes));
            injection_good(CLIENT_RANDOM);
        } else {
            injection_count(&line->wrong);
        }
        weft_sleep_for(LOAD_PAUSE_US * 2);
    }
}

#define LOAD_CLOCK_SLACK 5 /* seconds between two clocks that tick apart */

/* The driver's clock and the guest's own must agree on how much time has passed. */
static unused_function int role_load_clock(uint64_t value)
{
    struct injection_line *line = injection_line(CLIENT_CLOCK);
    uint64_t first = 0, first_at = 0, now;
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    for (;;) {
        status_t status = weft_rtc_read(weft_capability("rtc"), &now);
        uint64_t at = weft_cycles();
        if (status == STATUS_OK && first == 0) {
            first = now;
            first_at = at;
        }
        uint64_t wanted = first + (at - first_at) / weft_startup()->clock_hz;
        if (status == STATUS_DEAD) {
            injection_count(&line->cut);
        } else if (status == STATUS_OK && now + LOAD_CLOCK_SLACK >= wanted &&
                   now <= wanted + LOAD_CLOCK_SLACK) {
            injection_good(CLIENT_CLOCK);
        } else {
            injection_count(&line->wrong);
        }
        weft_sleep_for(LOAD_PAUSE_US * 4);
    }
}

static unused_function int role_load_store(uint64_t value)
{
    static uint64_t written[STORE_CELLS];
    struct injection_line *line = injection_line(CLIENT_STORE);
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    for (uint64_t turn = 1;; turn++) {
        uint64_t cell = turn % STORE_CELLS, deaths = 0, got = 0;
        status_t status;
        if (written[cell] == 0 || turn % 3 == 0) {
            written[cell] = turn;
            status = store_ask(STORE_WRITE, cell, turn, &got, &deaths);
            got = status == STATUS_OK ? turn : 0;
        } else {
            status = store_ask(STORE_READ, cell, 0, &got, &deaths);
        }
        line->cut += deaths;
        if (status == STATUS_TIMED_OUT) {
            injection_count(&line->late);
        } else if (status == STATUS_OK && got == written[cell]) {
            injection_good(CLIENT_STORE);
        } else if (status != STATUS_DEAD) {
            injection_count(&line->wrong);
            injection_count(&line->lost);
            written[cell] = 0;
        }
        weft_sleep_for(LOAD_PAUSE_US);
    }
}

/* ---- canaries ----------------------------------------------------------------------------------- */

#define CANARY_PLACE (WEFT_FREE_BASE + 0x100000)
#define CANARY_PAGES 64ull
#define CANARY_WORDS (CANARY_PAGES * WEFT_PAGE_SIZE / 8)
#define CANARY_PAUSE_US 500

static uint64_t canary_word(uint64_t index)
{
    struct weft_random random = {index};
    return weft_random_next(&random);
}

/* Memory that only this process has: nothing may change it. */
static unused_function int role_canary_memory(uint64_t value)
{
    uint64_t memory, *words = (uint64_t *)CANARY_PLACE;
    struct injection_line *line = injection_line(CLIENT_MEMORY);
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    if (weft_memory_create(CANARY_PAGES, &memory) != STATUS_OK ||
        weft_memory_map(HANDLE_SELF, memory, CANARY_PLACE, 0, CANARY_PAGES,
                        RIGHT_READ | RIGHT_WRITE) != STATUS_OK) {
        return 1;
    }
    for (uint64_t i = 0; i < CANARY_WORDS; i++) {
        words[i] = canary_word(i);
    }
    for (uint64_t page = 0;; page = (page + 1) % CANARY_PAGES) {
        _Bool whole = 1;
        for (uint64_t i = page * 512; i < (page + 1) * 512; i++) {
            whole &= words[i] == canary_word(i);
            words[i] = canary_word(i);
        }
        if (whole) {
            injection_good(CLIENT_MEMORY);
        } else {
            injection_count(&line->wrong);
        }
        weft_sleep_for(CANARY_PAUSE_US);
    }
}

/* Two processes that call each other, on different CPUs. */
static unused_function int role_canary_pong(uint64_t value)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    (void)value;
    for (;;) {
        if (weft_ipc_reply_receive(weft_capability("canary"), &message, &badge) != STATUS_OK) {
            return 1;
        }
        message.words[0] = ~message.words[0];
        message.words[3] += message.words[1];
    }
}

static unused_function int role_canary_ping(uint64_t value)
{
    struct injection_line *line = injection_line(CLIENT_PING);
    (void)value;
    if (!injection_board_open()) {
        return 1;
    }
    for (uint64_t turn = 1;; turn++) {
        struct weft_message message = {{turn, turn * 3, 7, turn}};
        if (weft_ipc_call(weft_capability("canary"), &message) == STATUS_OK &&
            message.words[0] == ~turn && message.words[1] == turn * 3 && message.words[2] == 7 &&
            message.words[3] == turn * 4) {
            injection_good(CLIENT_PING);
        } else {
            injection_count(&line->wrong);
        }
        weft_sleep_for(CANARY_PAUSE_US);
    }
}
