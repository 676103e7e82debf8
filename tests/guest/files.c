/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories, as clients of the file system server see them. What is on the disk afterwards is read on the host
 * by tests/boot/test_files_disk.py; tests/guest/files_load.c kills the servers.
 *
 * weft-test: cpus=4 disk=16M
 * weft-test: cpus=1,4 accel=icount disk=16M
 */
#include "weft/file.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/random.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define PAGES 32u
#define DATA (PAGES * WEFT_PAGE_SIZE)
#define CLIENTS 4u

static struct weft_files files[CLIENTS];

static _Bool open_session(uint32_t number)
{
    static const char *const names[] = {"files1", "files2", "files3", "files4"};
    return EXPECT_EQUAL(WEFT_FILE_OK,
                        weft_files_open(&files[number], weft_capability(names[number]),
                                        WEFT_FREE_BASE + number * DATA, PAGES));
}

/* Content that says which file it is of, and where in it. */
static uint8_t byte_of(uint32_t seed, uint64_t at)
{
    return (uint8_t)(seed * 31 + at * 7 + (at >> 8) * 13 + (at >> 16) * 5);
}

static void fill(void *data, uint32_t seed, uint64_t position, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        ((uint8_t *)data)[i] = byte_of(seed, position + i);
    }
}

static _Bool holds(const void *data, uint32_t seed, uint64_t position, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (((const uint8_t *)data)[i] != byte_of(seed, position + i)) {
            ktap_note("byte %lu of file %u is %x", position + i, seed, ((const uint8_t *)data)[i]);
            return 0;
        }
    }
    return 1;
}

/* Writes a file of this size in pieces of `piece` bytes. */
static void write_file(struct weft_files *session, const char *path, uint32_t seed, uint64_t size,
                       uint64_t piece)
{
    static uint8_t bytes[8192];
    struct weft_file file;
    REQUIRE(weft_file_open(session, &file, path,
                           WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE) == 0);
    for (uint64_t at = 0; at < size;) {
        uint64_t length = size - at < piece ? size - at : piece;
        fill(bytes, seed, at, length);
        REQUIRE(EXPECT_EQUAL((int64_t)length, weft_file_write(&file, bytes, length)));
        at += length;
    }
    EXPECT_EQUAL(0, weft_file_close(&file));
}

/* And reads one in pieces of another size. */
static void read_file(struct weft_files *session, const char *path, uint32_t seed, uint64_t size,
                      uint64_t piece)
{
    static uint8_t bytes[8192];
    struct weft_file file;
    uint64_t at = 0;
    REQUIRE(EXPECT_EQUAL(0, weft_file_open(session, &file, path, WEFT_FILE_READ)));
    EXPECT_EQUAL((int64_t)size, weft_file_size(&file));
    for (int64_t got; (got = weft_file_read(&file, bytes, piece)) > 0; at += (uint64_t)got) {
        REQUIRE(holds(bytes, seed, at, (uint64_t)got));
    }
    EXPECT_EQUAL(size, at);
    EXPECT_EQUAL(0, weft_file_close(&file));
}

TEST(an_empty_disk_becomes_a_file_system, "its directory is empty, and its blocks are free")
{
    struct weft_file_entry entries[4];
    struct weft_file_space space;
    uint64_t next = 0;
    REQUIRE(open_session(0));
    EXPECT_EQUAL(0, weft_files_list(&files[0], "/", &next, entries, 4));
    EXPECT_EQUAL(0, weft_files_space(&files[0], &space));
    EXPECT_EQUAL(65536, space.block_bytes);
    EXPECT_EQUAL(256, space.blocks);
    EXPECT_EQUAL(2, space.used);
}

TEST(what_is_written_is_read, "files of all sizes, written and read in pieces that do not fit")
{
    static const uint64_t sizes[] = {0,     1,     511,   512,    513,    1023,
                                     65535, 65536, 65537, 131064, 131072, 1000003};
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_file(&files[0], "/a", i, sizes[i], 4096 - i);
        read_file(&files[0], "/a", i, sizes[i], 1000 + i);
    }
    EXPECT_EQUAL(0, weft_files_remove(&files[0], "/a"));
}

TEST(files_change_in_the_middle, "written anywhere, cut and made longer: as the obvious model says")
{
    enum { MODEL_BYTES = 300000 };
    static uint8_t model[MODEL_BYTES], found[8192];
    struct weft_random random = {7};
    struct weft_file file;
    uint64_t size = 0;
    REQUIRE(weft_file_open(&files[0], &file, "/m",
                           WEFT_FILE_READ | WEFT_FILE_WRITE | WEFT_FILE_CREATE) == 0);
    for (uint32_t turn = 0; turn < 60; turn++) {
        uint64_t at = weft_random_below(&random, MODEL_BYTES - 8192), bytes;
        if (turn % 10 == 9) {
            EXPECT_EQUAL(0, weft_file_truncate(&file, at));
            if (at < size) {
                memset(model + at, 0, size - at);
            }
            size = at;
        } else {
            bytes = 1 + weft_random_below(&random, 8192);
            fill(weft_files_data(&files[0], 100), turn, at, bytes);
            REQUIRE(EXPECT_EQUAL((int64_t)bytes, weft_file_write_at(&file, at, 100, bytes)));
            memcpy(model + at, weft_files_data(&files[0], 100), bytes);
            size = at + bytes > size ? at + bytes : size;
        }
        at = weft_random_below(&random, (uint32_t)size + 1);
        bytes = size - at < 8192 ? size - at : 8192;
        EXPECT_EQUAL((int64_t)bytes, weft_file_read_at(&file, at, 512, 8192));
        REQUIRE(memcmp(model + at, weft_files_data(&files[0], 512), bytes) == 0);
    }
    for (uint64_t at = 0; at < size;) {
        int64_t got = weft_file_read(&file, found, sizeof(found));
        REQUIRE(got > 0 && memcmp(model + at, found, (uint64_t)got) == 0);
        at += (uint64_t)got;
    }
    EXPECT_EQUAL(0, weft_file_read(&file, found, 1));
    EXPECT_EQUAL(0, weft_file_close(&file));
    EXPECT_EQUAL(0, weft_files_remove(&files[0], "/m"));
}

TEST(small_writes_are_gathered,
     "others see them at a sync, and what cannot be written is told then")
{
    struct weft_file file, other;
    char text[16] = {0};
    REQUIRE(open_session(1));
    REQUIRE(weft_file_open(&files[0], &file, "/log", WEFT_FILE_WRITE | WEFT_FILE_CREATE) == 0);
    EXPECT_EQUAL(5, weft_file_write(&file, "hello", 5));
    REQUIRE(weft_file_open(&files[1], &other, "/log", WEFT_FILE_READ) == 0);
    EXPECT_EQUAL(0, weft_file_read(&other, text, 16));
    EXPECT_EQUAL(6, weft_file_write(&file, " there", 6));
    EXPECT_EQUAL(0, weft_file_sync(&file));
    EXPECT_EQUAL(11, weft_file_read(&other, text, 16));
    EXPECT(strcmp(text, "hello there") == 0);
    EXPECT_EQUAL(0, weft_file_close(&file));
    REQUIRE(weft_file_open(&files[0], &file, "/log", WEFT_FILE_WRITE | WEFT_FILE_APPEND) == 0);
    EXPECT_EQUAL(1, weft_file_write(&file, "!", 1));
    EXPECT_EQUAL(0, weft_file_close(&file));
    EXPECT_EQUAL(12, weft_file_size(&other));
    EXPECT_EQUAL(1, weft_file_write(&other, "?", 1)); /* not for writing */
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_sync(&other));
    EXPECT_EQUAL(0, weft_file_sync(&other));
    EXPECT_EQUAL(12, weft_file_size(&other));
    EXPECT_EQUAL(0, weft_file_close(&other));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_close(&other));
}

/* Names in a directory as bits: "a" is 1, "b" is 2, ... */
static uint64_t names_in(const char *path)
{
    struct weft_file_entry entries[3];
    uint64_t next = 0, found = 0;
    int64_t count;
    while ((count = weft_files_list(&files[0], path, &next, entries, 3)) > 0) {
        for (int64_t i = 0; i < count; i++) {
            uint64_t bit = 1ull << (entries[i].name[0] - 'a');
            EXPECT_EQUAL(0, found & bit);
            EXPECT_EQUAL('\0', entries[i].name[1]);
            found |= bit;
        }
    }
    EXPECT_EQUAL(0, count);
    return found;
}

TEST(directories_hold_files, "made, listed, moved and removed")
{
    struct weft_file_entry entry;
    char path[] = "/d/a";
    EXPECT_EQUAL(0, weft_files_make_directory(&files[0], "/d"));
    EXPECT_EQUAL(WEFT_FILE_EXISTS, weft_files_make_directory(&files[0], "/d"));
    for (path[3] = 'a'; path[3] < 'a' + 20; path[3]++) {
        write_file(&files[0], path, (uint32_t)path[3], 600, 600);
    }
    EXPECT_EQUAL((1 << 20) - 1, names_in("/d"));
    EXPECT_EQUAL(WEFT_FILE_NOT_EMPTY, weft_files_remove(&files[0], "/d"));
    EXPECT_EQUAL(0, weft_files_make_directory(&files[0], "/d/x"));
    EXPECT_EQUAL(0, weft_files_rename(&files[0], "/d/a", "/d/x/z"));
    EXPECT_EQUAL(0, weft_files_rename(&files[0], "/d", "/e"));
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_files_stat(&files[0], "/d/b", &entry));
    EXPECT_EQUAL(0, weft_files_stat(&files[0], "/e/b", &entry));
    EXPECT_EQUAL(600, entry.size);
    EXPECT_EQUAL(WEFT_FILE_PLAIN, entry.kind);
    EXPECT(strcmp(entry.name, "b") == 0);
    EXPECT_EQUAL(0, weft_files_stat(&files[0], "/e/x", &entry));
    EXPECT_EQUAL(WEFT_FILE_DIRECTORY, entry.kind);
    EXPECT_EQUAL(((1 << 20) - 2) | 1 << ('x' - 'a'), names_in("/e"));
    read_file(&files[0], "/e/x/z", 'a', 600, 100);
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_files_rename(&files[0], "/e", "/e/x/y"));
}

TEST(what_is_open_moves_along, "a renamed file stays open, a removed one is gone")
{
    struct weft_file file, other;
    char byte;
    write_file(&files[0], "/e/c", 3, 3000, 3000);
    REQUIRE(weft_file_open(&files[0], &file, "/e/c", WEFT_FILE_READ) == 0);
    REQUIRE(weft_file_open(&files[1], &other, "/e/b", WEFT_FILE_READ) == 0);
    EXPECT_EQUAL(0, weft_files_rename(&files[1], "/e", "/f"));
    EXPECT_EQUAL(0, weft_files_rename(&files[1], "/f/c", "/f/b"));
    EXPECT_EQUAL(3000, weft_file_size(&file));
    EXPECT_EQUAL(1, weft_file_read(&file, &byte, 1));
    EXPECT_EQUAL(byte_of(3, 0), (uint8_t)byte);
    EXPECT_EQUAL(3000,
                 weft_file_size(&other)); /* a handle is a name: what was put there is its file */
    EXPECT_EQUAL(0, weft_files_remove(&files[1], "/f/b"));
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_file_size(&file));
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_file_read_at(&other, 0, 0, 1));
    EXPECT_EQUAL(0, weft_file_close(&file));
    EXPECT_EQUAL(0, weft_file_close(&other));
}

TEST(what_cannot_be_done_is_said, "names, kinds, flags and places that do not fit")
{
    static char long_name[300] = "/";
    struct weft_file_entry entry;
    struct weft_file file;
    const char *const bad[] = {"", "a", "/a/", "//a", "/a//b", "/.", "/..", "/a/../b", long_name};
    memset(long_name + 1, 'n', sizeof(long_name) - 2);
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT_EQUAL(WEFT_FILE_BAD_NAME, weft_files_stat(&files[0], bad[i], &entry));
        EXPECT_EQUAL(WEFT_FILE_BAD_NAME, weft_files_rename(&files[0], "/log", bad[i]));
    }
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_file_open(&files[0], &file, "/no", WEFT_FILE_READ));
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_file_open(&files[0], &file, "/no/no", WEFT_FILE_CREATE));
    EXPECT_EQUAL(WEFT_FILE_IS_DIRECTORY, weft_file_open(&files[0], &file, "/f", WEFT_FILE_READ));
    EXPECT_EQUAL(WEFT_FILE_NOT_DIRECTORY, weft_files_stat(&files[0], "/log/x", &entry));
    EXPECT_EQUAL(WEFT_FILE_EXISTS,
                 weft_file_open(&files[0], &file, "/log", WEFT_FILE_CREATE | WEFT_FILE_EXCLUSIVE));
    EXPECT_EQUAL(WEFT_FILE_NOT_FOUND, weft_files_remove(&files[0], "/no"));
    EXPECT_EQUAL(WEFT_FILE_IS_DIRECTORY, weft_files_rename(&files[0], "/log", "/f"));
    REQUIRE(weft_file_open(&files[0], &file, "/log", WEFT_FILE_READ | WEFT_FILE_WRITE) == 0);
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&file, 0, DATA, 1));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&file, 0, DATA - 4, 8));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_write_at(&file, 0, 1ull << 31, 8));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&file, 0, 0, 1ull << 32));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_write_at(&file, 0, 1ull << 32, 8));
    EXPECT_EQUAL(WEFT_FILE_TOO_LARGE, weft_file_write_at(&file, 1ull << 40, 0, 8));
    EXPECT_EQUAL(0, weft_file_read_at(&file, ~0ull, 0, 8));
    EXPECT_EQUAL(0, weft_file_close(&file));
}

TEST(a_full_disk_is_an_error_and_no_harm, "what does not fit is not there, what was there is whole")
{
    struct weft_file_space before, after;
    struct weft_file file;
    int64_t result = 0;
    write_file(&files[0], "/kept", 9, 200000, 8192);
    EXPECT_EQUAL(0, weft_files_space(&files[0], &before));
    REQUIRE(weft_file_open(&files[0], &file, "/big", WEFT_FILE_WRITE | WEFT_FILE_CREATE) == 0);
    uint64_t at = 0;
    for (; at < 32u << 20 && result >= 0; at += DATA) {
        result = weft_file_write_at(&file, at, 0, DATA);
    }
    EXPECT_EQUAL(WEFT_FILE_NO_SPACE, result);
    EXPECT_EQUAL(at - DATA, weft_file_size(&file));
    EXPECT(at > 14u << 20);
    EXPECT_EQUAL(0, weft_file_close(&file));
    read_file(&files[0], "/kept", 9, 200000, 8000);
    EXPECT_EQUAL(0, weft_files_remove(&files[0], "/big"));
    EXPECT_EQUAL(0, weft_files_space(&files[0], &after));
    EXPECT_EQUAL(before.used, after.used);
}

/* ---- several clients, some of them nasty ---------------------------------------------------------- */

static _Bool done_well[CLIENTS];

static void work(void *argument)
{
    uint32_t number = *(const uint32_t *)argument;
    char path[] = "/work0", fresh[] = "/done0";
    struct weft_file file;
    path[5] = fresh[5] = (char)('0' + number);
    _Bool well = 1;
    for (uint32_t turn = 0; turn < 6 && well; turn++) {
        uint64_t bytes = 20000 * (turn + 1) + number;
        well = weft_file_open(&files[number], &file, path,
                              WEFT_FILE_READ | WEFT_FILE_WRITE | WEFT_FILE_CREATE) == 0;
        fill(weft_files_data(&files[number], 0), number, 0, bytes);
        well &= weft_file_write_at(&file, 0, 0, bytes) == (int64_t)bytes;
        memset(weft_files_data(&files[number], 0), 0, bytes);
        well &= weft_files_rename(&files[number], path, fresh) == 0;
        well &= weft_file_read_at(&file, 0, 0, DATA) == (int64_t)bytes;
        well &= holds(weft_files_data(&files[number], 0), number, 0, bytes);
        well &= weft_file_close(&file) == 0;
    }
    done_well[number] = well;
}

TEST(clients_do_not_disturb_each_other, "four at once, each finds what it wrote itself")
{
    static uint32_t numbers[CLIENTS];
    struct weft_group group;
    REQUIRE(open_session(2) && open_session(3));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(&group, "client", i % weft_startup()->cpu_count,
                                                    WEFT_PRIORITY_DEFAULT, work, &numbers[i]));
    }
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        EXPECT(done_well[i]);
    }
}

TEST(a_client_has_its_own_files_only,
     "handles of others, stale ones and unknown requests are refused")
{
    struct weft_files anew;
    struct weft_file file, other;
    REQUIRE(weft_file_open(&files[0], &file, "/log", WEFT_FILE_READ) == 0);
    other = file;
    other.files = &files[1];
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&other, 0, 0, 4));
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_close(&other));
    EXPECT_EQUAL(4, weft_file_read_at(&file, 0, 0, 4));
    for (uint64_t operation = 0; operation < 40; operation++) {
        struct weft_message message = {{operation, ~0ull, ~0ull, ~0ull}};
        if (operation != WEFT_FILES_DETACH) {
            EXPECT_STATUS(STATUS_OK, weft_ipc_call(files[2].service, &message));
            EXPECT(operation == WEFT_FILES_SYNC || operation == WEFT_FILES_SPACE ||
                   (int64_t)message.words[0] < 0);
        }
    }
    other = file;
    EXPECT_EQUAL(0, weft_file_close(&file));
    REQUIRE(weft_file_open(&files[0], &file, "/log", WEFT_FILE_READ) == 0);
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&other, 0, 0, 4)); /* another one in its place */
    REQUIRE(weft_files_open(&anew, files[0].service, WEFT_FREE_BASE + CLIENTS * DATA, 1) == 0);
    EXPECT_EQUAL(WEFT_FILE_BAD, weft_file_read_at(&file, 0, 0, 4)); /* a new session begins anew */
    weft_files_close(&anew);
}

/* Gives the server capabilities until no more fit. */
static void fill_table(const struct weft_inside *inside)
{
    uint64_t notification, copy;
    status_t status;
    REQUIRE_STATUS(STATUS_OK, weft_notification_create(0, &notification));
    do {
        status = weft_cap_copy(inside->handles[WEFT_INSIDE_PROCESS], notification, RIGHT_WRITE, 0,
                               &copy);
    } while (status == STATUS_OK);
    EXPECT_STATUS(STATUS_NO_SLOT, status);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(notification));
}

TEST(a_server_without_room_for_capabilities_ends,
     "the next instance takes the session that came, and what was open is open")
{
    struct weft_inside inside;
    struct weft_service_info info;
    struct weft_file kept, file;
    REQUIRE(weft_file_open(&files[1], &kept, "/log", WEFT_FILE_READ) == 0);
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_open("fs", &inside));
    fill_table(&inside);
    EXPECT_EQUAL(4, weft_file_read_at(&kept, 0, 0, 4)); /* wants no capability */
    EXPECT_EQUAL(0, weft_file_open(&files[0], &file, "/log", WEFT_FILE_READ)); /* attaches first */
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_find("fs", &info));
    EXPECT_EQUAL(inside.instance + 1, info.instance);
    EXPECT_EQUAL(4, weft_file_read_at(&kept, 0, 0, 4));
    EXPECT_EQUAL(0, weft_file_close(&kept));
    EXPECT_EQUAL(0, weft_file_close(&file));
    for (uint32_t i = 0; i < 4; i++) {
        EXPECT_STATUS(STATUS_OK, weft_cap_delete(inside.handles[i]));
    }
}

TEST(open_files_have_a_limit, "and those of a client that begins anew are free again")
{
    struct weft_file file;
    uint32_t opened = 0;
    int64_t result;
    while ((result = weft_file_open(&files[0], &file, "/log", WEFT_FILE_READ)) == 0) {
        opened++;
        REQUIRE(opened < 1000);
    }
    EXPECT_EQUAL(WEFT_FILE_TOO_MANY, result);
    EXPECT_EQUAL(64, opened);
    EXPECT_EQUAL(WEFT_FILE_TOO_MANY, weft_file_open(&files[1], &file, "/log", WEFT_FILE_READ));
    weft_files_close(&files[0]);
    EXPECT_EQUAL(0, weft_file_open(&files[1], &file, "/log", WEFT_FILE_READ));
    EXPECT_EQUAL(0, weft_file_close(&file));
    for (uint32_t i = 1; i < CLIENTS; i++) {
        weft_files_close(&files[i]);
    }
}

KTAP_MAIN
