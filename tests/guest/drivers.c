/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers as services of init: killed under load by whoever may, and back for the clients that they had.
 *
 * weft-test: cpus=4 disk=4M device=virtio-rng-pci-non-transitional
 * weft-test: cpus=1,4 accel=icount disk=4M device=virtio-rng-pci-non-transitional
 * weft-test: cpus=4 disk=4M iommu=1 device=virtio-rng-pci-non-transitional
 */
#include "weft/atomic.h"
#include "weft/block.h"
#include "weft/entropy.h"
#include "weft/ktap.h"
#include "weft/layout.h"
#include "weft/random.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/thread.h"
#include "weft/time.h"

#define KILLS 20u
#define RUNS 64u /* of 8 sectors */

static struct weft_block disk;
static uint32_t stop, done; /* atomic */
static _Bool wrong;

static void fill(uint64_t *words, uint64_t run, uint64_t version)
{
    for (uint32_t i = 0; i < 512; i++) {
        words[i] = run << 48 | version << 16 | i;
    }
}

/* Writes runs of sectors and reads them again, always with the result that the last write asks for. */
static void load(void *unused)
{
    static uint64_t expected[512], versions[RUNS];
    struct weft_random random = {1};
    (void)unused;
    for (uint64_t turn = 1; weft_load_acquire(&stop) == 0 && !wrong; turn++) {
        uint64_t run = weft_random_below(&random, RUNS);
        if (versions[run] == 0 || weft_random_below(&random, 2) == 0) {
            versions[run] = turn;
            fill(weft_block_data(&disk, 0), run, turn);
            wrong |= weft_block_do(&disk, WEFT_BLOCK_WRITE, run * 8, 0, 4096) != 0;
            wrong |= turn % 8 == 0 && weft_block_do(&disk, WEFT_BLOCK_FLUSH, 0, 0, 0) != 0;
        } else {
            fill(expected, run, versions[run]);
            memset(weft_block_data(&disk, 0), 0, 4096);
            wrong |= weft_block_do(&disk, WEFT_BLOCK_READ, run * 8, 0, 4096) != 0;
            wrong |= memcmp(weft_block_data(&disk, 0), expected, 4096) != 0;
        }
        weft_store_release(&done, done + 1);
    }
}

/* Kills a service and waits until its next instance has answered somebody; microseconds from one to the other,
 * as init and the instance saw them. */
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

static void sort(uint64_t *values, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t j = i; j > 0 && values[j - 1] > values[j]; j--) {
            uint64_t value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
        }
    }
}

TEST(a_disk_comes_back,
     "killed twenty times while a client writes and reads: no request fails, no data is lost")
{
    uint64_t times[KILLS];
    struct weft_group group;
    REQUIRE_STATUS(STATUS_OK, weft_block_open(&disk, weft_capability("block"), WEFT_FREE_BASE, 1));
    REQUIRE_STATUS(STATUS_OK, weft_group_open(&group));
    REQUIRE_STATUS(STATUS_OK,
                   weft_thread_start(&group, "load", 0, WEFT_PRIORITY_DEFAULT, load, NULL));
    for (uint32_t i = 0; i < KILLS; i++) {
        uint32_t before = weft_load_acquire(&done);
        while (weft_load_acquire(&done) < before + 3 && !wrong) {
            weft_sleep_for(100);
        }
        times[i] = kill_and_wait("disk");
    }
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    EXPECT(!wrong);
    EXPECT_EQUAL(KILLS, disk.recoveries);
    sort(times, KILLS);
    ktap_note("from its end to its next answer: %lu us at the median, %lu at most",
              times[KILLS / 2], times[KILLS - 1]);
}

/* Random bytes, asked for again where the driver died with the call. */
static status_t read_entropy(void)
{
    uint8_t bytes[64];
    status_t status = STATUS_DEAD;
    for (uint32_t turn = 0; turn < 3 && status == STATUS_DEAD; turn++) {
        status = weft_entropy_read(weft_capability("entropy"), bytes, sizeof(bytes));
    }
    return status;
}

static void wait_for_another_bus(void)
{
    struct weft_service_info before, after;
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_find("pci", &before));
    REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill("pci"));
    do {
        weft_sleep_for(100);
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_find("pci", &after));
    } while (after.instance == before.instance || after.ready_at == 0);
}

TEST(a_driver_without_its_device_turns_no_client_away,
     "who attaches after the bus server's end, and before the driver has seen it, is served by the "
     "next")
{
    weft_block_close(&disk);
    for (uint32_t i = 0; i < 5; i++) {
        wait_for_another_bus();
        REQUIRE_STATUS(STATUS_OK,
                       weft_block_open(&disk, weft_capability("block"), WEFT_FREE_BASE, 1));
        EXPECT_EQUAL(0, weft_block_do(&disk, WEFT_BLOCK_READ, i * 8, 0, 4096));
        weft_block_close(&disk);
    }
    REQUIRE_STATUS(STATUS_OK, weft_block_open(&disk, weft_capability("block"), WEFT_FREE_BASE, 1));
}

TEST(random_bytes_come_back, "a call that a driver died with says so; asked again, it is answered")
{
    for (uint32_t i = 0; i < 5; i++) {
        REQUIRE_STATUS(STATUS_OK, read_entropy());
        REQUIRE_STATUS(STATUS_OK, weft_supervisor_kill("random"));
    }
    EXPECT_STATUS(STATUS_OK, read_entropy());
}

TEST(a_new_bus_server_is_no_end,
     "its drivers notice that their devices were reset, and begin again")
{
    for (uint32_t i = 0; i < 5; i++) {
        wait_for_another_bus();
        EXPECT_STATUS(STATUS_OK, read_entropy());
        fill(weft_block_data(&disk, 0), i, i);
        EXPECT_EQUAL(0, weft_block_do(&disk, WEFT_BLOCK_WRITE, i * 8, 0, 4096));
        memset(weft_block_data(&disk, 0), 0, 4096);
        EXPECT_EQUAL(0, weft_block_do(&disk, WEFT_BLOCK_READ, i * 8, 0, 4096));
        EXPECT_EQUAL(i << 16 | (uint64_t)i << 48 | 511,
                     ((uint64_t *)weft_block_data(&disk, 0))[511]);
    }
}

KTAP_MAIN
