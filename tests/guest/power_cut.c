/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes files until the power goes, and when it is back looks whether everything is there that was synced:
 * `weft powercut` (cli/weft/powercut.py). Run without it, nobody cuts anything, and it looks once more at its end.
 *
 * What was synced must be known after the cut, and never before it is true. It stands in the claim, a sector behind
 * the file system's last block, which this program writes itself, with the disk's own server: after each change, when the file
 * system server has answered it, it writes what is there now, and which change comes next. The claim is
 * not flushed: its flush would save what the file system server has forgotten to flush. So a cut that loses unflushed
 * writes may lose it; the campaign, which sees all writes, knows which claim was the last (cli/weft/powercut_claim.py reads it).
 *
 * `turns=N`: so many changes (0: for ever); `state=N`: the seed.
 *
 * weft-test: cpus=4 disk=8224K
 * weft-test: cpus=1,2 accel=icount disk=8224K
 */
#include "file_content.h"

#include "weft/block.h"
#include "weft/file.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/random.h"
#include "weft/startup.h"
#include "weft/string.h"

#define FILES 12u
#define DIRECTORIES 4u
#define PLACES (FILES + DIRECTORIES)
#define PAGES 48u
#define DATA (PAGES * WEFT_PAGE_SIZE)
#define GROWN 400000u /* a file of this size is not made longer */
#define FS_BLOCK_SECTORS 128u
#define MARK 0x6d69616c63746677ull

/* A file: version 0 is not there. A directory: 1 is there. */
struct place {
    uint64_t version;
    uint64_t size;
};

/* What is there, and the places that the next change makes different, with what they are afterwards. */
struct claim {
    uint64_t mark;
    uint64_t turn;
    uint64_t version; /* the last one that was given out */
    uint64_t changing;
    struct {
        uint64_t place;
        struct place becomes;
    } next[2];
    struct place places[PLACES];
};
_Static_assert(sizeof(struct claim) <= WEFT_BLOCK_SECTOR,
               "a claim is one sector: it is written as a whole");

static struct weft_files files;
static struct weft_block disk;
static uint64_t claim_sector;
static struct claim claim;
static struct weft_random random_state;

static void path_of(char *path, uint32_t place)
{
    (void)weft_string_copy(path, place < FILES ? "/d0/f0" : "/d0", 8);
    if (place < FILES) {
        path[2] = (char)('0' + place % DIRECTORIES);
        path[5] = (char)('a' + place);
        return;
    }
    path[1] = 'e'; /* these come and go; those of the files stay */
    path[2] = (char)('0' + place - FILES);
}

static uint64_t draw(uint64_t below)
{
    return weft_random_below(&random_state, (uint32_t)below);
}

/* ---- the claim ------------------------------------------------------------------------------------ */

static _Bool read_claim(void)
{
    if (weft_block_do(&disk, WEFT_BLOCK_READ, claim_sector, 0, WEFT_BLOCK_SECTOR) != 0) {
        return 0;
    }
    memcpy(&claim, weft_block_data(&disk, 0), sizeof(claim));
    return 1;
}

static _Bool write_claim(void)
{
    claim.mark = MARK;
    memset(weft_block_data(&disk, 0), 0, WEFT_BLOCK_SECTOR);
    memcpy(weft_block_data(&disk, 0), &claim, sizeof(claim));
    return weft_block_do(&disk, WEFT_BLOCK_WRITE, claim_sector, 0, WEFT_BLOCK_SECTOR) == 0;
}

/* ---- looking ---------------------------------------------------------------------------------------- */

/* Whether what is there is this, all of it and no more. */
static _Bool is(uint32_t place, const struct place *wanted)
{
    struct weft_file_entry entry;
    struct weft_file file;
    char path[8];

    path_of(path, place);
    int64_t result = weft_files_stat(&files, path, &entry);
    if (wanted->version == 0) {
        return result == WEFT_FILE_NOT_FOUND;
    }
    if (result != 0 || place >= FILES) {
        return result == 0 && entry.kind == WEFT_FILE_DIRECTORY;
    }
    if (entry.size != wanted->size || weft_file_open(&files, &file, path, WEFT_FILE_READ) != 0) {
        return 0;
    }
    uint64_t at = 0;
    while (at < wanted->size) {
        int64_t got = weft_file_read_at(&file, at, 0, DATA);
        if (got <= 0 || content_right(weft_files_data(&files, 0), 1, wanted->version, at,
                                      (uint64_t)got) != (uint64_t)got) {
            break;
        }
        at += (uint64_t)got;
    }
    (void)weft_file_close(&file);
    return at == wanted->size;
}

/* The change that was under way is there as a whole, or not at all. */
static _Bool settle_change(void)
{
    uint64_t done = 0;
    for (uint64_t i = 0; i < claim.changing; i++) {
        done += is((uint32_t)claim.next[i].place, &claim.next[i].becomes);
    }
    if (claim.changing > 0 && done == claim.changing) {
        for (uint64_t i = 0; i < claim.changing; i++) {
            claim.places[claim.next[i].place] = claim.next[i].becomes;
        }
    }
    claim.changing = 0;
    return 1;
}

static void look(void)
{
    (void)settle_change();
    for (uint32_t place = 0; place < PLACES; place++) {
        if (!EXPECT(is(place, &claim.places[place]))) {
            char path[8];
            path_of(path, place);
            ktap_note("%s is not version %lu with %lu bytes, as claimed in turn %lu", path,
                      claim.places[place].version, claim.places[place].size, claim.turn);
        }
    }
}

/* ---- changes ---------------------------------------------------------------------------------------- */

static void plan(uint32_t place, uint64_t version, uint64_t size)
{
    claim.next[claim.changing].place = place;
    claim.next[claim.changing++].becomes = (struct place){version, size};
}

static int64_t write_file(const char *path, uint32_t flags, uint64_t version, uint64_t at,
                          uint64_t bytes)
{
    struct weft_file file;
    int64_t result = weft_file_open(&files, &file, path, WEFT_FILE_WRITE | flags);
    if (result == 0) {
        content_fill(weft_files_data(&files, 0), 1, version, at, bytes);
        result = weft_file_write_at(&file, at, 0, bytes);
        result = result == (int64_t)bytes ? weft_file_sync(&file) : result < 0 ? result : -1;
        (void)weft_file_close(&file);
    }
    return result;
}

static uint64_t some_size(void)
{
    return 8 * (draw(2) == 0 ? draw(128) : draw(DATA / 8));
}

/* A new version is written beside and takes the place of the old one. */
static int64_t replace(uint32_t place)
{
    char path[8];
    uint64_t size = some_size();

    path_of(path, place);
    plan(place, ++claim.version, size);
    if (!write_claim()) {
        return -1;
    }
    int64_t result =
        write_file("/new", WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE, claim.version, 0, size);
    return result == 0 ? weft_files_rename(&files, "/new", path) : result;
}

static int64_t append(uint32_t place)
{
    const struct place *old = &claim.places[place];
    char path[8];
    uint64_t bytes = some_size();

    path_of(path, place);
    plan(place, old->version, old->size + bytes);
    return write_claim() ? write_file(path, 0, old->version, old->size, bytes) : -1;
}

static int64_t cut(uint32_t place)
{
    const struct place *old = &claim.places[place];
    struct weft_file file;
    char path[8];
    uint64_t size = 8 * draw(old->size / 8 + 1);

    path_of(path, place);
    plan(place, old->version, size);
    int64_t result = write_claim() ? weft_file_open(&files, &file, path, WEFT_FILE_WRITE) : -1;
    if (result == 0) {
        result = weft_file_truncate(&file, size);
        (void)weft_file_close(&file);
    }
    return result;
}

static int64_t remove_place(uint32_t place)
{
    char path[8];
    path_of(path, place);
    plan(place, 0, 0);
    return write_claim() ? weft_files_remove(&files, path) : -1;
}

static int64_t move(uint32_t place, uint32_t other)
{
    char path[8], there[8];
    path_of(path, place);
    path_of(there, other);
    plan(place, 0, 0);
    plan(other, claim.places[place].version, claim.places[place].size);
    return write_claim() ? weft_files_rename(&files, path, there) : -1;
}

static int64_t change_directory(void)
{
    uint32_t place = FILES + (uint32_t)draw(DIRECTORIES);
    char path[8];
    if (claim.places[place].version != 0) {
        return remove_place(place);
    }
    path_of(path, place);
    plan(place, 1, 0);
    return write_claim() ? weft_files_make_directory(&files, path) : -1;
}

/* One change: planned, claimed as coming, carried out and claimed as done with the next one. */
static int64_t change(void)
{
    uint32_t place = (uint32_t)draw(FILES), other = (uint32_t)draw(FILES);
    const struct place *old = &claim.places[place];
    uint64_t what = draw(10);

    claim.changing = 0;
    claim.turn++;
    if (what == 0) {
        return change_directory();
    }
    if (old->version == 0 || what < 4) {
        return replace(place);
    }
    if (what < 7) {
        return old->size < GROWN ? append(place) : cut(place);
    }
    if (what == 7 && other != place) {
        return move(place, other);
    }
    return what == 8 ? cut(place) : remove_place(place);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

static void make_directories(void)
{
    char path[] = "/d0";
    for (uint32_t i = 0; i < DIRECTORIES; i++) {
        path[2] = (char)('0' + i);
        int64_t result = weft_files_make_directory(&files, path);
        EXPECT(result == 0 || result == WEFT_FILE_EXISTS);
    }
}

TEST(what_was_synced_is_there, "each file as it was claimed, a change as a whole or not at all")
{
    uint64_t place = WEFT_FREE_BASE;
    REQUIRE_STATUS(STATUS_OK, weft_block_open(&disk, weft_capability("block"), place, 1));
    claim_sector = disk.info.sectors / FS_BLOCK_SECTORS * FS_BLOCK_SECTORS;
    REQUIRE(claim_sector < disk.info.sectors);
    REQUIRE(read_claim());
    int64_t opened = weft_files_open(&files, weft_capability("files"), place + 0x100000, PAGES);
    REQUIRE(EXPECT_EQUAL(0, opened));
    if (claim.mark != MARK) {
        memset(&claim, 0, sizeof(claim));
    }
    look();
    ktap_note("turn %lu", claim.turn);
    make_directories();
}

TEST(it_goes_on, "changes, as many as are wanted or until the power goes")
{
    uint64_t turns = weft_argument_number("turns", 30);
    random_state = (struct weft_random){weft_argument_number("state", 1)};
    weft_print("power_cut: writing\n");
    for (uint64_t i = 0; turns == 0 || i < turns; i++) {
        int64_t result = change();
        if (!EXPECT_EQUAL(0, result)) {
            ktap_note("turn %lu: %s", claim.turn, weft_file_result_text(result));
            return;
        }
        for (uint64_t next = 0; next < claim.changing; next++) {
            claim.places[claim.next[next].place] = claim.next[next].becomes;
        }
    }
    claim.changing = 0;
    REQUIRE(write_claim());
    look();
}

KTAP_MAIN
