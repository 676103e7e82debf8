/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing capture files; writer.h is the manual.
 */
#include "writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"

static void section_end(struct writer *writer)
{
    static const char zeros[CAPTURE_ALIGNMENT];
    const struct capture_section *section = &writer->sections[writer->section_count];

    output_write(writer->output, zeros, -writer->output->total % CAPTURE_ALIGNMENT);
    writer->section_count += section->bytes != 0;
}

void writer_begin(struct writer *writer, struct output *output, const struct trace_area *area)
{
    static const char zeros[CAPTURE_ALIGNMENT];
    size_t sections = area->ring_count + 2; /* metadata, clocks */

    memset(writer, 0, sizeof *writer);
    writer->output = output;
    writer->area = area;
    writer->header_size = (sizeof(struct capture_header) +
                           sections * sizeof(struct capture_section) + CAPTURE_ALIGNMENT - 1) /
                          CAPTURE_ALIGNMENT * CAPTURE_ALIGNMENT;
    for (size_t i = 0; i < writer->header_size; i += CAPTURE_ALIGNMENT) {
        output_write(output, zeros, sizeof zeros);
    }
}

struct capture_section *writer_section(struct writer *writer, enum capture_section_kind kind,
                                       uint32_t cpu)
{
    struct capture_section *section;

    section_end(writer);
    section = &writer->sections[writer->section_count];
    *section = (struct capture_section){.kind = kind, .cpu = cpu, .offset = writer->output->total};
    return section;
}

void writer_bytes(struct writer *writer, const void *bytes, size_t size)
{
    output_write(writer->output, bytes, size);
    writer->sections[writer->section_count].bytes += size;
}

/* The whole text of a file; false if it cannot be read. */
static bool text_read(const char *path, char **text, size_t *size, struct trace_error *error)
{
    FILE *file = fopen(path, "rb");
    size_t capacity = 0, got;

    if (!file) {
        return trace_fail(error, "%s: cannot be read", path);
    }
    *size = 0;
    do {
        *text = memory_grow(*text, &capacity, *size + 4096, 1);
        got = fread(*text + *size, 1, 4096, file);
        *size += got;
    } while (got);
    fclose(file);
    return true;
}

/* Appends the text that tells how the guest was run, a JSON object; the trigger goes to its end. */
static bool metadata_write(struct writer *writer, const char *path, struct trace_error *error)
{
    const struct trigger_note *trigger = writer->trigger;
    char *text = NULL, added[512];
    size_t size = 0;

    if (path && !text_read(path, &text, &size, error)) {
        return false;
    }
    writer_section(writer, CAPTURE_SECTION_METADATA, 0);
    if (trigger) {
        const char *before = "{";

        while (size && text[size - 1] != '}') {
            size--;
        }
        if (size > 1) { /* in place of its last brace */
            size--;
            before = text[size - 1] == '{' ? "" : ", ";
        }
        snprintf(added, sizeof added, "%s\"trigger\": \"%s\", \"trigger_ns\": %" PRIu64 "}", before,
                 trigger->name, trigger->time);
    }
    writer_bytes(writer, text ? text : "", size);
    if (trigger) {
        writer_bytes(writer, added, strlen(added));
    }
    free(text);
    return true;
}

/* A guest may have damaged the number. Then its events are still worth more than none. */
static uint64_t clock_hz(const struct trace_area *area)
{
    if (clock_is_possible(area->clock_hz)) {
        return area->clock_hz;
    }
    fprintf(stderr,
            "weft-trace: warning: the guest's clock cannot have %" PRIu64 " ticks a second: times"
            " are in ticks\n",
            area->clock_hz);
    return 0;
}

static void header_write(struct writer *writer)
{
    struct capture_header *header = memory_new(writer->header_size);

    memcpy(header->magic, CAPTURE_MAGIC, sizeof header->magic);
    header->header_size = (uint32_t)writer->header_size;
    header->record_size = TRACE_RECORD_SIZE;
    header->schema_hash = writer->area->schema_hash;
    header->clock_hz = clock_hz(writer->area);
    header->cpu_count = writer->area->cpu_count;
    header->section_count = writer->section_count;
    header->file_size = writer->output->total;
    memcpy(header->build, writer->area->build, sizeof header->build - 1);
    memcpy(header->sections, writer->sections, writer->section_count * sizeof header->sections[0]);
    output_rewrite(writer->output, header, writer->header_size);
    free(header);
}

void writer_clocks(struct writer *writer, const struct capture_clock *clocks)
{
    writer_section(writer, CAPTURE_SECTION_CLOCKS, 0);
    writer_bytes(writer, clocks, writer->area->cpu_count * sizeof *clocks);
}

void writer_close(struct writer *writer)
{
    section_end(writer);
    writer->sections[writer->section_count] = (struct capture_section){0};
    header_write(writer);
}

/* Measures the clocks in what was written. A capture in which that is not possible (its records are
 * damaged, or its file cannot be read again) has none. */
static void clocks_record(struct writer *writer)
{
    static struct clocks clocks;
    struct trace_error ignored;
    struct trace_file file;

    if (writer->output->descriptor <= STDOUT_FILENO ||
        !trace_file_open(&file, output_name(writer->output), &ignored)) {
        return;
    }
    if (clocks_measure(&clocks, &file, &ignored)) {
        writer_clocks(writer, clocks.table);
        clocks_free(&clocks);
    }
    trace_file_close(&file);
}

bool writer_end(struct writer *writer, const char *metadata, struct trace_error *error)
{
    if ((metadata || writer->trigger) && !metadata_write(writer, metadata, error)) {
        return false;
    }
    writer_close(writer);
    clocks_record(writer);
    writer_close(writer);
    return true;
}
