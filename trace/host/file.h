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
    CAPTURE_SECTION_CLOCKS = 3,   /* a struct capture_clock of each CPU */
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

enum capture_clock_flags {
    CLOCK_BRACKETED = 1,   /* its traffic bounds the clock from both sides */
    CLOCK_CORRECTED = 2,   /* `offset` and `drift` are to be taken away from its times */
    CLOCK_UNEXPLAINED = 4, /* no offset and drift makes causes come before their effects */
    CLOCK_LOSSES = 8,      /* events were missing when it was measured */
};

/* What is known of one CPU's clock, in comparison with CPU 0's. All in nanoseconds. The clock is
 * `offset` ahead when it shows `base`, and gets ahead by `drift` more in each 1000 seconds. */
struct capture_clock {
    uint32_t cpu;
    uint32_t flags; /* enum capture_clock_flags */
    int64_t offset, drift;
    uint64_t base;
    int64_t lower, upper;             /* the true offset at `base` lies between */
    int64_t drift_lower, drift_upper; /* the same for the drift */
    int64_t boot_lower, boot_upper;   /* the offset as measured when the CPU started */
    uint64_t crossings;               /* journeys to and from the CPU that were measured */
};

#define CLOCK_UNBOUNDED (INT64_MAX / 4) /* bounds beyond this, either way: there is none */
#define CLOCK_DRIFT_UNIT 1000000000000ll
#define CLOCK_DRIFT_MAX 1000000000ll /* a thousandth: more is no clock */

struct trace_file {
    const unsigned char *data;
    size_t size;
    const struct capture_header *header;
    const struct capture_clock *clocks; /* one per CPU, or null: not measured */
    void *owned;                        /* memory to be freed, or null */
    bool mapped;                        /* data is to be unmapped */
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

static inline bool clock_is_corrected(const struct capture_clock *clock)
{
    return clock->flags & CLOCK_CORRECTED;
}

/* The time of CPU 0's clock when this one shows `time`. Never goes back while `time` does not. */
static inline uint64_t clock_corrected(const struct capture_clock *clock, uint64_t time)
{
    __int128 ahead =
        clock->offset + (__int128)clock->drift * (int64_t)(time - clock->base) / CLOCK_DRIFT_UNIT;
    __int128 corrected = (__int128)time - ahead;

    return corrected < 0 ? 0 : corrected > UINT64_MAX ? UINT64_MAX : (uint64_t)corrected;
}
