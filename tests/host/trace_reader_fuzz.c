/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing of everything that reads captures: check, convert, stat, latency and dump on bytes in
 * memory, under AddressSanitizer and UndefinedBehaviorSanitizer. Whatever the bytes are, each must
 * end with an answer or an error.
 *
 * The first byte of an input chooses what the rest is:
 *
 *     even   a file: its first HEAD_BYTES go to the beginning of the header page, the others behind
 *            it; the size field and the schema hash, which no mutation guesses, are put right
 *     odd    the records only: they are cut into sections, their PAGE records and event ids are put
 *            right and their ids made small, so that threads and messages meet again. This leads
 *            deep into the tools instead of being refused at the door.
 *
 * Run by tests/trace/test_fuzz.py; by hand: build/host/tests/trace_reader_fuzz -runs=1000000 CORPUS
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define SECTIONS 4u
#define HEAD_BYTES (sizeof(struct capture_header) + SECTIONS * sizeof(struct capture_section))
#define PAGE_RECORDS (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE)

static void run_tools(const void *bytes, size_t size, bool json)
{
    const struct latency_options latency = {.json = json, .slowest = 4};
    const struct path_options path = {.json = json};
    static const char *const tables[] = {"schedule",   "states", "messages",
                                         "interrupts", "slices", "marks"};
    struct trace_error error;
    struct trace_file file = {0};
    struct output output;
    uint64_t violations;

    if (!trace_file_check(&file, bytes, size, &error)) {
        return;
    }
    output_open_null(&output);
    check_capture(&file, &output, &violations, &error);
    convert_capture(&file, &output, &error);
    stat_capture(&file, json, &output, &error);
    latency_capture(&file, &latency, &output, &error);
    dump_capture(&file, json, &output, &error);
    path_capture(&file, &path, &output, &error);
    diff_captures(&file, &file, json, &output, &error);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        table_capture(&file, tables[i], &output, &error);
    }
}

/* The next id after `id` that the schema knows and that is no PAGE. */
static uint8_t event_id(uint8_t id)
{
    while (id == TRACE_EVENT_PAGE || !trace_events[id].name) {
        id++;
    }
    return id;
}

/* Makes a record of two input words: a known event whose time goes forwards mostly. */
static struct trace_record record_of(const unsigned char *from, uint64_t *time)
{
    struct trace_record record;
    uint64_t step;

    memcpy(&record, from, sizeof record);
    step = record.word0 >> 16;
    *time += (step & 0xff) == 0xff ? step : step & 0xfff;
    record.word0 = *time << 16 | (record.word0 & 0xff00) | event_id((uint8_t)record.word0);
    if (record.payload >> 63) {
        record.payload &= 0x0000000f0000000full;
    }
    return record;
}

static size_t section_fill(struct trace_record *records, size_t count, const unsigned char *from)
{
    uint64_t time = 0, sequence = from[0] & 3;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (used % PAGE_RECORDS == 0) {
            records[used++] = (struct trace_record){.word0 = TRACE_EVENT_PAGE, .payload = sequence};
            sequence += (from[i * 16] & 0x3f) ? 1 : 3;
        }
        records[used++] = record_of(from + i * 16, &time);
    }
    return used;
}

static void run_records(const unsigned char *data, size_t size)
{
    size_t count = size / 16, part = (count + SECTIONS - 1) / SECTIONS;
    size_t room = part + part / (PAGE_RECORDS - 1) + 2;
    size_t stride = (room * 16 + CAPTURE_ALIGNMENT - 1) / CAPTURE_ALIGNMENT * CAPTURE_ALIGNMENT;
    size_t total = CAPTURE_ALIGNMENT + SECTIONS * stride;
    unsigned char *bytes = calloc(1, total);
    struct capture_header *header = (struct capture_header *)bytes;

    memcpy(header->magic, CAPTURE_MAGIC, sizeof header->magic);
    header->header_size = CAPTURE_ALIGNMENT;
    header->record_size = TRACE_RECORD_SIZE;
    header->schema_hash = TRACE_SCHEMA_HASH;
    header->clock_hz = size % 3 == 0 ? 0 : size % 3 == 1 ? 1000000000 : 2400000000;
    header->cpu_count = 3;
    header->section_count = SECTIONS;
    header->file_size = total;
    for (uint32_t i = 0; i < SECTIONS; i++) {
        size_t first = i * part < count ? i * part : count;
        size_t here = count - first < part ? count - first : part;
        struct capture_section *section = &header->sections[i];

        section->kind = i == 3 ? CAPTURE_SECTION_LIFE : CAPTURE_SECTION_EVENTS;
        section->cpu = i % 3;
        section->offset = CAPTURE_ALIGNMENT + i * stride;
        if (here) {
            section->first_sequence = data[first * 16] & 3;
            section->lost = section->first_sequence * 255;
            section->bytes = 16 * section_fill((struct trace_record *)(bytes + section->offset),
                                               here, data + first * 16);
        }
    }
    run_tools(bytes, total, data[0] & 1);
    free(bytes);
}

static void run_file(const unsigned char *data, size_t size, bool json)
{
    size_t head = size < HEAD_BYTES ? size : HEAD_BYTES, total = CAPTURE_ALIGNMENT + size - head;
    unsigned char *bytes = calloc(1, total);
    struct capture_header *header = (struct capture_header *)bytes;

    memcpy(bytes, data, head);
    memcpy(bytes + CAPTURE_ALIGNMENT, data + head, size - head);
    header->file_size = total;
    header->schema_hash = TRACE_SCHEMA_HASH;
    run_tools(bytes, total, json);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < 32) {
        return 0;
    }
    if (data[0] & 1) {
        run_records(data + 1, size - 1);
    } else {
        run_file(data + 1, size - 1, data[0] & 2);
    }
    return 0;
}
