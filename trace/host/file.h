/* SPDX-License-Identifier: Apache-2.0
 *
 * The capture file, `*.weft`: a header page, a table of sections, and the sections themselves, each
 * at a multiple of 4096. All fields are little-endian. A section of records is an array of 16-byte
 * records exactly as the kernel wrote them, pages in the order of their sequence numbers, so that
 * it can be mapped and read as it is.
 *
 * trace_file_open() maps a file (or reads standard input for "-") and checks everything that the
 * header says against the size of the file; after it, every section lies inside. What the records
 * say is checked by whoever reads them (reader.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "../kernel/layout.h"

#define CAPTURE_MAGIC "WEFTCAP1"
#define CAPTURE_ALIGNMENT 4096u
#define CAPTURE_CPUS_MAX 256u
#define CAPTURE_SECTIONS_MAX (2 * TRACE_RINGS_MAX)

enum capture_section_kind {
    CAPTURE_SECTION_EVENTS = TRACE_RING_EVENTS,
    CAPTURE_SECTION_LIFE = TRACE_RING_LIFE,
    CAPTURE_SECTION_METADATA = 2, /* JSON text: how the guest was run */
};

struct capture_section {
    uint32_t kind; /* enum capture_section_kind */
    uint32_t cpu;
    uint64_t offset; /* in the file */
    uint64_t bytes;
    uint64_t first_sequence; /* number of the section's first page */
    uint64_t lost;           /* records of this ring that were overwritten or could not be read */
};

struct capture_header {
    char magic[8];
    uint32_t header_size; /* a multiple of 4096: header and section table */
    uint32_t record_size;
    uint64_t schema_hash;
    uint64_t clock_hz; /* 0: not known, then a tick counts as a nanosecond */
    uint32_t cpu_count;
    uint32_t section_count;
    uint64_t file_size;
    char build[64];
    struct capture_section sections[];
};

/* Can clocks tick so often in a second? 0: not known. */
static inline bool clock_is_possible(uint64_t hz)
{
    return !hz || (hz >= 1000000 && hz <= 1000000000000ull);
}

struct trace_file {
    const unsigned char *data;
    size_t size;
    const struct capture_header *header;
    void *owned; /* memory to be freed, or null */
    bool mapped; /* data is to be unmapped */
};

bool trace_file_open(struct trace_file *file, const char *path, struct trace_error *error);
/* The same for bytes that are in memory already and stay there, aligned to 16. */
bool trace_file_check(struct trace_file *file, const void *data, size_t size,
                      struct trace_error *error);
void trace_file_close(struct trace_file *file);

static inline const struct trace_record *section_records(const struct trace_file *file,
                                                         const struct capture_section *section)
{
    return (const struct trace_record *)(const void *)(file->data + section->offset);
}

/* The low 48 bits of the clock. */
static inline uint64_t record_time(const struct trace_record *record)
{
    return record->time_low | (uint64_t)record->time_high << 32;
}

static inline uint64_t record_payload(const struct trace_record *record)
{
    return record->a | (uint64_t)record->b << 32;
}
