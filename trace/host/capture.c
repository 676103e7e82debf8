/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace capture`: from a guest's memory to a capture file.
 *
 * 1. The trace area is copied and checked. Each of its rings is looked at on its own: one whose
 *    state makes no sense is left out with a warning, since a guest that went wild may have
 *    damaged one and not the others.
 * 2. A ring's pages are copied one by one in the order of their numbers. The guest may be running
 *    and overwrite a page meanwhile; its first act is then to renumber the page. So a page counts
 *    only if its PAGE record has the expected number before and after it was copied. What did not
 *    hold is missing, and shows as a gap in the sequence.
 *    Only the newest page may be partly filled: so a section is made of whole pages but the last.
 * 3. Of the page that is being written, the records before `next` are complete (the guest stores
 *    `next` after the record). Memory that holds no record (id 0) ends a page as well: then
 *    `next` itself was torn from the state.
 * 4. The file is written front to back: room for the header, the sections, then the header. Rings
 *    are drained one after the other; with a running guest, later rings therefore reach further
 *    than earlier ones. Stop the guest first when the very last microseconds matter.
 */
#include "commands.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "memory.h"
#include "ram.h"
#include "weft/trace_events.h"

#define STATE_TRIES 100
#define PAGE_RECORDS (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE)

struct capture {
    struct ram ram;
    struct trace_area area;
    struct output *output;
    struct capture_section sections[CAPTURE_SECTIONS_MAX];
    uint32_t section_count;
};

static bool area_check(const struct trace_area *area, struct trace_error *error)
{
    if (area->magic != TRACE_AREA_MAGIC) {
        return trace_fail(error, "the guest has no trace: it stopped before its kernel set it up,"
                                 " or this is not its kernel");
    }
    if (area->version != TRACE_AREA_VERSION || area->record_size != TRACE_RECORD_SIZE ||
        area->page_size != TRACE_PAGE_SIZE) {
        return trace_fail(error, "the guest's trace is of version %u, this tool knows %u",
                          area->version, TRACE_AREA_VERSION);
    }
    if (area->schema_hash != TRACE_SCHEMA_HASH) {
        return trace_fail(error,
                          "the kernel was built with another event schema (%016" PRIx64
                          ", this tool knows %016" PRIx64 ")",
                          area->schema_hash, (uint64_t)TRACE_SCHEMA_HASH);
    }
    if (area->ring_count > TRACE_RINGS_MAX || area->cpu_count > CAPTURE_CPUS_MAX ||
        !area->cpu_count) {
        return trace_fail(error, "the guest's trace area is damaged");
    }
    return true;
}

/* Copies a ring's state. A running guest may change it meanwhile: two equal copies are a good one,
 * and where none come (STATE_TRIES) the last is as good as any, as pages are checked one by one. */
static bool state_read(const struct capture *capture, uint64_t address, struct trace_ring *ring)
{
    struct trace_ring again;

    for (int i = 0; i < STATE_TRIES; i++) {
        if (!ram_read(&capture->ram, address, ring, sizeof *ring) ||
            !ram_read(&capture->ram, address, &again, sizeof again)) {
            return false;
        }
        if (memcmp(ring, &again, sizeof again) == 0) {
            break;
        }
    }
    return true;
}

/* Reads a ring's state and says whether it can be true. */
static bool ring_read(const struct capture *capture, const struct trace_ring_entry *entry,
                      struct trace_ring *ring)
{
    return entry->cpu < capture->area.cpu_count && entry->kind <= TRACE_RING_LIFE &&
           state_read(capture, entry->state_paddr, ring) && ring->size >= TRACE_PAGE_SIZE &&
           ring->size % TRACE_PAGE_SIZE == 0 && ring->base_paddr % TRACE_PAGE_SIZE == 0 &&
           ring->base_paddr <= capture->ram.size &&
           ring->size <= capture->ram.size - ring->base_paddr && ring->next >= ring->base &&
           ring->next - ring->base <= ring->size && ring->sequence < UINT64_MAX / 512;
}

static bool page_has_number(const struct capture *capture, uint64_t address, uint64_t sequence)
{
    struct trace_record record;

    return ram_read(&capture->ram, address, &record, sizeof record) &&
           (record.word0 & 0xff) == TRACE_EVENT_PAGE && record.payload == sequence;
}

/* Copies the page with this number; returns how many records of it are good, 0 for none. */
static unsigned page_read(const struct capture *capture, const struct trace_ring *ring,
                          uint64_t sequence, struct trace_record *records)
{
    uint64_t pages = ring->size / TRACE_PAGE_SIZE;
    uint64_t offset = sequence % pages * TRACE_PAGE_SIZE;
    uint64_t address = ring->base_paddr + offset;
    uint64_t filled = ring->next - ring->base - offset; /* bytes of the newest page; may wrap */
    unsigned limit = PAGE_RECORDS, count;

    if (sequence == ring->sequence) {
        limit = filled > TRACE_PAGE_SIZE ? 0 : (unsigned)(filled / TRACE_RECORD_SIZE);
    }
    if (!page_has_number(capture, address, sequence) ||
        !ram_read(&capture->ram, address, records, TRACE_PAGE_SIZE) ||
        !page_has_number(capture, address, sequence)) {
        return 0;
    }
    for (count = 1; count < limit && records[count].word0 & 0xff; count++) {
    }
    return count < limit || limit < 1 ? count : limit;
}

/* Appends a ring's pages to the file as one section. */
static void ring_write(struct capture *capture, const struct trace_ring_entry *entry,
                       const struct trace_ring *ring)
{
    static struct trace_record records[PAGE_RECORDS];
    static const char zeros[CAPTURE_ALIGNMENT];
    struct capture_section *section = &capture->sections[capture->section_count];
    uint64_t pages = ring->size / TRACE_PAGE_SIZE;
    uint64_t sequence = ring->sequence >= pages ? ring->sequence - pages + 1 : 0;

    *section = (struct capture_section){
        .kind = entry->kind, .cpu = entry->cpu, .offset = capture->output->total};
    for (; sequence <= ring->sequence; sequence++) {
        unsigned count = page_read(capture, ring, sequence, records);

        if (count <= 1 || (count < PAGE_RECORDS && sequence != ring->sequence)) {
            continue;
        }
        if (!section->bytes) {
            section->first_sequence = sequence;
            section->lost = sequence * TRACE_RECORDS_PER_PAGE;
        }
        output_write(capture->output, records, count * sizeof *records);
        section->bytes += count * sizeof *records;
    }
    output_write(capture->output, zeros, -capture->output->total % CAPTURE_ALIGNMENT);
    capture->section_count += section->bytes != 0;
}

static void rings_write(struct capture *capture)
{
    static bool seen[CAPTURE_CPUS_MAX][TRACE_RING_LIFE + 1];

    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < capture->area.ring_count; i++) {
        const struct trace_ring_entry *entry = &capture->area.rings[i];
        struct trace_ring ring;

        if (!ring_read(capture, entry, &ring) || seen[entry->cpu][entry->kind]) {
            fprintf(stderr, "weft-trace: warning: ring %u of the guest is damaged: left out\n", i);
            continue;
        }
        seen[entry->cpu][entry->kind] = true;
        ring_write(capture, entry, &ring);
    }
}

/* Appends the text that tells how the guest was run. */
static bool metadata_write(struct capture *capture, const char *path, struct trace_error *error)
{
    static const char zeros[CAPTURE_ALIGNMENT];
    struct capture_section *section = &capture->sections[capture->section_count];
    char bytes[4096];
    FILE *file = fopen(path, "rb");
    size_t got;

    if (!file) {
        return trace_fail(error, "%s: cannot be read", path);
    }
    *section = (struct capture_section){.kind = CAPTURE_SECTION_METADATA,
                                        .offset = capture->output->total};
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) {
        output_write(capture->output, bytes, got);
        section->bytes += got;
    }
    fclose(file);
    output_write(capture->output, zeros, -capture->output->total % CAPTURE_ALIGNMENT);
    capture->section_count++;
    return true;
}

static size_t header_size(const struct capture *capture)
{
    size_t sections = capture->area.ring_count + 1;

    return (sizeof(struct capture_header) + sections * sizeof(struct capture_section) +
            CAPTURE_ALIGNMENT - 1) /
           CAPTURE_ALIGNMENT * CAPTURE_ALIGNMENT;
}

static void header_write(struct capture *capture, size_t size)
{
    struct capture_header *header;

    assert(size >= sizeof *header);
    header = calloc(1, size);
    if (!header) {
        return;
    }
    memcpy(header->magic, CAPTURE_MAGIC, sizeof header->magic);
    header->header_size = (uint32_t)size;
    header->record_size = TRACE_RECORD_SIZE;
    header->schema_hash = capture->area.schema_hash;
    header->clock_hz = capture->area.clock_hz;
    header->cpu_count = capture->area.cpu_count;
    header->section_count = capture->section_count;
    header->file_size = capture->output->total;
    memcpy(header->build, capture->area.build, sizeof header->build - 1);
    memcpy(header->sections, capture->sections,
           capture->section_count * sizeof capture->sections[0]);
    output_rewrite(capture->output, header, size);
    free(header);
}

bool capture_guest(const struct capture_options *options, struct output *output,
                   struct trace_error *error)
{
    static struct capture capture;
    static const char zeros[CAPTURE_ALIGNMENT];
    uint64_t address = 0;
    size_t size;
    bool done;

    capture = (struct capture){.output = output};
    if (!elf_symbol_address(options->kernel, "trace_area", &address, error) ||
        !ram_open(&capture.ram, options->ram, error)) {
        return false;
    }
    if (!ram_read(&capture.ram, address, &capture.area, sizeof capture.area)) {
        done = trace_fail(error, "%s: too small to be this kernel's memory", options->ram);
    } else {
        done = area_check(&capture.area, error);
    }
    if (done) {
        size = header_size(&capture);
        for (size_t i = 0; i < size; i += CAPTURE_ALIGNMENT) {
            output_write(output, zeros, sizeof zeros);
        }
        rings_write(&capture);
        done = !options->metadata || metadata_write(&capture, options->metadata, error);
        if (done) {
            header_write(&capture, size);
        }
    }
    ram_close(&capture.ram);
    return done;
}
