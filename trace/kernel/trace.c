/* SPDX-License-Identifier: Apache-2.0
 *
 * The trace's rings: setting them up, turning their pages. See trace.h for the theory.
 */
#include "trace/kernel/trace.h"

#include "kernel/boot.h"
#include "kernel/cpu.h"

/* Where the host starts to read. Its symbol is part of the contract in layout.h. */
struct trace_area trace_area __attribute__((aligned(PAGE_SIZE), used));

void trace_turn_page(struct trace_ring *ring)
{
    struct trace_record *header;
    uint32_t high;

    ring->sequence++;
    if (ring->next >= ring->base + ring->size) {
        ring->next = ring->base + (trace_area.flags & TRACE_AREA_ONCE ? ring->size : 0);
    }
    header = (struct trace_record *)ring->next;
    /* An overwritten page loses its old number before it gets the new one: a reader that copies it
     * meanwhile finds no PAGE record and drops it. [trace.page] release as below. */
    store_release(&header->id, 0);
    header->time_low = arch_cycles_halves(&high);
    header->time_high = (uint16_t)high;
    header->a = (uint32_t)ring->sequence;
    header->b = percpu(running_id);
    /* [trace.page] release: the rest is there before the id that makes it valid, and both before any
     * record of the page. Pairs with [trace.read]. */
    store_release(&header->id, TRACE_EVENT_PAGE);
    store_release(&ring->next, (uint64_t)(header + 1)); /* [trace.next] */
}

static void ring_init(cpu_t cpu, enum trace_ring_kind kind, uint64_t bytes)
{
    struct trace_ring *ring = &cpu_table[cpu]->trace.rings[kind];

    ring->base_paddr = boot_info.trace.end;
    ring->base = ring->next = (uint64_t)arch_to_virtual(ring->base_paddr);
    ring->size = bytes;
    ring->sequence = UINT64_MAX; /* the first page is number 0 */
    trace_turn_page(ring);
    boot_info.trace.end += bytes + TRACE_PAGE_SIZE; /* with one for TRACE_AREA_ONCE */
    trace_area.rings[trace_area.ring_count++] =
        (struct trace_ring_entry){arch_to_physical(ring), cpu, kind};
}

void trace_init(uint8_t mask, uint64_t ring_bytes, bool once)
{
    trace_area.mask = mask;
    trace_area.flags = once ? TRACE_AREA_ONCE : 0;
    boot_info.trace.start = boot_info.trace.end = arch_to_physical(
        boot_alloc(CONFIG_TRACE ? boot_info.cpu_count * TRACE_CPU_BYTES(ring_bytes) : 0));
    for (cpu_t cpu = 0; CONFIG_TRACE && cpu < boot_info.cpu_count; cpu++) {
        ring_init(cpu, TRACE_RING_EVENTS, ring_bytes);
        ring_init(cpu, TRACE_RING_LIFE, TRACE_LIFE_BYTES);
        cpu_table[cpu]->trace.mask = mask;
    }
    trace_area.version = TRACE_AREA_VERSION;
    trace_area.cpu_count = boot_info.cpu_count;
    trace_area.schema_hash = TRACE_SCHEMA_HASH;
    trace_area.clock_hz = arch_clock_hz;
    trace_area.record_size = TRACE_RECORD_SIZE;
    trace_area.page_size = TRACE_PAGE_SIZE;
    __builtin_memcpy(trace_area.build, TRACE_BUILD, sizeof(TRACE_BUILD));
    /* [trace.area] release: with the magic number everything above is valid. Pairs with the host's
     * look at the magic number, [trace.read]. */
    store_release(&trace_area.magic, TRACE_AREA_MAGIC);
}

void trace_write_name(enum trace_name_kind kind, uint32_t id, const char *name)
{
    for (unsigned piece = 0; piece < NAME_MAX / 4 && name[piece * 4] != '\0'; piece++) {
        uint32_t characters;

        __builtin_memcpy(&characters, name + piece * 4, sizeof(characters));
        trace_name((uint8_t)(kind << 4 | piece), id, characters);
    }
}

void trace_update_mask(void)
{
    uint8_t mask = load_relaxed(&trace_area.mask);

    if (CONFIG_TRACE && unlikely(mask != percpu(trace.mask))) {
        percpu(trace.mask) = mask | TRACE_CATEGORY_LIFE; /* that it changed is always recorded */
        trace_mask(mask, percpu(running_id));
        percpu(trace.mask) = mask;
    }
}
