/* SPDX-License-Identifier: Apache-2.0
 *
 * What files cost: a file is written, and read, in requests of some sizes. With one CPU in icount mode the
 * figures are guest instructions, of all processes together:
 *
 *     ./weft run --accel icount --cpus 1 --profile bench --no-trace file_speed
 *
 * What the disk takes is not in them: a filler, a thread of the lowest priority, counts its turns while the others
 * wait, and is subtracted. Timed is from before the first request to the answer to the last one; each write is on the disk and flushed by then.
 * The file is opened before. It is read by a server that has none of it in memory but what it wrote last (up
 * to 256 first sectors of blocks, which its reading uses).
 */
#include "weft/file.h"
#include "weft/layout.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/time.h"

#define FILE_BYTES (8ull << 20)
#define PAGES 256u
#define MIB (1ull << 20)

#define FILLER_PRIORITY 8
#define FILLER_INSTRUCTIONS 2u /* of a turn */

static struct weft_files files;
static uint64_t filler_turns; /* written by the filler alone */

static void run_filler(void *unused)
{
    (void)unused;
    for (;;) {
        __asm__ volatile("1: incq %0\n\tjmp 1b" : "+m"(filler_turns));
    }
}

static uint64_t clock_without_filler(void)
{
    uint64_t turns = *(volatile uint64_t *)&filler_turns;
    return weft_cycles() - turns * FILLER_INSTRUCTIONS;
}

static int64_t fill(uint64_t piece)
{
    struct weft_file file;
    int64_t result = weft_file_open(&files, &file, "/speed",
                                    WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE);
    uint64_t start = clock_without_filler();
    for (uint64_t at = 0; at < FILE_BYTES && result >= 0; at += piece) {
        result = weft_file_write_at(&file, at, 0, piece);
    }
    uint64_t took = clock_without_filler() - start;
    (void)weft_file_close(&file);
    return result < 0 ? result : (int64_t)(took / (FILE_BYTES / MIB));
}

static int64_t drain(uint64_t piece)
{
    struct weft_file file;
    int64_t result = weft_file_open(&files, &file, "/speed", WEFT_FILE_READ);
    uint64_t start = clock_without_filler();
    for (uint64_t at = 0; at < FILE_BYTES && result >= 0; at += piece) {
        result = weft_file_read_at(&file, at, 0, piece);
    }
    uint64_t took = clock_without_filler() - start;
    (void)weft_file_close(&file);
    return result < 0 ? result : (int64_t)(took / (FILE_BYTES / MIB));
}

int main(void)
{
    static const uint64_t sizes[] = {MIB, 256 << 10, 64 << 10, 16 << 10, 4 << 10};
    int64_t wrong = weft_files_open(&files, weft_capability("files"), WEFT_FREE_BASE, PAGES);
    struct weft_group group;
    if (weft_group_open(&group) != STATUS_OK ||
        weft_thread_start(&group, "filler", 0, FILLER_PRIORITY, run_filler, NULL) != STATUS_OK) {
        weft_fail("no filler can be started");
    }
    uint64_t limit = weft_argument_number("least", 64 << 10);

    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && wrong == 0; i++) {
        int64_t written = sizes[i] >= limit ? fill(sizes[i]) : 0;
        int64_t read = drain(sizes[i]);
        weft_print("requests of %lu KiB: %ld cycles per MiB written, %ld read\n", sizes[i] / 1024,
                   written, read);
        wrong = written < 0 ? written : read < 0 ? read : 0;
    }
    if (wrong != 0) {
        weft_print("file_speed: %s\n", weft_file_result_text(wrong));
    }
    return wrong != 0;
}
