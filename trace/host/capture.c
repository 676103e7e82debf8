/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace capture`: from a guest's memory to a capture file.
 *
 * 1. A ring's pages are copied one by one in the order of their numbers. What was overwritten
 *    meanwhile (guest.h) is missing, and shows as a gap in the sequence. Only the newest page may
 *    be partly filled: so a section is made of whole pages but the last.
 * 2. A ring whose state makes no sense is left out with a warning.
 * 3. Rings are drained one after the other; with a running guest, later rings therefore reach
 *    further than earlier ones. Stop the guest first when the very last microseconds matter.
 */
#include "commands.h"

#include "guest.h"
#include "writer.h"

/* Appends a ring's pages to the file as one section. */
static void ring_write(const struct guest *guest, struct writer *writer,
                       const struct trace_ring_entry *entry, const struct trace_ring *ring)
{
    static struct trace_record records[PAGE_RECORDS];
    struct capture_section *section = writer_section(writer, entry->kind, entry->cpu);

    for (uint64_t sequence = ring_oldest(ring); sequence <= ring->sequence; sequence++) {
        unsigned count = guest_page(guest, ring, sequence, records);

        if (count <= 1 || (count < PAGE_RECORDS && sequence != ring->sequence)) {
            continue;
        }
        section_starts_at(section, sequence);
        writer_bytes(writer, records, count * sizeof *records);
    }
}

static void rings_write(const struct guest *guest, struct writer *writer)
{
    for (uint32_t i = 0; i < guest->area.ring_count; i++) {
        const struct trace_ring_entry *entry = &guest->area.rings[i];
        struct trace_ring ring;

        if (!guest_ring(guest, entry, &ring) || !guest_ring_is_first(guest, i)) {
            fprintf(stderr, "weft-trace: warning: ring %u of the guest is damaged: left out\n", i);
            continue;
        }
        ring_write(guest, writer, entry, &ring);
    }
}

bool capture_guest(const struct capture_options *options, struct output *output,
                   struct trace_error *error)
{
    static struct guest guest;
    static struct writer writer;
    bool done;

    if (!guest_open(&guest, options->kernel, options->ram, error)) {
        return false;
    }
    done = guest_check(&guest, error);
    if (done) {
        writer_begin(&writer, output, &guest.area);
        rings_write(&guest, &writer);
        done = writer_end(&writer, options->metadata, error);
    }
    guest_close(&guest);
    return done;
}
