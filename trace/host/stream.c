/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace stream`: drains the rings of a running guest into one capture, which may become much
 * larger than the rings.
 *
 * 1. The guest knows nothing of it. Again and again each ring's finished pages, from the one after
 *    the last that was taken, are copied out of the guest's memory (guest.h). Where the guest was
 *    faster than this, pages are missing; their numbers say which, and readers show the gap.
 * 2. What a ring holds goes to a file of its own, without a name and beside the output, since in a
 *    capture each ring's records are in one piece. At the end the pieces are put together.
 * 3. The end is that of standard input, or SIGINT or SIGTERM. Then the pages that are being
 *    written are taken as well, so that after a stop of the guest nothing is missing.
 * 4. It may be started before the guest's kernel has set its trace up, and waits for that. A guest
 *    that starts again counts its pages from 0: what was taken is kept, what follows ends the
 *    stream with an error, as one capture cannot hold two boots.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "memory.h"
#include "pause.h"
#include "writer.h"

#define IDLE_MS 1 /* how long to wait when no page was finished */

/* One ring, and what was taken from it. */
struct lane {
    uint64_t next;  /* number of the next page to take */
    int descriptor; /* of the file without a name */
    bool first;     /* of its CPU and kind */
    struct capture_section section;
};

struct stream {
    struct guest guest;
    struct lane lanes[TRACE_RINGS_MAX];
    struct trace_error *error;
};

static bool lane_open(struct lane *lane, const char *output, struct trace_error *error)
{
    char path[1100];

    snprintf(path, sizeof path, "%s.ring.XXXXXX", output);
    lane->descriptor = mkostemp(path, O_CLOEXEC);
    if (lane->descriptor < 0) {
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    unlink(path);
    return true;
}

static bool lane_append(struct lane *lane, const void *bytes, size_t size,
                        struct trace_error *error)
{
    const unsigned char *from = bytes;

    lane->section.bytes += size;
    while (size) {
        ssize_t wrote = write(lane->descriptor, from, size);

        if (wrote < 0 && errno != EINTR) {
            return trace_fail(error, "what was streamed cannot be kept: %s", strerror(errno));
        }
        if (wrote > 0) {
            from += wrote;
            size -= (size_t)wrote;
        }
    }
    return true;
}

/* Takes the ring's pages below `end`. A page that is being overwritten is lost, and so are those
 * before the oldest. */
static bool lane_take(struct stream *stream, struct lane *lane, const struct trace_ring *ring,
                      uint64_t end)
{
    static struct trace_record records[PAGE_RECORDS];
    uint64_t sequence = ring_oldest(&stream->guest, ring);

    sequence = sequence > lane->next ? sequence : lane->next;
    for (; sequence < end; sequence = ring_after(&stream->guest, ring, sequence)) {
        unsigned count = guest_page(&stream->guest, ring, sequence, records);

        if (count <= 1 || (count < PAGE_RECORDS && sequence != ring->sequence)) {
            continue;
        }
        section_starts_at(&lane->section, sequence);
        if (!lane_append(lane, records, count * sizeof *records, stream->error)) {
            return false;
        }
    }
    lane->next = end > lane->next ? end : lane->next;
    return true;
}

/* Goes round all rings once; `last`: also for the pages that are being written. */
static bool stream_round(struct stream *stream, bool last, bool *took)
{
    *took = false;
    for (uint32_t i = 0; i < stream->guest.area.ring_count; i++) {
        struct lane *lane = &stream->lanes[i];
        uint64_t before = lane->next;
        struct trace_ring ring;

        if (!lane->first || !guest_ring(&stream->guest, &stream->guest.area.rings[i], &ring)) {
            if (last) { /* before, its state may have been read while it changed */
                fprintf(stderr, "weft-trace: warning: ring %u of the guest is damaged\n", i);
            }
            continue;
        }
        if (ring.sequence < lane->next) {
            return trace_fail(stream->error, "the guest started again");
        }
        if (!lane_take(stream, lane, &ring, ring.sequence + last)) {
            return false;
        }
        *took |= lane->next != before;
    }
    return true;
}

/* Waits for the trace, then drains it until the end. */
static bool stream_drain(struct stream *stream, const char *output)
{
    bool took, more = true;

    if (!guest_await(&stream->guest, stream->error)) {
        return false;
    }
    for (uint32_t i = 0; i < stream->guest.area.ring_count; i++) {
        if (!lane_open(&stream->lanes[i], output, stream->error)) {
            return false;
        }
        stream->lanes[i].first = guest_ring_is_first(&stream->guest, i);
    }
    while (more) {
        if (!stream_round(stream, false, &took)) {
            return false;
        }
        more = pause_for(took ? 0 : IDLE_MS);
    }
    return stream_round(stream, true, &took);
}

static bool lane_write(const struct lane *lane, const struct trace_ring_entry *entry,
                       struct writer *writer, struct trace_error *error)
{
    static unsigned char bytes[1 << 18];
    struct capture_section *section = writer_section(writer, entry->kind, entry->cpu);
    off_t offset = 0;

    section->first_sequence = lane->section.first_sequence;
    section->lost = lane->section.lost;
    while ((uint64_t)offset < lane->section.bytes) {
        ssize_t got = pread(lane->descriptor, bytes, sizeof bytes, offset);

        if (got <= 0) {
            return trace_fail(error, "what was streamed cannot be read back: %s", strerror(errno));
        }
        writer_bytes(writer, bytes, (size_t)got);
        offset += got;
    }
    return true;
}

static bool stream_assemble(const struct stream *stream, const struct capture_options *options,
                            struct output *output)
{
    static struct writer writer;

    writer_begin(&writer, output, &stream->guest.area);
    for (uint32_t i = 0; i < stream->guest.area.ring_count; i++) {
        const struct lane *lane = &stream->lanes[i];

        if (lane->section.bytes &&
            !lane_write(lane, &stream->guest.area.rings[i], &writer, stream->error)) {
            return false;
        }
    }
    return writer_end(&writer, options->metadata, stream->error);
}

bool stream_guest(const struct capture_options *options, struct output *output,
                  struct trace_error *error)
{
    static struct stream stream;
    bool done;

    stream.error = error;
    if (!guest_open(&stream.guest, options->kernel, options->ram, error)) {
        return false;
    }
    pause_begin();
    done = stream_drain(&stream, output->path) && stream_assemble(&stream, options, output);
    guest_close(&stream.guest);
    return done;
}
