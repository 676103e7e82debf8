/* SPDX-License-Identifier: Apache-2.0
 *
 * file.write.stream, file.read.stream: what does a MiB of a large file cost, in requests of a MiB?
 * file.write.gathered, file.read.ahead: and in small pieces, which the library gathers and reads ahead?
 * file.create.small: what does a new file of 4 KiB cost?
 *
 * Timed: from the first request to the answer to the last one; what is written is on the disk and flushed by then, and
 * the server keeps nothing of what it has read. All of it is on CPU 0: the client, the file system's server, the disk's
 * driver, and the filler (filler.h). The image is bench_files, in which init starts the services. Not measured: what QEMU
 * does for its device.
 */
#include "bench.h"
#include "filler.h"

#include "weft/file.h"
#include "weft/print.h"
#include "weft/startup.h"

#define MIB (1u << 20)
#define FILE_MIB 8u
#define PIECE (64u << 10)
#define SMALL 4096u
#define NAMES 8u /* of small files, which are made anew in turn */
#define FLAGS_FRESH (WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE)

static struct weft_files files;
static uint8_t piece[PIECE];

static void must(int64_t result, const char *what)
{
    if (result < 0) {
        weft_fail("%s: %s", what, weft_file_result_text(result));
    }
}

static void open_files(void)
{
    uint64_t service = weft_capability("files");
    if (files.service != 0) {
        return;
    }
    if (service == 0) {
        weft_fail("there is no capability files (the image is bench_files)");
    }
    must(weft_files_open(&files, service, WEFT_FREE_BASE, MIB / WEFT_PAGE_SIZE), "the files");
    filler_start();
}

/* ---- the whole file, once -------------------------------------------------------------------------- */

static void write_whole(struct weft_file *file)
{
    for (uint64_t at = 0; at < FILE_MIB * MIB; at += MIB) {
        must(weft_file_write_at(file, at, 0, MIB), "writing");
    }
}

static void read_whole(struct weft_file *file)
{
    for (uint64_t at = 0; at < FILE_MIB * MIB; at += MIB) {
        must(weft_file_read_at(file, at, 0, MIB), "reading");
    }
}

static void write_gathered(struct weft_file *file)
{
    for (uint64_t at = 0; at < FILE_MIB * MIB; at += PIECE) {
        must(weft_file_write(file, piece, PIECE), "writing");
    }
    must(weft_file_sync(file), "syncing");
}

static void read_ahead(struct weft_file *file)
{
    for (uint64_t at = 0; at < FILE_MIB * MIB; at += PIECE) {
        must(weft_file_read(file, piece, PIECE), "reading");
    }
}

static uint64_t time_whole(void (*work)(struct weft_file *file), uint32_t flags)
{
    struct weft_file file;
    must(weft_file_open(&files, &file, "/stream", flags), "opening");
    uint64_t before = clock_without_filler();
    work(&file);
    uint64_t took = clock_without_filler() - before;
    must(weft_file_close(&file), "closing");
    return took;
}

/* ---- loops ----------------------------------------------------------------------------------------- */

static void loop_write(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        loop->samples[i] = time_whole(loop->argument ? write_gathered : write_whole, FLAGS_FRESH);
    }
}

static void loop_read(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        loop->samples[i] = time_whole(loop->argument ? read_ahead : read_whole, WEFT_FILE_READ);
    }
}

static void loop_create(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        struct weft_file file;
        char path[16];
        weft_format(path, sizeof(path), "/small%lu", i % NAMES);
        if (i >= NAMES) {
            must(weft_files_remove(&files, path), "removing");
        }
        uint64_t before = clock_without_filler();
        must(weft_file_open(&files, &file, path, WEFT_FILE_WRITE | WEFT_FILE_CREATE), "creating");
        must(weft_file_write(&file, piece, SMALL), "writing");
        must(weft_file_sync(&file), "syncing");
        must(weft_file_close(&file), "closing");
        loop->samples[i] = clock_without_filler() - before;
    }
    for (uint64_t i = 0; i < NAMES && i < loop->total; i++) {
        char path[16];
        weft_format(path, sizeof(path), "/small%lu", i);
        must(weft_files_remove(&files, path), "removing");
    }
}

static void measure(const char *name, bench_loop_function *function, uint64_t argument,
                    uint64_t operations)
{
    struct bench_loop loop = {.argument = argument};
    bench_measure(&loop, "file", 0, bench_options.samples, function);
    bench_correct(&loop, operations);
    bench_report(name, &loop, "\"cpu\":0");
}

static void file_questions(void)
{
    open_files();
    measure("file.write.stream", loop_write, 0, FILE_MIB);
    measure("file.read.stream", loop_read, 0, FILE_MIB);
    measure("file.write.gathered", loop_write, 1, FILE_MIB);
    measure("file.read.ahead", loop_read, 1, FILE_MIB);
    measure("file.create.small", loop_create, 0, 1);
}
BENCHMARK("file", file_questions);
