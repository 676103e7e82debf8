/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace capture`: from a guest's memory to a capture file.
 *
 * 1. A ring's pages are copied one by one in the order of their numbers. What was overwritten
 *    meanwhile (guest.h) is missing, and shows as a gap in the sequence. Only the newest page may
 *    be partly filled: so a section is made of whole pages but the last.
 * 2. A ring whose state makes no sense is left out with a warning.
 * 3. With --last, what was recorded earlier than so long before the newest event is left out, to whole
 *    pages; it counts as lost.
 * 4. Rings are drained one after the other; with a running guest, later rings therefore reach
 *    further than earlier ones. Stop the guest first when the very last microseconds matter.
 */
#include "commands.h"

#include "guest.h"
#include "writer.h"

#define TIME_SHIFT 16 /* of 48-bit times, so that they wrap as 64-bit ones do */

/* Only what is newer than this is captured; life rings are kept whole, as they have the names. */
struct window {
    uint64_t now;   /* the newest time of any event, shifted */
    uint64_t ticks; /* shifted; 0: everything */
};

/* The time of a ring's newest event; 0 if it has none. */
static uint64_t newest_time(const struct guest *guest, const struct trace_ring *ring)
{
    static struct trace_record records[PAGE_RECORDS];
    unsigned count = guest_page(guest, ring, ring->sequence, records);

    return count ? record_time(&records[count - 1]) << TIME_SHIFT : 0;
}

static struct window window_of(const struct guest *guest, uint64_t milliseconds)
{
    uint64_t hz = guest->area.clock_hz ? guest->area.clock_hz : 1000000000;
    struct window window = {0, milliseconds * (hz / 1000) << TIME_SHIFT};

    for (uint32_t i = 0; milliseconds && i < guest->area.ring_count; i++) {
        struct trace_ring ring;
        uint64_t time;

        if (guest_ring(guest, &guest->area.rings[i], &ring)) {
            time = newest_time(guest, &ring);
            window.now = (int64_t)(time - window.now) > 0 || !window.now ? time : window.now;
        }
    }
    return window;
}

/* The number of the first page to take: the last one that was opened before the window. */
static uint64_t first_page(const struct guest *guest, const struct trace_ring_entry *entry,
                           const struct trace_ring *ring, const struct window *window)
{
    uint64_t oldest = ring_oldest(ring), sequence = ring->sequence, ticks;

    if (!window->ticks || entry->kind == TRACE_RING_LIFE) {
        return oldest;
    }
    while (sequence > oldest && guest_page_time(guest, ring, sequence, &ticks) &&
           (int64_t)(window->now - (ticks << TIME_SHIFT)) < (int64_t)window->ticks) {
        sequence--;
    }
    return sequence;
}

/* Appends a ring's pages to the file as one section. */
static void ring_write(const struct guest *guest, struct writer *writer,
                       const struct trace_ring_entry *entry, const struct trace_ring *ring,
                       const struct window *window)
{
    static struct trace_record records[PAGE_RECORDS];
    struct capture_section *section = writer_section(writer, entry->kind, entry->cpu);
    uint64_t sequence = first_page(guest, entry, ring, window);

    for (; sequence <= ring->sequence; sequence++) {
        unsigned count = guest_page(guest, ring, sequence, records);

        if (count <= 1 || (count < PAGE_RECORDS && sequence != ring->sequence)) {
            continue;
        }
        section_starts_at(section, sequence);
        writer_bytes(writer, records, count * sizeof *records);
    }
}

static void rings_write(const struct guest *guest, struct writer *writer,
                        const struct window *window)
{
    for (uint32_t i = 0; i < guest->area.ring_count; i++) {
        const struct trace_ring_entry *entry = &guest->area.rings[i];
        struct trace_ring ring;

        if (!guest_ring(guest, entry, &ring) || !guest_ring_is_first(guest, i)) {
            fprintf(stderr, "weft-trace: warning: ring %u of the guest is damaged: left out\n", i);
            continue;
        }
        ring_write(guest, writer, entry, &ring, window);
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
        struct window window = window_of(&guest, options->last_ms);

        writer_begin(&writer, output, &guest.area);
        rings_write(&guest, &writer, &window);
        done = writer_end(&writer, options->metadata, error);
    }
    guest_close(&guest);
    return done;
}
