/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's trace in its memory; guest.h is the manual.
 */
#include "guest.h"

#include <inttypes.h>
#include <string.h>

#include "file.h"
#include "pause.h"
#include "weft/trace_events.h"

#define STATE_TRIES 100
#define SETUP_MS 5 /* how long to wait for a trace that is not there yet */

bool guest_open(struct guest *guest, const char *kernel, const char *ram, struct trace_error *error)
{
    *guest = (struct guest){0};
    if (!elf_symbol_address(kernel, "trace_area", &guest->area_address, error) ||
        !ram_open(&guest->ram, ram, error)) {
        return false;
    }
    if (!guest_look(guest)) {
        ram_close(&guest->ram);
        return trace_fail(error, "%s: too small to be this kernel's memory", ram);
    }
    return true;
}

bool guest_look(struct guest *guest)
{
    return ram_read(&guest->ram, guest->area_address, &guest->area, sizeof guest->area);
}

void guest_close(struct guest *guest)
{
    ram_close(&guest->ram);
}

bool guest_check(const struct guest *guest, struct trace_error *error)
{
    const struct trace_area *area = &guest->area;

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

bool guest_await(struct guest *guest, struct trace_error *error)
{
    while (!guest_check(guest, error)) {
        if (guest->area.magic == TRACE_AREA_MAGIC || !pause_for(SETUP_MS)) {
            return false;
        }
        guest_look(guest);
    }
    return true;
}

bool guest_ring_is_first(const struct guest *guest, uint32_t index)
{
    const struct trace_ring_entry *rings = guest->area.rings;

    for (uint32_t i = 0; i < index; i++) {
        if (rings[i].cpu == rings[index].cpu && rings[i].kind == rings[index].kind) {
            return false;
        }
    }
    return true;
}

/* Copies a ring's state. A running guest may change it meanwhile: two equal copies are a good one,
 * and where none come (STATE_TRIES) the last is as good as any, as pages are checked one by one. */
static bool state_read(const struct guest *guest, uint64_t address, struct trace_ring *ring)
{
    struct trace_ring again;

    for (int i = 0; i < STATE_TRIES; i++) {
        if (!ram_read(&guest->ram, address, ring, sizeof *ring) ||
            !ram_read(&guest->ram, address, &again, sizeof again)) {
            return false;
        }
        if (memcmp(ring, &again, sizeof again) == 0) {
            break;
        }
    }
    return true;
}

bool guest_ring(const struct guest *guest, const struct trace_ring_entry *entry,
                struct trace_ring *ring)
{
    uint64_t behind = guest->area.flags & TRACE_AREA_ONCE ? TRACE_PAGE_SIZE : 0;

    return entry->cpu < guest->area.cpu_count && entry->kind <= TRACE_RING_LIFE &&
           state_read(guest, entry->state_paddr, ring) && ring->size >= TRACE_PAGE_SIZE &&
           ring->size % TRACE_PAGE_SIZE == 0 && ring->base_paddr % TRACE_PAGE_SIZE == 0 &&
           ring->base_paddr <= guest->ram.size &&
           ring->size <= guest->ram.size - ring->base_paddr &&
           behind <= guest->ram.size - ring->base_paddr - ring->size && ring->next >= ring->base &&
           ring->next - ring->base <= ring->size + behind && ring->sequence < UINT64_MAX / 512;
}

static uint64_t page_address(const struct guest *guest, const struct trace_ring *ring,
                             uint64_t sequence)
{
    uint64_t pages = ring->size / TRACE_PAGE_SIZE;

    if (guest->area.flags & TRACE_AREA_ONCE && sequence >= pages) {
        return ring->base_paddr + ring->size;
    }
    return ring->base_paddr + sequence % pages * TRACE_PAGE_SIZE;
}

bool guest_page_time(const struct guest *guest, const struct trace_ring *ring, uint64_t sequence,
                     uint64_t *time)
{
    struct trace_record record;

    if (!ram_read(&guest->ram, page_address(guest, ring, sequence), &record, sizeof record) ||
        record.id != TRACE_EVENT_PAGE || record.a != (uint32_t)sequence) {
        return false;
    }
    *time = record_moment(&record);
    return true;
}

unsigned guest_page(const struct guest *guest, const struct trace_ring *ring, uint64_t sequence,
                    struct trace_record *records)
{
    uint64_t address = page_address(guest, ring, sequence), time;
    /* Bytes of the newest page; may wrap. */
    uint64_t filled = ring->next - ring->base - (address - ring->base_paddr);
    unsigned limit = PAGE_RECORDS, count;

    if (sequence == ring->sequence) {
        limit = filled > TRACE_PAGE_SIZE ? 0 : (unsigned)(filled / TRACE_RECORD_SIZE);
    }
    if (!guest_page_time(guest, ring, sequence, &time) ||
        !ram_read(&guest->ram, address, records, TRACE_PAGE_SIZE) ||
        !guest_page_time(guest, ring, sequence, &time)) {
        return 0;
    }
    for (count = 1; count < limit && records[count].id; count++) {
    }
    return count < limit || limit < 1 ? count : limit;
}
