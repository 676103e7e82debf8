/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a capture file front to back: room for the header, the sections, then the header.
 *
 *     writer_begin(&writer, output, &guest.area);
 *     writer_section(&writer, kind, cpu);          // then, for each piece of it:
 *     writer_bytes(&writer, bytes, size);
 *     writer_end(&writer, metadata, &error)
 *
 * A section without bytes is left out again.
 */
#pragma once

#include "file.h"
#include "output.h"

/* What made somebody take the capture. */
struct trigger_note {
    const char *name; /* without quotes, backslashes and control characters */
    uint64_t time;    /* of the event, or of the newest one: ns of the guest */
};

struct writer {
    struct output *output;
    const struct trace_area *area;
    size_t header_size;
    struct capture_section sections[CAPTURE_SECTIONS_MAX];
    uint32_t section_count;
    const struct trigger_note *trigger; /* null: none; kept in the metadata */
};

void writer_begin(struct writer *writer, struct output *output, const struct trace_area *area);
/* Begins a section; what it returns may be filled in until the next one begins. */
struct capture_section *writer_section(struct writer *writer, enum capture_section_kind kind,
                                       uint32_t cpu);
void writer_bytes(struct writer *writer, const void *bytes, size_t size);
/* Appends the clocks, one per CPU. */
void writer_clocks(struct writer *writer, const struct capture_clock *clocks);
/* Writes the header. More sections may follow, and then another call. */
void writer_close(struct writer *writer);
/* Appends the text of the file `metadata` (null: none) and the clocks as they follow from what was
 * written, and closes. */
bool writer_end(struct writer *writer, const char *metadata, struct trace_error *error);

/* Called for each page of a section: of the first one, notes the number and what is missing before. */
static inline void section_starts_at(struct capture_section *section, uint64_t sequence)
{
    if (!section->bytes) {
        section->first_sequence = sequence;
        section->lost = sequence * TRACE_RECORDS_PER_PAGE;
    }
}
