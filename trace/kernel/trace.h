/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing trace events. Kernel code calls trace_<event>(...) from the generated weft/trace_events.h;
 * what they do is here.
 *
 * Theory of operation
 *
 * 1. Each CPU has rings that it alone writes, with interrupts off: plain stores, then one release
 *    store of `next`. No atomic read-modify-write, no lock, no other CPU's cache line.
 * 2. An event that is switched off costs a test and a branch. One that is on costs the time stamp, two
 *    stores of the record, the store of `next` and a test for the end of the page.
 * 3. At the end of a page trace_turn_page() opens the next one: it writes the PAGE record first, so a
 *    page that is being overwritten shows its new number before any of its new records.
 * 4. The host reads the memory of the running machine (trace/kernel/layout.h). `next` tells it how far
 *    the page that is being written is valid; the PAGE record, read before and after copying, tells
 *    whether a page was overwritten meanwhile.
 * 5. Which categories are on is written down once, in the trace area, by trace_control or by the host,
 *    and each CPU follows when it is told to look: by the thread in trace_control, which travels round
 *    all CPUs, or by an interrupt. The host makes that with an NMI, in which nothing is recorded, as it
 *    may have come in the middle of a record: it interrupts all CPUs.
 * 6. Events of category `life` go to a ring of their own, so that a flood of others does not wash away
 *    the names.
 *
 * Limits: a time stamp has 48 bits (the host unwraps it); nothing is written before trace_init().
 */
#pragma once

#include "kernel/cpu.h"
#include "smp/atomic.h"
#include "trace/kernel/layout.h"

/* Opens the next page of a ring. Keeps all registers, so that the callers' fast path needs none. */
void trace_turn_page(struct trace_ring *ring) __attribute__((preserve_most, noinline, cold));

#define TRACE_RING_OF(category)                                                                    \
    ((category) == TRACE_CATEGORY_LIFE ? TRACE_RING_LIFE : TRACE_RING_EVENTS)

#define TRACE_EMIT(category, event_id, small_value, a_value, b_value)                              \
    do {                                                                                           \
        if (CONFIG_TRACE && unlikely(percpu(trace.mask) & (category))) {                           \
            struct trace_record *record_ =                                                         \
                (struct trace_record *)percpu(trace.rings[TRACE_RING_OF(category)].next);          \
            uint32_t high_;                                                                        \
                                                                                                   \
            /* [trace.record] release: what was before is there. Pairs with [trace.follow]. */     \
            store_release(&record_->time_low, arch_cycles_halves(&high_));                         \
            store_release(&record_->time_high, (uint16_t)high_);                                   \
            record_->id = (event_id);                                                              \
            record_->small = (small_value);                                                        \
            record_->a = (a_value);                                                                \
            record_->b = (b_value);                                                                \
            record_++;                                                                             \
            /* [trace.next] release: the host may read the record. Pairs with [trace.read]. */     \
            store_release(&percpu(trace.rings[TRACE_RING_OF(category)].next), (uint64_t)record_);  \
            if (unlikely(((uint64_t)record_ & (TRACE_PAGE_SIZE - 1)) == 0)) {                      \
                trace_turn_page(&arch_this_cpu()->trace.rings[TRACE_RING_OF(category)]);           \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#include "weft/trace_writers.h"

extern struct trace_area trace_area;

/* Allocates the rings of all CPUs and publishes them; CPU 0, before the others run. `mask`: the
 * categories that are on; `ring_bytes`: size of each CPU's ring of events; `once`: a ring that is full
 * keeps what it has. */
void trace_init(uint8_t mask, uint64_t ring_bytes, bool once);

/* Writes up to NAME_MAX characters, zeros behind them, as NAME events. */
void trace_write_name(enum trace_name_kind kind, uint32_t id, const char *name);

/* Follows trace_area.mask, if this CPU does not yet. */
void trace_update_mask(void);
