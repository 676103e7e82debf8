/* SPDX-License-Identifier: Apache-2.0
 *
 * The load of the fault campaign (injection.c): one client for each service, which checks every answer, and canaries, which
 * nobody's fault may reach. Each is a process of its own and works for ever. A client asks again
 * when its service dies, as any program would, and says what it saw on the board.
 */
#include "injection_board.h"
#include "injection_store.h"

#include "weft/block.h"
#include "weft/entropy.h"
#include "weft/file.h"
#include "weft/pci.h"
#include "weft/random.h"
#include "weft/print.h"
#include "weft/rtc.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/thread.h"
#include "weft/time.h"

#define LOAD_PAUSE_US 30
#define LOAD_PATIENCE_MS 400 /* without a good answer, and there is something to complain of */
#define LOAD_WATCH_US 50000

/* ---- complaints -------------------------------------------------------------------------------- */

static enum injection_client load_client;
static const char *load_service;
static uint64_t load_asked; /* clock: when the operation began that is under way */

static void load_wrong(void)
{
    injection_count(&injection_line(load_client)->wrong);
    (void)weft_supervisor_complain(load_service, load_asked);
}

/* Beside the thread that works, which may wait for an answer that never comes. After each complaint it
 * waits twice as long: a service that needs long to begin must not be ended for that again and again. */
static void load_watch(void *unused)
{
    uint64_t usual = weft_microseconds(weft_argument_number("patience", LOAD_PATIENCE_MS) * 1000);
    uint64_t patience = usual;
    struct injection_line *line = injection_line(load_client);
    uint64_t seen = 0, since = weft_cycles();
    (void)unused;
    for (;;) {
        struct weft_process_statistics own = {0};
        weft_sleep_for(LOAD_WATCH_US);
        if (weft_process_statistics(HANDLE_SELF, (uint64_t)&own) == STATUS_OK) {
            weft_store64_release(&line->pages, own.pages_free); /* [injection.line] release */
        }
        uint64_t now = weft_cycles(), done = injection_read(&line->good);
        if (done != seen || done == 0) {
            seen = done;
            since = now;
            patience = usual;
        } else if (now - since > patience) {
            patience *= 2;
            injection_count(&line->late);
            (void)weft_supervisor_complain(load_service, since);
            since = now;
        }
    }
}

static void load_begin(enum injection_client client, const char *service)
{
    load_client = client;
    load_service = service;
    if (weft_thread_start(NULL, "watch", weft_startup()->cpu, WEFT_PRIORITY_DEFAULT, load_watch,
                          NULL) != STATUS_OK) {
        weft_fail("a thread cannot be started");
    }
}

/* ---- the bus ----------------------------------------------------------------------------------- */

static int role_load_bus(void)
{
    static struct weft_pci_entry first[32];
    uint64_t bus = weft_capability("pci");
    struct injection_line *line = injection_line(CLIENT_BUS);
    uint32_t count = 0;
    load_begin(CLIENT_BUS, "pci");
    while (count < 32 && weft_pci_list(bus, count, &first[count]) == STATUS_OK) {
        count++;
    }
    for (uint32_t turn = 0;; turn++) {
        struct weft_pci_entry entry;
        uint32_t index = turn % (count + 1);
        load_asked = weft_cycles();
        status_t status = weft_pci_list(bus, index, &entry);
        if (status == STATUS_DEAD) {
            injection_count(&line->cut);
        } else if (index == count ? status == STATUS_BAD_ARGUMENT
                                  : status == STATUS_OK && entry.id == first[index].id &&
                                        entry.address == first[index].address) {
            injection_good(CLIENT_BUS);
        } else {
            load_wrong();
        }
        weft_sleep_for(LOAD_PAUSE_US * 4);
    }
}

/* ---- the disk ---------------------------------------------------------------------------------- */

#define LOAD_DISK_PLACE (WEFT_FREE_BASE + 0x100000)
#define LOAD_DISK_FIRST 2048u /* sectors: the host looks after what is before and behind */
#define LOAD_DISK_RUNS 64u    /* of 8 sectors */
#define LOAD_DISK_WORDS 512u
#define LOAD_DISK_SESSION 16u /* operations */

static void load_fill(uint64_t *words, uint64_t run, uint64_t version)
{
    for (uint32_t i = 0; i < LOAD_DISK_WORDS; i++) {
        words[i] = run << 48 | version << 16 | i;
    }
}

/* One write, or one read of what was written last. A write that fails leaves nobody knows what. */
static _Bool load_disk_turn(struct weft_block *disk, uint64_t *versions, uint64_t run,
                            uint64_t turn, _Bool writes)
{
    static uint64_t expected[LOAD_DISK_WORDS];
    uint64_t sector = LOAD_DISK_FIRST + run * 8;
    if (writes) {
        load_fill(weft_block_data(disk, 0), run, turn);
        _Bool written = weft_block_do(disk, WEFT_BLOCK_WRITE, sector, 0, WEFT_PAGE_SIZE) == 0 &&
                        (turn % 8 != 0 || weft_block_do(disk, WEFT_BLOCK_FLUSH, 0, 0, 0) == 0);
        versions[run] = written ? turn : 0; /* 0: written anew before it is read again */
        return written;
    }
    load_fill(expected, run, versions[run]);
    memset(weft_block_data(disk, 0), 0, WEFT_PAGE_SIZE);
    if (weft_block_do(disk, WEFT_BLOCK_READ, sector, 0, WEFT_PAGE_SIZE) != 0) {
        return 0;
    }
    if (memcmp(weft_block_data(disk, 0), expected, WEFT_PAGE_SIZE) != 0) {
        injection_count(&injection_line(CLIENT_DISK)->lost);
        versions[run] = 0;
        return 0;
    }
    return 1;
}

/* A session of its own, as new clients come and go. */
static void load_disk_open(struct weft_block *disk)
{
    for (;;) {
        load_asked = weft_cycles();
        if (weft_block_open(disk, weft_capability("block"), LOAD_DISK_PLACE, 1) == STATUS_OK) {
            return;
        }
        load_wrong();
        weft_sleep_for(LOAD_PAUSE_US);
    }
}

static int role_load_disk(void)
{
    static uint64_t versions[LOAD_DISK_RUNS];
    static struct weft_block disk;
    struct weft_random random = {1};
    struct injection_line *line = injection_line(CLIENT_DISK);
    load_begin(CLIENT_DISK, "disk");
    load_disk_open(&disk);
    for (uint64_t turn = 1;; turn++) {
        uint64_t run = weft_random_below(&random, LOAD_DISK_RUNS);
        _Bool writes = versions[run] == 0 || weft_random_below(&random, 2) == 0;
        uint32_t before = disk.recoveries;
        load_asked = weft_cycles();
        if (load_disk_turn(&disk, versions, run, turn, writes)) {
            injection_good(CLIENT_DISK);
        } else {
            load_wrong();
        }
        line->cut += disk.recoveries - before;
        if (turn % LOAD_DISK_SESSION == 0) {
            load_asked = weft_cycles();
            weft_block_close(&disk);
            load_disk_open(&disk);
        }
        weft_sleep_for(LOAD_PAUSE_US);
    }
}

/* ---- random bytes, the clock, the store --------------------------------------------------------- */

static int role_load_random(void)
{
    uint64_t before[8] = {0}, bytes[8];
    struct injection_line *line = injection_line(CLIENT_RANDOM);
    load_begin(CLIENT_RANDOM, "random");
    for (;;) {
        load_asked = weft_cycles();
        memset(bytes, 0, sizeof(bytes));
        status_t status = weft_entropy_read(weft_capability("entropy"), bytes, sizeof(bytes));
        if (status == STATUS_DEAD) {
            injection_count(&line->cut);
        } else if (status == STATUS_OK && bytes[0] != 0 && bytes[7] != 0 &&
                   memcmp(bytes, before, sizeof(bytes)) != 0) {
            memcpy(before, bytes, sizeof(bytes));
            injection_good(CLIENT_RANDOM);
        } else {
            load_wrong();
        }
        weft_sleep_for(LOAD_PAUSE_US * 2);
    }
}

#define LOAD_CLOCK_SLACK 5 /* seconds between two clocks that tick apart */

/* The driver's clock and the guest's own must agree on how much time has passed. */
static int role_load_clock(void)
{
    struct injection_line *line = injection_line(CLIENT_CLOCK);
    uint64_t first = 0, first_at = 0, now;
    load_begin(CLIENT_CLOCK, "clock");
    for (;;) {
        load_asked = weft_cycles();
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
            load_wrong();
        }
        weft_sleep_for(LOAD_PAUSE_US * 4);
    }
}

static int role_load_store(void)
{
    static uint64_t written[STORE_CELLS];
    struct injection_line *line = injection_line(CLIENT_STORE);
    load_begin(CLIENT_STORE, "store");
    for (uint64_t turn = 1;; turn++) {
        uint64_t cell = turn % STORE_CELLS, deaths = 0, got = 0;
        status_t status;
        load_asked = weft_cycles();
        if (written[cell] == 0 || turn % 3 == 0) {
            status = store_ask(STORE_WRITE, cell, turn, &got, &deaths);
            got = written[cell] = status == STATUS_OK ? turn : 0; /* 0: nobody knows */
        } else {
            status = store_ask(STORE_READ, cell, 0, &got, &deaths);
        }
        line->cut += deaths;
        if (status == STATUS_TIMED_OUT) {
            injection_count(&line->late);
        } else if (status == STATUS_OK && got == written[cell]) {
            injection_good(CLIENT_STORE);
        } else if (status != STATUS_DEAD) {
            if (status == STATUS_OK || status == STATUS_CANCELLED) {
                injection_count(&line->lost);
                written[cell] = 0;
            }
            if (status != STATUS_CANCELLED) { /* that is honest: what is damaged is its state */
                load_wrong();
            }
        }
        weft_sleep_for(LOAD_PAUSE_US);
    }
}

/* ---- files --------------------------------------------------------------------------------------- */

#define LOAD_FILES 6u
#define LOAD_FILES_PAGES 4u
#define LOAD_FILE_WORDS 256u

/* What a file holds after so many turns. */
static void load_file_fill(uint64_t *words, uint64_t file, uint64_t version)
{
    for (uint32_t i = 0; i < LOAD_FILE_WORDS; i++) {
        words[i] = version << 32 | file << 16 | i;
    }
}

/* Writes the file anew, or reads it; a negative result, or whether it is what it should be. */
static int64_t load_file_turn(struct weft_files *files, uint64_t number, uint64_t version,
                              _Bool writes)
{
    static uint64_t wanted[LOAD_FILE_WORDS], found[LOAD_FILE_WORDS];
    struct weft_file file;
    char path[24];
    weft_format(path, sizeof(path), "/load%lu", number);
    load_file_fill(wanted, number, version);
    int64_t result = weft_file_open(files, &file, path,
                                    writes ? WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE
                                           : WEFT_FILE_READ);
    if (result < 0) {
        return result;
    }
    result = writes ? weft_file_write(&file, wanted, sizeof(wanted))
                    : weft_file_read(&file, found, sizeof(found));
    int64_t closed = weft_file_close(&file);
    if (result < 0 || closed < 0) {
        return result < 0 ? result : closed;
    }
    return result == sizeof(wanted) && (writes || memcmp(found, wanted, sizeof(wanted)) == 0);
}

static int role_load_files(void)
{
    static uint64_t versions[LOAD_FILES];
    static struct weft_files files;
    struct weft_random random = {1};
    struct injection_line *line = injection_line(CLIENT_FILES);
    load_begin(CLIENT_FILES, "fs");
    if (weft_files_open(&files, weft_capability("files"), LOAD_DISK_PLACE, LOAD_FILES_PAGES) != 0) {
        return 1;
    }
    for (uint64_t turn = 1;; turn++) {
        uint64_t number = weft_random_below(&random, LOAD_FILES);
        _Bool writes = versions[number] == 0 || weft_random_below(&random, 3) == 0;
        uint32_t before = files.deaths;
        load_asked = weft_cycles();
        int64_t result = load_file_turn(&files, number, writes ? turn : versions[number], writes);
        line->cut += files.deaths - before;
        if (result == 1) {
            versions[number] = writes ? turn : versions[number];
            injection_good(CLIENT_FILES);
        } else {
            weft_print("# file %lu, %s version %lu: %ld\n", number, writes ? "write" : "read",
                       writes ? turn : versions[number], result);
            load_wrong();
            if (!writes && (result == 0 || result == WEFT_FILE_NOT_FOUND)) {
                injection_count(&line->lost);
            }
            if (writes || result == 0 || result == WEFT_FILE_NOT_FOUND) {
                versions[number] = 0; /* written anew before it is read again */
            }
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
static int role_canary_memory(void)
{
    uint64_t memory, *words = (uint64_t *)CANARY_PLACE;
    struct injection_line *line = injection_line(CLIENT_MEMORY);
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
static int role_canary_pong(void)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    for (;;) {
        if (weft_ipc_reply_receive(weft_capability("canary"), &message, &badge) != STATUS_OK) {
            return 1;
        }
        message.words[0] = ~message.words[0];
        message.words[3] += message.words[1];
    }
}

static int role_canary_ping(void)
{
    struct injection_line *line = injection_line(CLIENT_PING);
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

/* ---- who is who ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(void);
} roles[] = {
    {"store", role_store},
    {"load_bus", role_load_bus},
    {"load_disk", role_load_disk},
    {"load_random", role_load_random},
    {"load_clock", role_load_clock},
    {"load_store", role_load_store},
    {"load_files", role_load_files},
    {"canary_memory", role_canary_memory},
    {"canary_ping", role_canary_ping},
    {"canary_pong", role_canary_pong},
};

int main(void)
{
    char role[24] = "";
    (void)weft_argument("role", role, sizeof(role));
    if (weft_capability("board") != 0 && !injection_board_open()) {
        weft_fail("the board cannot be mapped");
    }
    for (uint32_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(roles[i].name, role) == 0) {
            return roles[i].run();
        }
    }
    weft_fail("there is no role %s", role);
}
