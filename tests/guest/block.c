/* SPDX-License-Identifier: Apache-2.0
 *
 * The block server against QEMU's virtio-blk: what is written is read, by several clients and many requests at a
 * time; errors; clients that break the rules; and a driver that is killed in the middle of all that. What stands
 * in the file afterwards is checked on the host by tests/boot/test_disk.py.
 *
 * weft-test: cpus=4 disk=4M
 * weft-test: cpus=1,4 accel=icount disk=4M
 * Behind an IOMMU.
 * weft-test: cpus=4 disk=4M iommu=1
 * weft-test: cpus=4 accel=icount disk=4M iommu=1
 * A slow disk has much under way when its driver dies.
 * weft-test: cpus=4 disk=4M disk_iops=400
 */
#define PROGRAM "test_block"
#include "bus.h"

#include "weft/atomic.h"
#include "weft/block.h"
#include "weft/random.h"

#define DISK WEFT_PCI_BY_ID(0x1af4, 0x1042, 0)
#define DISK_ID 0x1af41042u
#define SECTORS 8192u
#define CLIENTS 4u
#define DATA_PAGES 64u
#define DYING 48u
#define SESSION_BYTES ((DATA_PAGES + 1) * WEFT_PAGE_SIZE)

static struct child driver;
static uint64_t service;
static struct weft_block disks[CLIENTS];

/* Where the endpoint lives, as its driver must. */
static void start(void)
{
    bus_find();
    if (service == 0) {
        REQUIRE_STATUS(STATUS_OK, weft_endpoint_create(other_cpu(), &service));
    }
    REQUIRE(driver_start(&driver, "virtio_blk", DISK, "block", service, other_cpu()));
}

/* Kills a driver that lives: one that has ended by itself is a failure. */
static void kill_driver(void)
{
    struct weft_end end = weft_process_end(driver.process);
    if (!EXPECT_EQUAL(WEFT_ALIVE, end.cause)) {
        ktap_note("the driver ended with %u", end.status);
    }
    child_kill(&driver);
}

/* Client `number` with a session of its own. */
static _Bool open_disk(uint32_t number)
{
    uint64_t capability;
    return EXPECT_STATUS(STATUS_OK, weft_cap_copy(HANDLE_SELF, service, RIGHT_WRITE | RIGHT_COPY,
                                                  number + 1, &capability)) &&
           EXPECT_STATUS(STATUS_OK,
                         weft_block_open(&disks[number], capability,
                                         WEFT_FREE_BASE + number * SESSION_BYTES, DATA_PAGES));
}

static void close_disk(uint32_t number)
{
    weft_block_close(&disks[number]);
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(disks[number].service));
}

/* Bytes of a sector in a version; no two sectors nor versions are alike. */
static void fill(void *at, uint64_t sector, uint32_t bytes, uint64_t version)
{
    uint64_t *words = at;
    for (uint32_t i = 0; i < bytes / 8; i++) {
        words[i] = (sector + i / 64) << 32 | version << 8 | i % 64;
    }
}

static _Bool holds(const void *at, uint64_t sector, uint32_t bytes, uint64_t version)
{
    const uint64_t *words = at;
    for (uint32_t i = 0; i < bytes / 8; i++) {
        if (words[i] != ((sector + i / 64) << 32 | version << 8 | i % 64)) {
            ktap_note("sector %lu word %u is %lx", sector + i / 64, i % 64, words[i]);
            return 0;
        }
    }
    return 1;
}

TEST(a_disk_tells_what_it_is, "its size and what it can do")
{
    start();
    REQUIRE(open_disk(0));
    EXPECT_EQUAL(SECTORS, disks[0].info.sectors);
    EXPECT_EQUAL(WEFT_BLOCK_CAN_FLUSH | WEFT_BLOCK_CAN_DISCARD, disks[0].info.flags);
    EXPECT_EQUAL(WEFT_BLOCK_SECTOR, disks[0].info.unit);
}

TEST(what_is_written_is_read, "all sizes, at any sector of the data, and nothing beside it changes")
{
    struct weft_block *disk = &disks[0];
    for (uint32_t bytes = WEFT_BLOCK_SECTOR; bytes <= WEFT_BLOCK_BYTES; bytes *= 2) {
        uint64_t sector = bytes / WEFT_BLOCK_SECTOR * 3, offset = 3 * WEFT_BLOCK_SECTOR;
        fill(weft_block_data(disk, offset), sector, bytes, 7);
        EXPECT_EQUAL(0, weft_block_do(disk, WEFT_BLOCK_WRITE, sector, offset, bytes));
        memset(weft_block_data(disk, 0), 0x5a, DATA_PAGES * WEFT_PAGE_SIZE);
        offset += 9 * WEFT_BLOCK_SECTOR;
        EXPECT_EQUAL(0, weft_block_do(disk, WEFT_BLOCK_READ, sector, offset, bytes));
        REQUIRE(holds(weft_block_data(disk, offset), sector, bytes, 7));
        EXPECT_EQUAL(0x5a, *(uint8_t *)weft_block_data(disk, offset - 1));
        EXPECT_EQUAL(0x5a, *(uint8_t *)weft_block_data(disk, offset + bytes));
    }
    EXPECT_EQUAL(0, weft_block_do(disk, WEFT_BLOCK_FLUSH, 0, 0, 0));
}

TEST(what_cannot_be_done_is_said, "no sector beyond the end, no byte outside of the session")
{
    const struct {
        int64_t wanted;
        enum weft_block_operation operation;
        uint64_t sector, offset;
        uint32_t bytes;
    } cases[] = {
        {0, WEFT_BLOCK_READ, SECTORS - 1, 0, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, SECTORS, 0, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, SECTORS - 1, 0, 1024},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_WRITE, ~0ull, 0, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_WRITE, ~0ull - 7, 0, 4096},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, 0, 0},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, 0, 100},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, 100, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, 0, WEFT_BLOCK_BYTES + 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, DATA_PAGES * 4096, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, DATA_PAGES * 4096 - 512, 1024},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_READ, 0, ~0ull - 511, 512},
        {WEFT_BLOCK_UNSUPPORTED, (enum weft_block_operation)0, 0, 0, 512},
        {WEFT_BLOCK_UNSUPPORTED, (enum weft_block_operation)77, 0, 0, 512},
        {WEFT_BLOCK_RANGE, WEFT_BLOCK_DISCARD, SECTORS, 0, 512},
        {0, WEFT_BLOCK_DISCARD, SECTORS - 8, 0, 4096},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (!EXPECT_EQUAL(cases[i].wanted,
                          weft_block_do(&disks[0], cases[i].operation, cases[i].sector,
                                        cases[i].offset, cases[i].bytes))) {
            ktap_note("case %u", i);
        }
    }
}

/* Pages of the data that hold something else than this byte. */
static uint32_t pages_changed(const struct weft_block *disk, uint8_t byte)
{
    uint32_t count = 0;
    for (uint64_t page = 0; page < DATA_PAGES; page++) {
        const uint8_t *bytes = weft_block_data(disk, page * WEFT_PAGE_SIZE);
        uint32_t at = 0;
        while (at < WEFT_PAGE_SIZE && bytes[at] == byte) {
            at++;
        }
        count += at < WEFT_PAGE_SIZE;
    }
    return count;
}

/* Takes results until nothing is under way; how many there were. */
static uint32_t take_all(struct weft_block *disk)
{
    struct weft_block_done done;
    uint32_t count = 0;
    while (disk->under_way > 0) {
        if (!EXPECT_STATUS(STATUS_OK, weft_block_wait(disk, disk->under_way))) {
            break;
        }
        while (weft_block_take(disk, &done) > 0) {
            EXPECT_EQUAL(0, done.result);
            count++;
        }
    }
    return count;
}

TEST(many_requests_at_a_time, "as many as the rings hold are under way, and each comes back once")
{
    struct weft_block *disk = &disks[0];
    for (unsigned turn = 0; turn < 4; turn++) {
        for (uint64_t i = 0; i < WEFT_BLOCK_DEPTH; i++) {
            fill(weft_block_data(disk, i * 4096), i * 8, 4096, turn);
            EXPECT(weft_block_submit(disk, WEFT_BLOCK_WRITE, i * 8, i * 4096, 4096) != 0);
        }
        EXPECT_EQUAL(0, weft_block_submit(disk, WEFT_BLOCK_FLUSH, 0, 0, 0));
        EXPECT_EQUAL(WEFT_BLOCK_DEPTH, take_all(disk));
        memset(weft_block_data(disk, 0), 0, DATA_PAGES * WEFT_PAGE_SIZE);
        for (uint64_t i = 0; i < WEFT_BLOCK_DEPTH; i++) {
            EXPECT(weft_block_submit(disk, WEFT_BLOCK_READ, i * 8, i * 4096, 4096) != 0);
        }
        EXPECT_EQUAL(WEFT_BLOCK_DEPTH, take_all(disk));
        for (uint64_t i = 0; i < WEFT_BLOCK_DEPTH; i++) {
            REQUIRE(holds(weft_block_data(disk, i * 4096), i * 8, 4096, turn));
        }
    }
    EXPECT_STATUS(STATUS_OK, weft_block_wait(disk, 5)); /* nothing to wait for */
}

/* ---- several clients, some of them nasty -------------------------------------------------------- */

struct load {
    uint32_t number;
    uint32_t turns;
    uint32_t *stop; /* atomic; NULL: after `turns` */
    uint32_t done;
    _Bool wrong;
};

/* Writes and reads its own part of the disk, and remembers what must be where. */
static void work(void *argument)
{
    struct load *load = argument;
    struct weft_block *disk = &disks[load->number];
    struct weft_random random = {load->number + 1};
    uint8_t versions[64] = {0}; /* of runs of 8 sectors; 0: unknown yet */
    uint64_t first = load->number * (SECTORS / CLIENTS);
    for (uint32_t i = 0; load->stop != NULL ? weft_load_acquire(load->stop) == 0 : i < load->turns;
         i++) {
        uint64_t run = weft_random_below(&random, 64), sector = first + run * 8;
        void *data = weft_block_data(disk, 0);
        if (versions[run] == 0 || weft_random_below(&random, 2) == 0) {
            uint8_t version = (uint8_t)(1 + i % 255);
            fill(data, sector, 4096, version);
            load->wrong |= weft_block_do(disk, WEFT_BLOCK_WRITE, sector, 0, 4096) != 0;
            versions[run] = version;
        } else {
            memset(data, 0, 4096);
            load->wrong |= weft_block_do(disk, WEFT_BLOCK_READ, sector, 0, 4096) != 0;
            load->wrong |= !holds(data, sector, 4096, versions[run]);
        }
        load->done++;
    }
}

static void work_all(struct load *loads, struct weft_group *group)
{
    REQUIRE_STATUS(STATUS_OK, weft_group_open(group));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        loads[i].number = i;
        REQUIRE_STATUS(STATUS_OK, weft_thread_start(group, "client", i % cpu_count(),
                                                    WEFT_PRIORITY_DEFAULT, work, &loads[i]));
    }
}

TEST(clients_do_not_disturb_each_other, "four at once, each finds what it wrote itself")
{
    struct load loads[CLIENTS] = {{.turns = 50}, {.turns = 50}, {.turns = 50}, {.turns = 50}};
    struct weft_group group;
    for (uint32_t i = 1; i < CLIENTS; i++) {
        REQUIRE(open_disk(i));
    }
    work_all(loads, &group);
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        EXPECT(!loads[i].wrong);
        EXPECT_EQUAL(50, loads[i].done);
    }
}

TEST(a_broken_ring_ends_one_session, "who scribbles into its rings is cut off; others are served")
{
    struct weft_block *nasty = &disks[1];
    uint64_t *words = (uint64_t *)nasty->here;
    struct weft_message unknown = {{99}}, attach = {{WEFT_BLOCK_ATTACH, 1}};
    words[0] = ~0ull; /* a position that cannot be */
    EXPECT_STATUS(STATUS_DEAD, weft_block_wait(nasty, 1));
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(nasty->service, &unknown));
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, (status_t)unknown.words[0]);
    EXPECT_STATUS(STATUS_OK, weft_ipc_call(nasty->service, &attach)); /* without memory */
    EXPECT_STATUS(STATUS_BAD_ARGUMENT, (status_t)attach.words[0]);
    EXPECT_EQUAL(0, weft_block_do(&disks[0], WEFT_BLOCK_READ, 0, 0, 512));
    EXPECT_STATUS(STATUS_OK, weft_block_recover(nasty));
    EXPECT_EQUAL(0, weft_block_do(nasty, WEFT_BLOCK_READ, 0, 0, 512));
}

/* ---- clients that die ------------------------------------------------------------------------------ */

/* Begins a session and ends in the middle of it, with a request under way. */
static int role_dies(uint64_t number)
{
    static struct weft_block disk;
    if (weft_block_open(&disk, weft_capability("block"), WEFT_FREE_BASE, 1) != STATUS_OK) {
        return 1;
    }
    return weft_block_submit(&disk, WEFT_BLOCK_READ, number, 0, 512) != 0 ? 0 : 2;
}

TEST(the_dead_keep_no_session,
     "four times as many clients as there are places, and none of them says goodbye")
{
    for (uint32_t i = 0; i < DYING; i++) {
        struct weft_grant grants[] = {{"block", service, RIGHT_WRITE, 1000 + i}};
        struct child child;
        REQUIRE(child_start(&child, "dies", i % cpu_count(), grants, 1));
        struct weft_end end = child_wait(&child);
        EXPECT_EQUAL(WEFT_EXITED, end.cause);
        EXPECT_EQUAL(0, end.status);
        child_close(&child);
    }
    EXPECT_EQUAL(0,
                 weft_block_do(&disks[0], WEFT_BLOCK_READ, 0, 0, 512)); /* the living have theirs */
}

/* ---- a driver that is killed -------------------------------------------------------------------- */

TEST(a_killed_driver_loses_nothing,
     "killed ten times under load: every request is done in the end, and every read is right")
{
    uint32_t stop = 0, met = 0;
    struct load loads[CLIENTS];
    struct weft_group group;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        loads[i] = (struct load){.stop = &stop};
    }
    work_all(loads, &group);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t before = loads[i % CLIENTS].done;
        while (weft_load_acquire(&loads[i % CLIENTS].done) < before + 3) {
            weft_sleep_for(100); /* it works again */
        }
        kill_driver();
        start();
    }
    weft_store_release(&stop, 1);
    weft_group_wait(&group);
    weft_group_close(&group);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        EXPECT(!loads[i].wrong);
        met += disks[i].recoveries;
    }
    EXPECT(met >= 10);
    ktap_note("%u sessions were begun again", met);
}

TEST(a_dead_driver_s_device_writes_no_more,
     "with reads under way when the driver dies: nothing arrives after its reset")
{
    struct weft_block *disk = &disks[0];
    uint32_t late = 0;
    EXPECT_EQUAL(0,
                 weft_block_do(disk, WEFT_BLOCK_READ, 0, 0, 512)); /* the last instance knows it */
    for (uint32_t turn = 0; turn < 5; turn++) {
        memset(weft_block_data(disk, 0), 0x11, DATA_PAGES * WEFT_PAGE_SIZE);
        for (uint64_t i = 0; i < DATA_PAGES; i++) { /* QEMU would merge neighbours into one */
            (void)weft_block_submit(disk, WEFT_BLOCK_READ, i * 16, i * WEFT_PAGE_SIZE, 4096);
        }
        EXPECT_STATUS(STATUS_OK, weft_block_wait(disk, 1)); /* the others are with the device */
        uint32_t before = pages_changed(disk, 0x11);
        kill_driver();
        while (bus_claimant(DISK_ID) != 0) {
            weft_sleep_for(50);
        }
        late += pages_changed(disk, 0x11) - before;
        memset(weft_block_data(disk, 0), 0xcc, DATA_PAGES * WEFT_PAGE_SIZE);
        weft_sleep_for(20000);
        EXPECT_EQUAL(0, pages_changed(disk, 0xcc));
        start();
        REQUIRE_STATUS(STATUS_OK, weft_block_recover(disk));
        (void)take_all(disk);
    }
    ktap_note("%u pages were written between a kill and the reset", late);
}

TEST(the_whole_disk_is_known_in_the_end,
     "every sector written and flushed, as the host will find it")
{
    struct weft_block *disk = &disks[0];
    for (uint64_t sector = 0; sector < SECTORS; sector += 128) {
        fill(weft_block_data(disk, 0), sector, 65536, 99);
        REQUIRE(weft_block_do(disk, WEFT_BLOCK_WRITE, sector, 0, 65536) == 0);
    }
    EXPECT_EQUAL(0, weft_block_do(disk, WEFT_BLOCK_FLUSH, 0, 0, 0));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        close_disk(i);
    }
    kill_driver();
    EXPECT_STATUS(STATUS_OK, weft_cap_delete(service));
}

static const struct role roles[] = {{"dies", role_dies}};
ROLES_MAIN(roles)
