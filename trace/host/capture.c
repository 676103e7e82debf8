/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace capture`: from a guest's memory to a capture file.
 *
 * 1. A ring's pages are copied one by one in the order of their numbers. What was overwritten
 *    meanwhile (guest.h) is missing, and shows as a gap in the sequence. Only the newest page may
 *    be partly filled: so a section is made of whole pages but the last.
 * 2. A ring whose state makes no sense is left out with a warning.
 * 3. With a window, what was recorded earlier than so long before the newest event is left out, to
 *    whole pages; it counts as lost.
 * 4. Rings are copied one after the other. With a running guest later ones would reach further than
 *    earlier ones and show effects without their causes. So the newest time in all rings is looked up
 *    before anything is copied, and what is later is left out. Whatever happened until then was
 *    recorded before its effects on other CPUs were, so causes are there. Of a guest that has stopped
 *    nothing is left out.
 */
#include "capture.h"

#include "commands.h"
#include "trigger.h"

/* The time of a ring's newest event; 0 if it has none. */
static uint64_t newest_time(const struct guest *guest, const struct trace_ring *ring)
{
    static struct trace_record records[PAGE_RECORDS];
    uint64_t sequence = ring->sequence;
    unsigned count = guest_page(guest, ring, sequence, records);

    if (!count && sequence) { /* a page has its number, and is not open yet */
        count = guest_page(guest, ring, sequence - 1, records);
    }
    return count ? record_moment(&records[count - 1]) : 0;
}

void window_until_now(const struct guest *guest, struct window *window)
{
    window->until = 0;
    for (uint32_t i = 0; i < guest->area.ring_count; i++) {
        struct trace_ring ring;
        uint64_t time;

        if (guest_ring(guest, &guest->area.rings[i], &ring)) {
            time = newest_time(guest, &ring);
            if (!window->until || (int64_t)(time - window->until) > 0) {
                window->until = time;
            }
        }
    }
}

uint64_t window_end_ns(const struct guest *guest, const struct window *window)
{
    uint64_t hz = guest->area.clock_hz ? guest->area.clock_hz : 1000000000;
    uint64_t ticks = window->until >> GUEST_TIME_SHIFT;

    return (uint64_t)((unsigned __int128)ticks * 1000000000 / hz);
}

/* The number of the first page to take: the last one that was opened before the window. */
static uint64_t first_page(const struct guest *guest, const struct trace_ring_entry *entry,
                           const struct trace_ring *ring, const struct window *window)
{
    uint64_t oldest = ring_oldest(guest, ring), sequence = ring->sequence, time;

    if (!window->ticks || entry->kind == TRACE_RING_LIFE || guest->area.flags & TRACE_AREA_ONCE) {
        return oldest; /* life rings are kept whole, as they have the names */
    }
    while (sequence > oldest && guest_page_time(guest, ring, sequence, &time) &&
           (int64_t)(window->until - time) < (int64_t)window->ticks) {
        sequence--;
    }
    return sequence;
}

/* How many of the page's records are not later than the window. */
static unsigned records_until(const struct trace_record *records, unsigned count,
                              const struct window *window)
{
    while (count && (int64_t)(record_moment(&records[count - 1]) - window->until) > 0) {
        count--;
    }
    return count;
}

/* Appends a ring's pages to the file as one section. */
static void ring_write(const struct guest *guest, struct writer *writer,
                       const struct trace_ring_entry *entry, const struct trace_ring *ring,
                       const struct window *window)
{
    static struct trace_record records[PAGE_RECORDS];
    struct capture_section *section = writer_section(writer, entry->kind, entry->cpu);
    uint64_t sequence = first_page(guest, entry, ring, window);
    bool more = true;

    for (; more && sequence <= ring->sequence; sequence = ring_after(guest, ring, sequence)) {
        unsigned count = guest_page(guest, ring, sequence, records), kept;

        if (count <= 1 || (count < PAGE_RECORDS && sequence != ring->sequence)) {
            continue;
        }
        kept = records_until(records, count, window);
        more = kept == count;
        if (kept > 1) {
            section_starts_at(section, sequence);
            writer_bytes(writer, records, kept * sizeof *records);
        }
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

bool capture_write(const struct guest *guest, const struct window *window, const char *metadata,
                   const struct trigger_note *trigger, struct output *output,
                   struct trace_error *error)
{
    static struct writer writer;

    writer_begin(&writer, output, &guest->area);
    rings_write(guest, &writer, window);
    writer.trigger = trigger;
    return writer_end(&writer, metadata, error);
}

bool capture_guest(const struct capture_options *options, struct output *output,
                   struct trace_error *error)
{
    static struct guest guest;
    struct trigger_note trigger = {.name = options->trigger};
    bool done;

    if (trigger.name && !trigger_text_check(trigger.name, error)) {
        return false;
    }
    if (!guest_open(&guest, options->kernel, options->ram, error)) {
        return false;
    }
    done = guest_check(&guest, error);
    if (done) {
        uint64_t hz = guest.area.clock_hz ? guest.area.clock_hz : 1000000000;
        struct window window = {.ticks = options->last_ms * (hz / 1000) << GUEST_TIME_SHIFT};

        window_until_now(&guest, &window);
        trigger.time = window_end_ns(&guest, &window);
        done = capture_write(&guest, &window, options->metadata, trigger.name ? &trigger : NULL,
                             output, error);
    }
    guest_close(&guest);
    return done;
}
