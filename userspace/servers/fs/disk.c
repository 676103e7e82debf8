/* SPDX-License-Identifier: Apache-2.0
 *
 * littlefs's block device: large blocks of a disk behind a block server (weft/block.h).
 *
 * littlefs's own caches and those of its open files lie in the data of the block session, so that the disk reads
 * and writes them directly; anything else goes by way of `bounce`. Each cache is as large as a block: a file is
 * read and written in pieces of that size.
 *
 * A file's blocks are a list with pointers at their beginnings (littlefs's DESIGN.md, "CTZ skip-lists"), which is
 * followed for each block that is read. So the first sectors of blocks are kept in `heads`, and of each request
 * that begins a block the first sector is noted there. Directories are logs of METADATA_BYTES, of which littlefs reads
 * sector by sector, and again after each commit: `logs` has those of some blocks, as they are on the disk.
 *
 * Erasing means nothing for a disk. What has been written and not flushed may be lost in a power cut, in any
 * part and order. littlefs asks for a flush behind each change of its metadata; that the file's data is there
 * before the metadata that names it is up to files.c.
 *
 * When the block server dies, weft_block_do() waits for the next one and asks again. An error is LFS_ERR_IO. While this server
 * waits for the disk, it is not for init to think that it hangs: the heartbeat goes on.
 */
#include "fs.h"

#include "weft/block.h"
#include "weft/log.h"
#include "weft/startup.h"
#include "weft/string.h"

#define BLOCK_SECTORS (BLOCK_BYTES / SECTOR_BYTES)
#define HEADS 256u
#define LOGS 16u
#define LOG_PARTS (LOGS * METADATA_BYTES / BLOCK_BYTES)
#define PLACE WEFT_FREE_BASE

/* The data of the session, in blocks. */
enum part {
    PART_READ,
    PART_PROGRAM,
    PART_BOUNCE,
    PART_LOGS,
    PART_FILES = PART_LOGS + LOG_PARTS,
    PARTS = PART_FILES + OPEN_FILES
};
#define DATA_PAGES (PARTS * BLOCK_BYTES / WEFT_PAGE_SIZE)
_Static_assert(DATA_PAGES <= WEFT_BLOCK_PAGES, "as much as a session may have");
_Static_assert(BLOCK_BYTES <= WEFT_BLOCK_BYTES, "a block is one request");

static struct weft_block disk;
static void (*beat)(void);
static _Bool unflushed;

static struct {
    uint64_t block; /* and 1; 0: nothing */
    uint8_t bytes[SECTOR_BYTES];
} heads[HEADS];
static uint64_t logs[LOGS]; /* the block and 1, of which this log is; 0: nothing */
static uint64_t lookahead[LOOKAHEAD_BYTES / sizeof(uint64_t)];

static uint64_t part(uint32_t number)
{
    return (uint64_t)number * BLOCK_BYTES;
}

static int request(enum weft_block_operation operation, uint64_t sector, uint64_t offset,
                   uint32_t bytes)
{
    beat();
    return weft_block_do(&disk, operation, sector, offset, bytes) == 0 ? 0 : LFS_ERR_IO;
}

/* Where in the session's data a buffer lies; the bounce block for one that lies elsewhere. */
static uint64_t place_of(const void *buffer)
{
    const uint8_t *start = weft_block_data(&disk, 0), *at = buffer;
    _Bool inside =
        at >= start && at < start + part(PARTS) && (uint64_t)(at - start) % WEFT_BLOCK_SECTOR == 0;
    return inside ? (uint64_t)(at - start) : part(PART_BOUNCE);
}

static void note_head(lfs_block_t block, const void *bytes)
{
    heads[block % HEADS].block = (uint64_t)block + 1;
    memcpy(heads[block % HEADS].bytes, bytes, SECTOR_BYTES);
}

static uint64_t sector_of(lfs_block_t block, lfs_off_t offset)
{
    return (uint64_t)block * BLOCK_SECTORS + offset / SECTOR_BYTES;
}

/* ---- logs ----------------------------------------------------------------------------------------- */

static uint64_t log_place(lfs_block_t block)
{
    return part(PART_LOGS) + (uint64_t)(block % LOGS) * METADATA_BYTES;
}

static void forget_block(lfs_block_t block)
{
    if (logs[block % LOGS] == (uint64_t)block + 1) {
        logs[block % LOGS] = 0;
    }
    if (heads[block % HEADS].block == (uint64_t)block + 1) {
        heads[block % HEADS].block = 0;
    }
}

/* A sector or more of a log, which is brought as a whole. */
static int read_log(lfs_block_t block, lfs_off_t offset, void *buffer, lfs_size_t bytes)
{
    uint64_t place = log_place(block);

    if (logs[block % LOGS] != (uint64_t)block + 1) {
        logs[block % LOGS] = 0;
        int error = request(WEFT_BLOCK_READ, sector_of(block, 0), place, METADATA_BYTES);
        if (error != 0) {
            return error;
        }
        logs[block % LOGS] = (uint64_t)block + 1;
    }
    memcpy(buffer, weft_block_data(&disk, place + offset), bytes);
    return 0;
}

/* What is about to be written. Whole blocks are no logs. */
static void note_log(lfs_block_t block, lfs_off_t offset, const void *buffer, lfs_size_t bytes)
{
    if (logs[block % LOGS] != (uint64_t)block + 1) {
        return;
    }
    if (offset + bytes > METADATA_BYTES) {
        logs[block % LOGS] = 0;
        return;
    }
    memcpy(weft_block_data(&disk, log_place(block) + offset), buffer, bytes);
}

/* ---- littlefs's operations ------------------------------------------------------------------------ */

static int disk_read(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset,
                     void *buffer, lfs_size_t bytes)
{
    uint64_t place = place_of(buffer);

    (void)config;
    if (offset == 0 && bytes <= SECTOR_BYTES && heads[block % HEADS].block == (uint64_t)block + 1) {
        memcpy(buffer, heads[block % HEADS].bytes, bytes);
        return 0;
    }
    if (offset > 0 && offset + bytes <= METADATA_BYTES) {
        return read_log(block, offset, buffer, bytes);
    }
    int error = request(WEFT_BLOCK_READ, sector_of(block, offset), place, bytes);
    if (error != 0) {
        return error;
    }
    if (offset == 0) {
        note_head(block, weft_block_data(&disk, place));
    }
    if (place == part(PART_BOUNCE)) {
        memcpy(buffer, weft_block_data(&disk, place), bytes);
    }
    return 0;
}

static int disk_program(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset,
                        const void *buffer, lfs_size_t bytes)
{
    uint64_t place = place_of(buffer);

    (void)config;
    if (place == part(PART_BOUNCE)) {
        memcpy(weft_block_data(&disk, place), buffer, bytes);
    }
    if (offset == 0) {
        note_head(block, weft_block_data(&disk, place));
    }
    note_log(block, offset, buffer, bytes);
    unflushed = 1;
    int error = request(WEFT_BLOCK_WRITE, sector_of(block, offset), place, bytes);
    if (error != 0) {
        forget_block(block); /* nobody knows what is there */
    }
    return error;
}

static int disk_erase(const struct lfs_config *config, lfs_block_t block)
{
    (void)config;
    (void)block;
    return 0;
}

int disk_flush(void)
{
    if (!unflushed || (disk.info.flags & WEFT_BLOCK_CAN_FLUSH) == 0) {
        return 0; /* a disk that cannot flush keeps what it has taken */
    }
    int error = request(WEFT_BLOCK_FLUSH, 0, 0, 0);
    unflushed = error != 0;
    return error;
}

static int disk_sync(const struct lfs_config *config)
{
    (void)config;
    return disk_flush();
}

static struct lfs_config config = {
    .read = disk_read,
    .prog = disk_program,
    .erase = disk_erase,
    .sync = disk_sync,
    .read_size = SECTOR_BYTES,
    .prog_size = SECTOR_BYTES,
    .block_size = BLOCK_BYTES,
    .block_cycles = -1, /* a disk does not wear out where it is written often */
    .cache_size = BLOCK_BYTES,
    .lookahead_size = LOOKAHEAD_BYTES,
    .lookahead_buffer = lookahead,
    .metadata_max = METADATA_BYTES,
};

void disk_open(void (*waiting)(void), uint64_t interval)
{
    beat = waiting;
    status_t status = weft_block_open(&disk, weft_capability("block"), PLACE, DATA_PAGES);
    if (status != STATUS_OK) {
        weft_fail("there is no disk: is `use block` given? (status %ld)", status);
    }
    disk.patience = interval;
    disk.waiting = waiting;
    uint64_t blocks = disk.info.sectors / BLOCK_SECTORS;
    if (blocks < BLOCKS_MIN) {
        weft_fail("the disk has %lu KiB, and at least %u are needed", disk.info.sectors / 2,
                  BLOCKS_MIN * BLOCK_BYTES / 1024);
    }
    config.block_count = (lfs_size_t)(blocks < UINT32_MAX ? blocks : UINT32_MAX);
    config.read_buffer = weft_block_data(&disk, part(PART_READ));
    config.prog_buffer = weft_block_data(&disk, part(PART_PROGRAM));
}

const struct lfs_config *disk_config(void)
{
    return &config;
}

void *disk_file_memory(uint32_t number)
{
    return weft_block_data(&disk, part(PART_FILES + number));
}

_Bool disk_read_only(void)
{
    return (disk.info.flags & WEFT_BLOCK_IS_READ_ONLY) != 0;
}

int disk_empty(void)
{
    const uint64_t *words = weft_block_data(&disk, part(PART_BOUNCE));

    for (uint64_t block = 0; block < 2; block++) {
        int error = request(WEFT_BLOCK_READ, block * BLOCK_SECTORS, part(PART_BOUNCE), BLOCK_BYTES);
        if (error != 0) {
            return error;
        }
        for (uint32_t i = 0; i < BLOCK_BYTES / sizeof(*words); i++) {
            if (words[i] != 0) {
                return 0;
            }
        }
    }
    return 1;
}
