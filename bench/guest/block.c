/* SPDX-License-Identifier: Apache-2.0
 *
 * block.{read,write}.random: what does a request of 4 KiB to the disk cost, one at a time?
 * block.{read,write}.batch: and one of BATCH that are under way together?
 * block.{read,write}.stream: what does a MiB cost, in requests of 128 KiB, STREAM of them under way together?
 *
 * Timed: from the submission to the results in the client's hands. All of it is on CPU 0: the client, the driver
 * (virtio_blk, a process, started here with the bus server), and the filler (filler.h).
 * Sectors of the random ones are the same in each boot. Hot. Not measured: what QEMU does for its device; work with the
 * data; flushing.
 */
#include "bench.h"
#include "filler.h"

#include "weft/archive.h"
#include "weft/atomic.h"
#include "weft/block.h"
#include "weft/pci.h"
#include "weft/print.h"
#include "weft/random.h"
#include "weft/startup.h"

#define DISK WEFT_PCI_BY_ID(0x1af4, 0x1042, 0)
#define DRIVER_PAGES 400
#define PIECE 4096u
#define BATCH 16u
#define STREAM 8u
#define DATA_PAGES (STREAM * WEFT_BLOCK_BYTES / WEFT_PAGE_SIZE)

static struct weft_block disk;
static uint64_t position; /* sector where the stream goes on */

/* ---- the drivers ------------------------------------------------------------------------------------ */

static void spawn(const char *program, const struct weft_grant *grants, uint32_t count)
{
    static struct weft_archive archive;
    struct weft_child child;
    struct weft_spawn spawn = {.name = program,
                               .program = program,
                               .priority = WEFT_PRIORITY_DEFAULT,
                               .pages = DRIVER_PAGES,
                               .grants = grants,
                               .grant_count = count};
    const char *problem = archive.bytes == NULL ? weft_archive_open(&archive) : NULL;
    if (problem != NULL || weft_spawn(&archive, &spawn, &child) != STATUS_OK) {
        weft_fail("driver %s: %s", program, problem != NULL ? problem : spawn.reason);
    }
}

static uint64_t capability(const char *name)
{
    uint64_t handle = weft_capability(name);
    if (handle == 0) {
        weft_fail("there is no capability %s", name);
    }
    return handle;
}

static void open_disk(void)
{
    uint64_t bus = bench_endpoint(0), service = bench_endpoint(0);
    struct weft_grant of_bus[] = {
        {"console", capability("console"), RIGHT_WRITE, 0},
        {"pci", bus, RIGHT_READ, 0},
        {"ports", capability("bus_ports"), RIGHT_READ | RIGHT_WRITE, 0},
        {"interrupts", capability("bus_messages"), RIGHT_READ | RIGHT_WRITE, 0},
        {"physical", capability("bus_pages"), RIGHT_READ | RIGHT_WRITE, 0},
    };
    struct weft_grant of_disk[] = {
        {"console", capability("console"), RIGHT_WRITE, 0},
        {"pci", bus, RIGHT_WRITE, DISK},
        {"block", service, RIGHT_READ, 0},
    };
    if (disk.service != 0) {
        return;
    }
    spawn("pci", of_bus, sizeof(of_bus) / sizeof(of_bus[0]));
    spawn("virtio_blk", of_disk, sizeof(of_disk) / sizeof(of_disk[0]));
    status_t status = weft_block_open(&disk, service, WEFT_FREE_BASE, DATA_PAGES);
    if (status != STATUS_OK) {
        weft_fail("the disk cannot be had (weft run --disk): status %ld", status);
    }
    filler_start();
}

/* ---- loops -------------------------------------------------------------------------------------------- */

static uint64_t random_sector(struct weft_random *random)
{
    return weft_random_below(random, disk.info.sectors / (PIECE / WEFT_BLOCK_SECTOR)) *
           (PIECE / WEFT_BLOCK_SECTOR);
}

/* Submits `count` requests of `bytes` each and takes their results. */
static uint64_t do_all(enum weft_block_operation operation, const uint64_t *sectors, uint32_t count,
                       uint32_t bytes)
{
    struct weft_block_done done;
    uint64_t failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        failed |= weft_block_submit(&disk, operation, sectors[i], (uint64_t)i * bytes, bytes) == 0;
    }
    failed |= (uint64_t)weft_block_wait(&disk, count);
    for (uint32_t i = 0; i < count; i++) {
        failed |= weft_block_take(&disk, &done) != 1 || done.result != 0;
    }
    return failed;
}

/* The loop's handles: the operation, and how many at a time. */
static void loop_random(struct bench_loop *loop)
{
    enum weft_block_operation operation = (enum weft_block_operation)loop->handles[0];
    uint32_t count = (uint32_t)loop->handles[1];
    struct weft_random random = {1};
    uint64_t sectors[BATCH];
    for (uint64_t i = 0; i < loop->total; i++) {
        for (uint32_t request = 0; request < count; request++) {
            sectors[request] = random_sector(&random);
        }
        uint64_t before = clock_without_filler();
        loop->failed |= do_all(operation, sectors, count, PIECE);
        loop->samples[i] = clock_without_filler() - before;
    }
}

static void loop_stream(struct bench_loop *loop)
{
    enum weft_block_operation operation = (enum weft_block_operation)loop->handles[0];
    uint64_t sectors[STREAM];
    for (uint64_t i = 0; i < loop->total; i++) {
        if (position + STREAM * (WEFT_BLOCK_BYTES / WEFT_BLOCK_SECTOR) > disk.info.sectors) {
            position = 0;
        }
        for (uint32_t request = 0; request < STREAM; request++) {
            sectors[request] = position;
            position += WEFT_BLOCK_BYTES / WEFT_BLOCK_SECTOR;
        }
        uint64_t before = clock_without_filler();
        loop->failed |= do_all(operation, sectors, STREAM, WEFT_BLOCK_BYTES);
        loop->samples[i] = clock_without_filler() - before;
    }
}

static void measure(const char *name, enum weft_block_operation operation, uint32_t count,
                    bench_loop_function *function)
{
    struct bench_loop loop = {.handles = {operation, count}};
    open_disk();
    bench_measure(&loop, "block", 0, bench_options.samples, function);
    bench_correct(&loop, count);
    bench_report(name, &loop, "\"cpu\":0");
}

static void block_random(void)
{
    measure("block.read.random", WEFT_BLOCK_READ, 1, loop_random);
    measure("block.write.random", WEFT_BLOCK_WRITE, 1, loop_random);
    measure("block.read.batch", WEFT_BLOCK_READ, BATCH, loop_random);
    measure("block.write.batch", WEFT_BLOCK_WRITE, BATCH, loop_random);
    measure("block.read.stream", WEFT_BLOCK_READ, 1, loop_stream);
    measure("block.write.stream", WEFT_BLOCK_WRITE, 1, loop_stream);
}
BENCHMARK("block", block_random);
