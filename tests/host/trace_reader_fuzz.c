/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing of everything that reads captures, on bytes in memory, under AddressSanitizer and
 * UndefinedBehaviorSanitizer. Whatever the bytes are, each tool must end with an answer or an error.
 *
 * Every input is read by check and convert, and by one more tool, which its head chooses: stat, latency,
 * dump, table, path, diff, clock or ctf. What follows the head is, as the head says,
 *
 *     a list of items (fuzz_items.h)  each becomes one record of the CPU and at the time that it names;
 *            pages are laid out as the kernel does, with a gap where an item's flags say so. This leads
 *            deep into the tools.
 *     a file  the first FILE_HEAD bytes go to the beginning of the header page, the others behind it; the
 *            size field and the schema hash, which no mutation guesses, are put right.
 *
 * Nothing is allocated for a capture, and few inputs make a tool write files. What lies between the sections is
 * poisoned, so that a tool that reads beyond the end of one is found out.
 *
 * Run by `weft fuzz-trace` and tests/trace/test_trace_fuzz.py.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "fuzz_items.h"
#include "reader.h"
#include "trigger.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define CPUS 4u
#define SECTIONS (2 * CPUS)
#define PAGE_RECORDS (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE)
#define SECTION_RECORDS (4 * PAGE_RECORDS)
#define SECTION_BYTES (SECTION_RECORDS * TRACE_RECORD_SIZE)
#define CLOCKS_AT (CAPTURE_ALIGNMENT + SECTIONS * SECTION_BYTES)
#define CAPTURE_BYTES (CLOCKS_AT + CAPTURE_ALIGNMENT)
#define FILE_HEAD (sizeof(struct capture_header) + 4 * sizeof(struct capture_section))

/* An item's flags count only together with this one, so that most of their values mean nothing. */
enum item_flags {
    ITEM_SPECIAL = 0x80,
    ITEM_BACKWARDS = 0x01,
    ITEM_LONG = 0x02,      /* the step is 2^16 times as long */
    ITEM_GAP = 0x04,       /* pages are missing before this record */
    ITEM_ANY_ID = 0x08,    /* the id is taken as it is */
    ITEM_OTHER_RING = 0x10 /* of the CPU's two */
};

static struct output nowhere;
static _Alignas(CAPTURE_ALIGNMENT) unsigned char capture[CAPTURE_BYTES];

/* ---- the tools --------------------------------------------------------------------------------- */

/* Against the same capture with fewer sections. */
static void run_diff(const struct trace_file *file, bool json)
{
    static _Alignas(16) unsigned char bytes[CAPTURE_ALIGNMENT];
    struct capture_header *header = (struct capture_header *)bytes;
    struct trace_file second = *file;
    struct trace_error error;

    if (file->header->header_size <= sizeof bytes) {
        memcpy(header, file->header, file->header->header_size);
        header->section_count = (header->section_count + 1) / 2;
        second.header = header;
    }
    diff_captures(file, &second, json, &nowhere, &error);
}

/* What writes into a folder of its own: the Common Trace Format, and percentile files. */
static void run_folder(const struct trace_file *file, bool ctf)
{
    const char *temporary = getenv("TMPDIR");
    struct trace_error error;
    char folder[256];

    snprintf(folder, sizeof folder, "%s/weft-fuzz-%d", temporary ? temporary : "/tmp",
             (int)getpid());
    if (ctf) {
        ctf_capture(file, folder, &error);
    } else {
        const struct latency_options options = {.hgrm = folder};

        latency_capture(file, &options, &nowhere, &error);
    }
}

static void run_path(const struct trace_file *file, const struct fuzz_head *head, bool json)
{
    struct path_options options = {.json = json};
    struct trace_error error;

    if (head->bytes[0] & 1) {
        options.thread = head->bytes[1] ? head->bytes[1] : 1;
        options.from = head->bytes[2] * 100u;
        options.to = head->bytes[3] == 0xff ? UINT64_MAX : options.from + head->bytes[3] * 100u;
    } else {
        options.message = head->bytes[1];
        options.from = head->bytes[2];
    }
    path_capture(file, &options, &nowhere, &error);
}

/* Measures the clocks, and reads the capture as if what came out had been recorded in it. */
static void run_clock(const struct trace_file *file, bool json)
{
    const struct clock_options options[] = {{.record = true}, {.json = file->size & 4096}};
    static struct clocks clocks;
    struct trace_file corrected = *file;
    struct trace_error error;
    uint64_t violations;

    clock_capture(file, &options[json], &nowhere, &error);
    if (clocks_measure(&clocks, file, &error)) {
        corrected.clocks = clocks.table;
        check_capture(&corrected, &nowhere, &violations, &error);
        convert_capture(&corrected, &nowhere, &error);
        stat_capture(&corrected, json, &nowhere, &error);
        clocks_free(&clocks);
    }
}

/* What a flight recorder does with a look at the guest, twice. */
static void run_triggers(const struct trace_file *file, const struct fuzz_head *head)
{
    static struct triggers triggers;
    struct trace_error error;
    char latency[32];

    memset(&triggers, 0, sizeof triggers);
    snprintf(latency, sizeof latency, "latency:%uns", head->bytes[0] * 10u + 1);
    if (trigger_read(&triggers, latency, &error) && trigger_read(&triggers, "user:work", &error) &&
        triggers_examine(&triggers, file, &error)) {
        triggers_examine(&triggers, file, &error);
    }
}

static void run_tool(const struct trace_file *file, const struct fuzz_head *head)
{
    static const char *const tables[] = {"schedule",   "states", "messages",
                                         "interrupts", "slices", "marks"};
    const struct latency_options latency = {.json = head->tool & 1, .slowest = head->bytes[0] % 8u};
    bool json = head->tool & 1;
    struct trace_error error;

    switch (head->tool >> 1) {
    case 0 ... 9:
        run_clock(file, json);
        break;
    case 10 ... 19:
        stat_capture(file, json, &nowhere, &error);
        break;
    case 20 ... 39:
        latency_capture(file, &latency, &nowhere, &error);
        break;
    case 40 ... 59:
        run_path(file, head, json);
        break;
    case 60 ... 69:
        dump_capture(file, json, &nowhere, &error);
        break;
    case 70 ... 79:
        run_triggers(file, head);
        break;
    case 80 ... 125:
        table_capture(file, tables[(head->tool >> 1) % 6], &nowhere, &error);
        break;
    case 126:
        run_diff(file, json);
        break;
    default:
        run_folder(file, head->tool & 1);
    }
}

static void run_tools(size_t size, const struct fuzz_head *head)
{
    struct trace_file file = {0};
    struct trace_error error;
    uint64_t violations;

    if (trace_file_check(&file, capture, size, &error)) {
        check_capture(&file, &nowhere, &violations, &error);
        convert_capture(&file, &nowhere, &error);
        run_tool(&file, head);
    }
}

/* ---- from items to a capture ------------------------------------------------------------------- */

struct lane {
    struct trace_record *records;
    size_t used;
    uint64_t sequence; /* of the next page */
    uint32_t running;
};

static struct trace_record record_make(uint8_t id, uint8_t small, uint64_t time, uint32_t a,
                                       uint32_t b)
{
    return (struct trace_record){(uint32_t)time, (uint16_t)(time >> 32), id, small, a, b};
}

/* The next id from `id` on that the schema knows and that is no PAGE. */
static uint8_t event_id(uint8_t id)
{
    while (id == TRACE_EVENT_PAGE || !trace_events[id].name) {
        id++;
    }
    return id;
}

/* Appends a record, opening a page where one begins. False: the section is full. */
static bool lane_add(struct lane *lane, struct trace_record record, uint64_t time)
{
    if (lane->used + 2 > SECTION_RECORDS) {
        return false;
    }
    if (lane->used % PAGE_RECORDS == 0) {
        lane->records[lane->used++] =
            record_make(TRACE_EVENT_PAGE, 0, time, (uint32_t)lane->sequence, lane->running);
        lane->sequence++;
    }
    lane->records[lane->used++] = record;
    return true;
}

/* Fills the page up and leaves out the next ones. */
static void lane_gap(struct lane *lane, uint32_t pages, uint64_t time)
{
    while (lane->used % PAGE_RECORDS &&
           lane_add(lane, record_make(TRACE_EVENT_TIMER, 0, time, 0, 0), time)) {
    }
    lane->sequence += pages;
}

static void item_add(struct lane *lanes, const struct fuzz_item *item, uint64_t *now)
{
    unsigned flags = item->flags & ITEM_SPECIAL ? item->flags : 0;
    uint8_t id = flags & ITEM_ANY_ID ? item->kind : event_id(item->kind);
    const char *category = trace_events[id].category;
    bool life = (category && strcmp(category, "life") == 0) ^ !!(flags & ITEM_OTHER_RING);
    struct lane *lane = &lanes[item->place % CPUS * 2 + life];
    uint64_t step = (uint64_t)item->step << (flags & ITEM_LONG ? 16 : 0), time;

    *now += flags & ITEM_BACKWARDS ? 0 : step;
    time = *now - (flags & ITEM_BACKWARDS ? step : 0);
    if (flags & ITEM_GAP) {
        lane_gap(lane, item->small & 3, time);
    }
    lane_add(lane, record_make(id, item->small, time, item->a, item->b), time);
    lane->running = running_after(id, item->a, item->b, lane->running);
}

/* What is known of the CPUs' clocks, as another section, if the head says so. */
static void clocks_put(struct capture_header *header, const struct fuzz_head *head)
{
    struct capture_clock *clocks = (struct capture_clock *)(void *)(capture + CLOCKS_AT);
    const int8_t *bytes = (const int8_t *)head->bytes;

    if (!(head->bytes[4] & 2)) {
        return;
    }
    for (uint32_t i = 0; i < CPUS; i++) {
        clocks[i] = (struct capture_clock){
            .cpu = i,
            .flags = head->bytes[7] & 15u,
            .offset = bytes[6 + i] * (head->bytes[4] & 4 ? CLOCK_UNBOUNDED / 128 : 100ll),
            .drift = bytes[10 + i] * CLOCK_DRIFT_MAX / 128,
            .base = head->bytes[4] & 8 ? UINT64_MAX : 1000,
            .lower = bytes[8],
            .upper = bytes[9],
            .drift_lower = bytes[11],
            .drift_upper = bytes[12],
        };
    }
    header->sections[header->section_count++] = (struct capture_section){
        .kind = CAPTURE_SECTION_CLOCKS, .offset = CLOCKS_AT, .bytes = CPUS * sizeof *clocks};
}

static void run_items(const struct fuzz_head *head, const struct fuzz_item *items, size_t count)
{
    static const uint64_t clocks[] = {0, 1000000, 1000000000, 2400000000, 1000000000000};
    struct capture_header *header = (struct capture_header *)capture;
    uint64_t now = head->bytes[4] & 1 ? (1ull << 48) - 2000 : 1000;
    struct lane lanes[SECTIONS] = {0};

    ASAN_UNPOISON_MEMORY_REGION(capture, sizeof capture);
    memset(capture, 0, CAPTURE_ALIGNMENT);
    memcpy(header->magic, CAPTURE_MAGIC, sizeof header->magic);
    header->header_size = CAPTURE_ALIGNMENT;
    header->record_size = TRACE_RECORD_SIZE;
    header->schema_hash = TRACE_SCHEMA_HASH;
    header->clock_hz = clocks[head->bytes[5] % (sizeof clocks / sizeof *clocks)];
    header->cpu_count = CPUS;
    header->section_count = SECTIONS;
    header->file_size = CAPTURE_BYTES;
    for (uint32_t i = 0; i < SECTIONS; i++) {
        struct capture_section *section = &header->sections[i];

        section->kind = i % 2 ? CAPTURE_SECTION_LIFE : CAPTURE_SECTION_EVENTS;
        section->cpu = i / 2;
        section->offset = CAPTURE_ALIGNMENT + i * SECTION_BYTES;
        section->first_sequence = head->bytes[6 + i] == 1;
        section->lost = section->first_sequence * 255;
        lanes[i].records = (struct trace_record *)(void *)(capture + section->offset);
        lanes[i].sequence = section->first_sequence;
    }
    for (size_t i = 0; i < count; i++) {
        item_add(lanes, &items[i], &now);
    }
    for (uint32_t i = 0; i < SECTIONS; i++) {
        struct capture_section *section = &header->sections[i];

        section->bytes = lanes[i].used * TRACE_RECORD_SIZE;
        ASAN_POISON_MEMORY_REGION(capture + section->offset + section->bytes,
                                  SECTION_BYTES - section->bytes);
    }
    clocks_put(header, head);
    run_tools(CAPTURE_BYTES, head);
}

static void run_file(const struct fuzz_head *head, const unsigned char *data, size_t size)
{
    size_t first = size < FILE_HEAD ? size : FILE_HEAD;
    size_t rest = size - first < CAPTURE_BYTES - CAPTURE_ALIGNMENT
                      ? size - first
                      : CAPTURE_BYTES - CAPTURE_ALIGNMENT;
    struct capture_header *header = (struct capture_header *)capture;

    ASAN_UNPOISON_MEMORY_REGION(capture, sizeof capture);
    memset(capture, 0, CAPTURE_ALIGNMENT);
    memcpy(capture, data, first);
    memcpy(capture + CAPTURE_ALIGNMENT, data + first, rest);
    header->file_size = CAPTURE_ALIGNMENT + rest;
    header->schema_hash = TRACE_SCHEMA_HASH;
    ASAN_POISON_MEMORY_REGION(capture + header->file_size, CAPTURE_BYTES - header->file_size);
    run_tools(header->file_size, head);
}

/* ---- what libFuzzer calls ---------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    struct trace_error error;

    (void)count;
    (void)arguments;
    if (!output_open(&nowhere, "/dev/null", &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct fuzz_head head;

    if (size < 2 * ITEM_SIZE) {
        return 0;
    }
    memcpy(&head, data, sizeof head);
    if (head.mode & HEAD_RAW) {
        run_file(&head, data + ITEM_SIZE, size - ITEM_SIZE);
    } else {
        run_items(&head, (const struct fuzz_item *)(const void *)(data + ITEM_SIZE),
                  size / ITEM_SIZE - 1);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return items_mutate(data, size, most, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *left, size_t left_size, const uint8_t *right,
                                 size_t right_size, uint8_t *out, size_t most, unsigned seed)
{
    return items_cross(left, left_size, right, right_size, out, most, seed);
}

/* Little is kept of what was freed: memory that is used again at once is much faster than new pages. */
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=2:allocator_release_to_os_interval_ms=-1";
}
