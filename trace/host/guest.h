/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's trace in its memory: finds the trace area, and copies the rings' pages out of it.
 *
 *     guest_open(&guest, kernel, ram, &error) && guest_check(&guest, &error)
 *     guest_ring(&guest, &guest.area.rings[i], &ring)
 *     guest_page(&guest, &ring, sequence, records)
 *
 * 1. The trace area is copied and checked. Each of its rings is looked at on its own: one whose
 *    state makes no sense is left out, since a guest that went wild may have damaged one and not
 *    the others.
 * 2. The guest may be running and overwrite a page while it is copied; its first act is then to
 *    renumber the page. So a page counts only if its PAGE record has the expected number before and
 *    after it was copied.
 * 3. Of the page that is being written, the records before `next` are complete (the guest stores
 *    `next` after the record). Memory that holds no record (id 0) ends a page as well: then
 *    `next` itself was torn from the state.
 */
#pragma once

#include "file.h"
#include "ram.h"
#include "../kernel/layout.h"

#define PAGE_RECORDS (TRACE_PAGE_SIZE / TRACE_RECORD_SIZE)
#define GUEST_TIME_SHIFT 16 /* 48-bit times are shifted so that they wrap as 64-bit ones do */

struct guest {
    struct ram ram;
    uint64_t area_address; /* physical */
    struct trace_area area;
};

/* Opens the memory and reads the trace area, whatever that says by now. */
bool guest_open(struct guest *guest, const char *kernel, const char *ram,
                struct trace_error *error);
/* Reads the trace area again. False if the memory is too small for it. */
bool guest_look(struct guest *guest);
/* Waits until the kernel has set its trace up. False: the input has ended before (pause.h), or this
 * tool cannot read it. */
bool guest_await(struct guest *guest, struct trace_error *error);
/* Is there a trace that this tool can read? */
bool guest_check(const struct guest *guest, struct trace_error *error);
/* Is the ring the only one so far of its CPU and kind? Another one would be damage. */
bool guest_ring_is_first(const struct guest *guest, uint32_t index);
/* Reads a ring's state and says whether it can be true. */
bool guest_ring(const struct guest *guest, const struct trace_ring_entry *entry,
                struct trace_ring *ring);
/* Copies the page with this number into PAGE_RECORDS records; returns how many are good. */
unsigned guest_page(const struct guest *guest, const struct trace_ring *ring, uint64_t sequence,
                    struct trace_record *records);
/* The time at which a page was opened, shifted. False if it is not there any more. */
bool guest_page_time(const struct guest *guest, const struct trace_ring *ring, uint64_t sequence,
                     uint64_t *time);
/* When something was recorded, shifted: differences tell earlier from later. */
static inline uint64_t record_moment(const struct trace_record *record)
{
    return record_time(record) << GUEST_TIME_SHIFT;
}
/* The lowest number of a page that the ring may still hold. */
static inline uint64_t ring_oldest(const struct guest *guest, const struct trace_ring *ring)
{
    uint64_t pages = ring->size / TRACE_PAGE_SIZE;
    bool once = guest->area.flags & TRACE_AREA_ONCE;

    return ring->sequence >= pages && !once ? ring->sequence - pages + 1 : 0;
}
/* The number behind this one that the ring may hold: with TRACE_AREA_ONCE there is nothing between its
 * last page and the one that is being written. */
static inline uint64_t ring_after(const struct guest *guest, const struct trace_ring *ring,
                                  uint64_t sequence)
{
    bool last = guest->area.flags & TRACE_AREA_ONCE && sequence >= ring->size / TRACE_PAGE_SIZE - 1;

    return last && sequence < ring->sequence ? ring->sequence : sequence + 1;
}
void guest_close(struct guest *guest);
