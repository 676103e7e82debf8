/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients of the file system while its server and the driver of its disk are killed in turn: each request is done in the end,
 * files stay open, and each holds what was written last. `kills=N` on the command line says how often each of the two
 * dies. What must be on the disk at the end is told to the host, which looks (tests/boot/test_files_disk.py).
 *
 * weft-test: cpus=4 disk=16M
 * weft-test: cpus=1,4 accel=icount disk=16M append="kills=3"
 * A slow disk has much under way when its driver dies, and when the server does.
 * weft-test: cpus=4 disk=16M disk_iops=600 append="kills=5"
 */
#include "file_content.h"

#include "weft/atomic.h"
#include "weft/file.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/random.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/thread.h"
#include "weft/time.h"

#define CLIENTS 4u
#define FILES 5u /* of each client */
#define PAGES 32u
#define DATA (PAGES * WEFT_PAGE_SIZE)
#define KILLS_MAX 1000u

/* What a client knows of its files: version 0 is not there. */
struct expected {
    uint64_t version;
    uint64_t size;
};

static struct client {
    struct weft_files files;
    uint32_t number;
    uint32_t turns; /* atomic */
    const char *wrong;
    int64_t result; /* that was wrong */
    struct expected expected[FILES];
} clients[CLIENTS];
static uint32_t stop; /* atomic */

static void path_of(char *path, const struct client *client, uint32_t file, _Bool aside)
{
    (void)weft_string_copy(path, "/c0/f0", 8);
    path[2] = (char)('0' + client->number);
    path[4] = aside ? 't' : 'f';
    path[5] = (char)('0' + file);
}

static uint64_t seed_of(const struct client *client, uint32_t file)
{
    return client->number * FILES + file + 1;
}

static _Bool check(struct client *client, const char *what, _Bool right, int64_t result)
{
    if (!right && client->wrong == NULL) {
        client->wrong = what;
        client->result = result;
    }
    return right;
}

/* ---- what a client does --------------------------------------------------------------------------- */

/* A new version, beside the old one, which it then replaces. */
static _Bool replace(struct client *client, uint32_t number, uint64_t size)
{
    struct expected *expected = &client->expected[number];
    char path[8], aside[8];
    struct weft_file file;

    path_of(path, client, number, 0);
    path_of(aside, client, number, 1);
    int64_t result = weft_file_open(&client->files, &file, aside,
                                    WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE);
    if (!check(client, "open aside", result == 0, result)) {
        return 0;
    }
    content_fill(weft_files_data(&client->files, 0), seed_of(client, number), expected->version + 1,
                 0, size);
    result = weft_file_write_at(&file, 0, 0, size);
    _Bool right = check(client, "write", result == (int64_t)size, result);
    result = weft_files_rename(&client->files, aside, path);
    right = right && check(client, "rename", result == 0, result);
    result = weft_file_close(&file);
    right = right && check(client, "close", result == 0, result);
    *expected = (struct expected){expected->version + 1, size};
    return right;
}

static _Bool append(struct client *client, uint32_t number, uint64_t bytes)
{
    struct expected *expected = &client->expected[number];
    char path[8];
    struct weft_file file;

    path_of(path, client, number, 0);
    int64_t result =
        weft_file_open(&client->files, &file, path, WEFT_FILE_WRITE | WEFT_FILE_APPEND);
    if (!check(client, "open to append", result == 0, result)) {
        return 0;
    }
    _Bool right =
        check(client, "where it ends", file.position == expected->size, (int64_t)file.position);
    for (uint64_t done = 0; done < bytes && right; done += 8) {
        uint64_t word = content_word(seed_of(client, number), expected->version, file.position);
        result = weft_file_write(&file, &word, 8);
        right = check(client, "append", result == 8, result);
    }
    result = weft_file_close(&file);
    expected->size += bytes;
    return right && check(client, "close appended", result == 0, result);
}

static _Bool verify(struct client *client, uint32_t number)
{
    const struct expected *expected = &client->expected[number];
    struct weft_file_entry entry;
    struct weft_file file;
    char path[8];

    path_of(path, client, number, 0);
    if (expected->version == 0) {
        int64_t result = weft_files_stat(&client->files, path, &entry);
        return check(client, "stat of nothing", result == WEFT_FILE_NOT_FOUND, result);
    }
    int64_t result = weft_file_open(&client->files, &file, path, WEFT_FILE_READ);
    if (!check(client, "open to read", result == 0, result)) {
        return 0;
    }
    result = weft_file_size(&file);
    _Bool right = check(client, "size", result == (int64_t)expected->size, result);
    for (uint64_t at = 0; at < expected->size && right; at += (uint64_t)result) {
        result = weft_file_read_at(&file, at, 0, DATA);
        uint64_t same =
            result <= 0 ? 0
                        : content_right(weft_files_data(&client->files, 0), seed_of(client, number),
                                        expected->version, at, (uint64_t)result);
        right = check(client, "content", result > 0 && same == (uint64_t)result,
                      result > 0 ? (int64_t)(at + same) : result);
    }
    result = weft_file_close(&file);
    return right && check(client, "close read", result == 0, result);
}

static _Bool turn(struct client *client, struct weft_random *random)
{
    uint32_t number = (uint32_t)weft_random_below(random, FILES);
    struct expected *expected = &client->expected[number];
    char path[8];

    switch (weft_random_below(random, 8)) {
    case 0:
        path_of(path, client, number, 0);
        if (expected->version != 0) {
            int64_t result = weft_files_remove(&client->files, path);
            *expected = (struct expected){0, 0};
            return check(client, "remove", result == 0, result);
        }
        return verify(client, number);
    case 1:
    case 2:
        return replace(client, number, 8 * weft_random_below(random, DATA / 8));
    case 3:
    case 4:
        return expected->version == 0 || expected->size > 200000
                   ? replace(client, number, 8 * weft_random_below(random, 100))
                   : append(client, number, 8 * weft_random_below(random, 2000));
    default:
        return verify(client, number);
    }
}

/* One file stays open all the while, whoever dies: its first word counts the turns. */
static void work(void *argument)
{
    struct client *client = argument;
    struct weft_random random = {client->number + 1};
    struct weft_file open;
    char path[8];
    path_of(path, client, 9, 0);
    int64_t result = weft_file_open(&client->files, &open, path,
                                    WEFT_FILE_READ | WEFT_FILE_WRITE | WEFT_FILE_CREATE);
    _Bool right = check(client, "open for good", result == 0, result);
    for (uint64_t count = 1; right && weft_load_acquire(&stop) == 0; count++) {
        uint64_t *word = weft_files_data(&client->files, DATA - 8);
        *word = count;
        result = weft_file_write_at(&open, 0, DATA - 8, 8);
        right = check(client, "count", result == 8, result) && turn(client, &random);
        *word = 0;
        result = weft_file_read_at(&open, 0, DATA - 8, 8);
        right = right && check(client, "counted", result == 8 && *word == count, result);
        weft_store_release(&client->turns, client->turns + 1);
    }
}

/* ---- who kills ------------------------------------------------------------------------------------ */

static uint64_t kill_and_wait(const char *name)
{
    struct weft_service_info before, after;
    EXPECT_STATUS(STATUS_OK, weft_supervisor_find(name, &before));
    EXPECT_STATUS(STATUS_OK, weft_supervisor_kill(name));
    do {
        weft_sleep_for(100);
        EXPECT_STATUS(STATUS_OK, weft_supervisor_find(name, &after));
    } while (after.instance == before.instance || after.answered_at == 0);
    EXPECT_EQUAL(WEFT_CAUSE_KILLED, after.cause);
    return (after.answered_at - after.failed_at) / weft_microseconds(1);
}

static void sort(uint64_t *values, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        for (uint64_t j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
        }
    }
}

static _Bool all_well(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (clients[i].wrong != NULL) {
            return 0;
        }
    }
    return 1;
}

/* Until each client has done something since. */
static void wait_for_work(void)
{
    for (uint32_t i = 0; i < CLIENTS; i++) {
        uint32_t before = weft_load_acquire(&clients[i].turns);
        while (weft_load_acquire(&clients[i].turns) == before && all_well()) {
            weft_sleep_for(100);
        }
    }
}

static void tell(const char *name, uint64_t *times, uint64_t count)
{
    sort(times, count);
    ktap_note("%s: from its end to its next answer %lu us at the median, %lu at most", name,
              times[count / 2], times[count - 1]);
    weft_print("@weft {\"record\":\"restart\",\"service\":\"%s\",\"kills\":%lu,\"median_us\":%lu,"
               "\"max_us\":%lu}\n",
               name, count, times[count / 2], times[count - 1]);
}

static void start_clients(struct weft_group *group)
{
    static const char *const names[] = {"files1", "files2", "files3", "files4"};
    char directory[] = "/c0";
    REQUIRE_STATUS(STATUS_OK, weft_group_open(group));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        client->number = i;
        directory[2] = (char)('0' + i);
        REQUIRE(weft_files_open(&client->files, weft_capability(names[i]),
                                WEFT_FREE_BASE + i * DATA, PAGES) == 0);
        REQUIRE(weft_files_make_directory(&client->files, directory) == 0);
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(group, "client", i % weft_startup()->cpu_count,
                                                    WEFT_PRIORITY_DEFAULT, work, client));
    }
}

/* For the host, which finds it on the disk. */
static void tell_expected(const struct client *client)
{
    char path[8];
    for (uint32_t number = 0; number < FILES; number++) {
        path_of(path, client, number, 0);
        weft_print("@weft {\"record\":\"file\",\"path\":\"%s\",\"seed\":%lu,\"version\":%lu,"
                   "\"size\":%lu}\n",
                   path, seed_of(client, number), client->expected[number].version,
                   client->expected[number].size);
    }
}

TEST(nothing_is_lost, "server and driver are killed in turn while four clients work")
{
    static uint64_t server_times[KILLS_MAX], driver_times[KILLS_MAX];
    uint64_t kills = weft_argument_number("kills", 10);
    struct weft_group group;
    uint32_t deaths = 0;
    REQUIRE(kills > 0 && kills <= KILLS_MAX);
    start_clients(&group);
    for (uint64_t i = 0; i < kills && all_well(); i++) {
        wait_for_work();
        server_times[i] = kill_and_wait("fs");
        wait_for_work();
        driver_times[i] = kill_and_wait("disk");
    }
    wait_for_work();
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        for (uint32_t number = 0; number < FILES && client->wrong == NULL; number++) {
            (void)verify(client, number);
        }
        if (!EXPECT(client->wrong == NULL)) {
            ktap_note("client %u after %u turns: %s: %ld (%s)", i, client->turns, client->wrong,
                      client->result, weft_file_result_text(client->result));
        }
        deaths += client->files.deaths;
        tell_expected(client);
        weft_files_close(&client->files);
    }
    tell("fs", server_times, kills);
    tell("disk", driver_times, kills);
    ktap_note("%u requests were asked again after a death", deaths);
}

KTAP_MAIN
