/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.{pread,pwrite}.random: what does a request of 4 KiB to the disk cost, one at a time?
 * linux.aio.{read,write}_batch: and one of BATCH that are under way together (io_submit, io_getevents)?
 * linux.{pread,pwrite}.stream, linux.aio.{read,write}_stream: what does a MiB cost, in one call or in STREAM
 * requests of 128 KiB that are under way together?
 *
 * Timed: from the system call to its return, O_DIRECT, on CPU 0; and as in bench/guest/block.c a filler counts its turns
 * while the others wait for the disk (filler.c). What it took is subtracted from each sample. The data lies in a huge page
 * and the block layer has no scheduler (`none`), which is Linux's shortest way. Not measured: what QEMU does for its device,
 * caches, flushing. Where there is no disk, nothing is asked.
 */
#include "lab.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIECE 4096u
#define BATCH 16u
#define STREAM 8u
#define STREAM_BYTES (128u * 1024)
#define HUGE_PAGE (2u << 20)
#define MIB (STREAM * STREAM_BYTES)

enum operation { READ, WRITE };

static int disk;
static uint64_t disk_bytes, position;
static char *data;
static aio_context_t aio;

static uint64_t random_offset(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % (disk_bytes / PIECE) * PIECE;
}

/* ---- the disk ----------------------------------------------------------------------------------------- */

static void disk_open(void)
{
    disk_driver();
    disk = (int)must(open("/dev/vda", O_RDWR | O_DIRECT), "/dev/vda");
    must(ioctl(disk, BLKGETSIZE64, &disk_bytes), "the disk's size");
    data = aligned_alloc(HUGE_PAGE, HUGE_PAGE);
    if (data == NULL || madvise(data, HUGE_PAGE, MADV_HUGEPAGE) != 0) {
        fail("memory for the disk's data");
    }
    for (unsigned i = 0; i < MIB; i++) {
        data[i] = (char)i;
    }
    must(syscall(SYS_io_setup, BATCH, &aio), "io_setup");
    filler_start();
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void do_one(enum operation operation, uint64_t offset, uint32_t bytes)
{
    long done = operation == READ ? syscall(SYS_pread64, disk, data, bytes, offset)
                                  : syscall(SYS_pwrite64, disk, data, bytes, offset);
    if (done != (long)bytes) {
        fail("a request to the disk");
    }
}

static void do_all(enum operation operation, const uint64_t *offsets, uint32_t count,
                   uint32_t bytes)
{
    static struct iocb requests[BATCH];
    static struct io_event events[BATCH];
    struct iocb *list[BATCH];
    for (uint32_t i = 0; i < count; i++) {
        requests[i] = (struct iocb){
            .aio_lio_opcode = operation == READ ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE,
            .aio_fildes = (uint32_t)disk,
            .aio_buf = (uint64_t)data + (uint64_t)i * bytes,
            .aio_nbytes = bytes,
            .aio_offset = (int64_t)offsets[i],
        };
        list[i] = &requests[i];
    }
    if (syscall(SYS_io_submit, aio, count, list) != count ||
        syscall(SYS_io_getevents, aio, count, count, events, NULL) != count) {
        fail("requests to the disk");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].res != bytes) {
            fail("a request to the disk");
        }
    }
}

/* ---- questions ------------------------------------------------------------------------------------------ */

static void ask_random(const char *name, enum operation operation, uint32_t count)
{
    uint64_t offsets[BATCH], state = 1;
    struct loop loop = loop_open();
    for (uint64_t i = 0; i < loop.total; i++) {
        for (uint32_t request = 0; request < count; request++) {
            offsets[request] = random_offset(&state);
        }
        uint64_t before = clock_without_filler();
        if (count == 1) {
            do_one(operation, offsets[0], PIECE);
        } else {
            do_all(operation, offsets, count, PIECE);
        }
        loop.samples[i] = clock_without_filler() - before;
    }
    report(name, &loop, count, "\"cpu\":0");
}

static void ask_stream(const char *name, enum operation operation, uint32_t count)
{
    uint64_t offsets[STREAM];
    struct loop loop = loop_open();
    for (uint64_t i = 0; i < loop.total; i++) {
        position = position + MIB > disk_bytes ? 0 : position;
        for (uint32_t request = 0; request < STREAM; request++) {
            offsets[request] = position + request * STREAM_BYTES;
        }
        uint64_t before = clock_without_filler();
        if (count == 1) {
            do_one(operation, position, MIB);
        } else {
            do_all(operation, offsets, count, STREAM_BYTES);
        }
        loop.samples[i] = clock_without_filler() - before;
        position += MIB;
    }
    report(name, &loop, 1, "\"cpu\":0");
}

void ask_disk(void)
{
    static const struct {
        const char *name;
        void (*ask)(const char *name, enum operation operation, uint32_t count);
        enum operation operation;
        uint32_t count;
    } questions[] = {
        {"linux.pread.random", ask_random, READ, 1},
        {"linux.pwrite.random", ask_random, WRITE, 1},
        {"linux.aio.read_batch", ask_random, READ, BATCH},
        {"linux.aio.write_batch", ask_random, WRITE, BATCH},
        {"linux.pread.stream", ask_stream, READ, 1},
        {"linux.aio.read_stream", ask_stream, READ, STREAM},
        {"linux.pwrite.stream", ask_stream, WRITE, 1},
        {"linux.aio.write_stream", ask_stream, WRITE, STREAM},
    };
    for (unsigned i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        if (asked(questions[i].name, 1)) {
            if (data == NULL) {
                disk_open();
            }
            questions[i].ask(questions[i].name, questions[i].operation, questions[i].count);
        }
    }
}
