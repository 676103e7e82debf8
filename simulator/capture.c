/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a capture; the header is the manual.
 */
#include "simulator/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/host/file.h"
#include "weft/trace_events.h"

#define BLOCK 4096u

struct ring {
    unsigned char *bytes;
    size_t used, room;
};

static struct ring rings[CAPTURED_CPUS_MAX][2];
static uint32_t running[CAPTURED_CPUS_MAX]; /* ids of threads */

static void append(struct ring *ring, const struct trace_record *record)
{
    if (ring->used == ring->room) {
        ring->room = ring->room == 0 ? BLOCK : 2 * ring->room;
        ring->bytes = realloc(ring->bytes, ring->room);
        if (ring->bytes == NULL) {
            fputs("weft simulate: out of memory\n", stderr);
            exit(1);
        }
    }
    memcpy(ring->bytes + ring->used, record, sizeof(*record));
    ring->used += sizeof(*record);
}

void capture_event(uint32_t cpu, bool life, uint64_t time, uint8_t id, uint8_t small, uint32_t a,
                   uint32_t b)
{
    struct trace_record record = {(uint32_t)time, (uint16_t)(time >> 32), id, small, a, b};
    struct trace_record page = record;
    struct ring *ring;

    if (cpu >= CAPTURED_CPUS_MAX) {
        return;
    }
    page.id = TRACE_EVENT_PAGE;
    page.small = 0;
    page.b = running[cpu];
    ring = &rings[cpu][life ? TRACE_RING_LIFE : TRACE_RING_EVENTS];
    if (ring->used % TRACE_PAGE_SIZE == 0) {
        page.a = (uint32_t)(ring->used / TRACE_PAGE_SIZE);
        append(ring, &page);
    }
    append(ring, &record);
    if (id == TRACE_EVENT_SWITCH) {
        running[cpu] = b;
    }
}

void capture_name(uint32_t cpu, uint8_t kind, uint32_t id, const char *name)
{
    size_t length = strlen(name);

    for (size_t piece = 0; piece * 4 < length; piece++) {
        char text[4] = {0};
        uint32_t word;

        memcpy(text, name + piece * 4, length - piece * 4 < 4 ? length - piece * 4 : 4);
        memcpy(&word, text, sizeof(word));
        capture_event(cpu, true, 0, TRACE_EVENT_NAME, (uint8_t)(kind << 4 | piece), id, word);
    }
}

static uint64_t padded(uint64_t bytes)
{
    return (bytes + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
}

static void write_padded(FILE *file, const void *bytes, size_t size)
{
    static const unsigned char zeros[BLOCK];

    fwrite(bytes, 1, size, file);
    fwrite(zeros, 1, padded(size) - size, file);
}

bool capture_write(const char *path, uint32_t cpus)
{
    uint32_t kept = cpus < CAPTURED_CPUS_MAX ? cpus : CAPTURED_CPUS_MAX;
    size_t size = sizeof(struct capture_header) + 2 * kept * sizeof(struct capture_section);
    struct capture_header *header;
    FILE *file = fopen(path, "wb");
    uint64_t offset = padded(size);
    bool done;

    if (file == NULL) {
        return false;
    }
    header = calloc(1, size);
    if (header == NULL) {
        fclose(file);
        return false;
    }
    memcpy(header->magic, CAPTURE_MAGIC, sizeof(header->magic));
    header->header_size = (uint32_t)padded(size);
    header->record_size = TRACE_RECORD_SIZE;
    header->schema_hash = TRACE_SCHEMA_HASH;
    header->clock_hz = 1000000000;
    header->cpu_count = kept;
    header->section_count = 2 * kept;
    strcpy(header->build, "simulator");
    for (uint32_t i = 0; i < 2 * kept; i++) {
        uint64_t bytes = rings[i / 2][i % 2].used;

        header->sections[i] = (struct capture_section){i % 2, i / 2, offset, bytes, 0, 0};
        offset += padded(bytes);
    }
    header->file_size = offset;
    write_padded(file, header, size);
    for (uint32_t i = 0; i < 2 * kept; i++) {
        write_padded(file, rings[i / 2][i % 2].bytes, rings[i / 2][i % 2].used);
    }
    done = ferror(file) == 0;
    free(header);
    return fclose(file) == 0 && done;
}
