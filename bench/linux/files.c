/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.write.fsync, linux.write.direct: what does a MiB of a large file on ext4 cost, written in requests of a MiB, with
 * fsync at the end; through the page cache, and past it (O_DIRECT)?
 * linux.read.cold, linux.read.direct, linux.read.cached: and to read it: from the disk through the page cache, past it,
 * and when the page cache has it?
 * linux.write.pieces, linux.read.pieces: as the first of each, in requests of 64 KiB.
 * linux.create.small: what does a new file of 4 KiB cost, with fsync?
 *
 * Timed as in disk.c, with its filler; all of it on CPU 0, what the kernel's own threads do meanwhile (the journal's) as
 * well. ext4 is the host's mke2fs's with blocks of 4 KiB, everything initialised, mounted without access times and otherwise
 * as it comes: with barriers and the journal of metadata. The data lies in a huge page. `cold`: the page cache has been
 * dropped.
 */
#include "lab.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1u << 20)
#define FILE_MIB 8u
#define PIECE (64u << 10)
#define SMALL 4096u
#define NAMES 8u
#define HUGE_PAGE (2u << 20)
#define STREAM FILES "/stream"

struct question {
    const char *name;
    void (*ask)(const struct question *question);
    uint32_t piece; /* of a request */
    int flags;      /* of open(), besides */
    _Bool cold;
};

static char *data;

void files_mount(void)
{
    static _Bool mounted;
    if (mounted) {
        return;
    }
    disk_driver();
    module_load("crc32c-intel"); /* the checksums of ext4 by the processor's instruction */
    must(mkdir(FILES, 0755), FILES);
    must(mount("/dev/vda", FILES, "ext4", MS_NOATIME, ""), "mounting ext4");
    mounted = 1;
}

static void files_open(void)
{
    files_mount();
    data = aligned_alloc(HUGE_PAGE, HUGE_PAGE);
    if (data == NULL || madvise(data, HUGE_PAGE, MADV_HUGEPAGE) != 0) {
        fail("memory for the files' data");
    }
    for (unsigned i = 0; i < MIB; i++) {
        data[i] = (char)i;
    }
    filler_start();
}

static void drop_caches(void)
{
    sync();
    int file = (int)must(open("/proc/sys/vm/drop_caches", O_WRONLY), "drop_caches");
    must(write(file, "1", 1), "dropping the page cache");
    (void)close(file);
}

static void must_all(long done, long bytes, const char *what)
{
    must(done, what);
    if (done != bytes) {
        fail(what);
    }
}

static void ask_write(const struct question *question)
{
    struct loop loop = loop_open();
    for (uint64_t i = 0; i < loop.total; i++) {
        int file = (int)must(open(STREAM, O_WRONLY | O_CREAT | O_TRUNC | question->flags, 0644),
                             "a file to write");
        uint64_t before = clock_without_filler();
        for (uint64_t at = 0; at < FILE_MIB * MIB; at += question->piece) {
            must_all(write(file, data, question->piece), question->piece, "writing");
        }
        must(fsync(file), "fsync");
        loop.samples[i] = clock_without_filler() - before;
        (void)close(file);
    }
    report(question->name, &loop, FILE_MIB, "\"cpu\":0");
}

/* Reads what ask_write() has left; writes it where that was not asked. */
static void ask_read(const struct question *question)
{
    struct loop loop = loop_open();
    int fresh = (int)must(open(STREAM, O_WRONLY | O_CREAT | O_TRUNC, 0644), "a file to read");
    for (unsigned i = 0; i < FILE_MIB; i++) {
        must_all(write(fresh, data, MIB), MIB, "writing");
    }
    must(fsync(fresh), "fsync");
    (void)close(fresh);
    for (uint64_t i = 0; i < loop.total; i++) {
        if (question->cold) {
            drop_caches();
        }
        int file = (int)must(open(STREAM, O_RDONLY | question->flags), "a file to read");
        uint64_t before = clock_without_filler();
        for (uint64_t at = 0; at < FILE_MIB * MIB; at += question->piece) {
            must_all(read(file, data, question->piece), question->piece, "reading");
        }
        loop.samples[i] = clock_without_filler() - before;
        (void)close(file);
    }
    report(question->name, &loop, FILE_MIB, "\"cpu\":0");
}

static void ask_create(const struct question *question)
{
    struct loop loop = loop_open();
    for (uint64_t i = 0; i < loop.total; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), FILES "/small%lu", i % NAMES);
        (void)unlink(path);
        uint64_t before = clock_without_filler();
        int file = (int)must(open(path, O_WRONLY | O_CREAT, 0644), "a small file");
        must_all(write(file, data, SMALL), SMALL, "writing");
        must(fsync(file), "fsync");
        (void)close(file);
        loop.samples[i] = clock_without_filler() - before;
    }
    report(question->name, &loop, 1, "\"cpu\":0");
}

void ask_files(void)
{
    static const struct question questions[] = {
        {"linux.write.fsync", ask_write, MIB, 0, 0},
        {"linux.write.direct", ask_write, MIB, O_DIRECT, 0},
        {"linux.read.cold", ask_read, MIB, 0, 1},
        {"linux.read.direct", ask_read, MIB, O_DIRECT, 1},
        {"linux.read.cached", ask_read, MIB, 0, 0},
        {"linux.write.pieces", ask_write, PIECE, 0, 0},
        {"linux.read.pieces", ask_read, PIECE, 0, 1},
        {"linux.create.small", ask_create, SMALL, 0, 0},
    };
    for (unsigned i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        if (asked(questions[i].name, 1)) {
            if (data == NULL) {
                files_open();
            }
            questions[i].ask(&questions[i]);
        }
    }
}
