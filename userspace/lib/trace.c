/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the kernel's trace in the guest; the header has the theory of operation.
 */
#include "weft/trace.h"
#include "trace/kernel/layout.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define TIME_BITS 48

_Static_assert(sizeof(((struct weft_trace_walk *)0)->copy) / sizeof(struct weft_trace_event) ==
                   TRACE_RECORDS_PER_PAGE,
               "a walk holds a page");

status_t weft_trace_open(struct weft_trace *trace, uint64_t place)
{
    const struct weft_startup *startup = weft_startup();
    uint64_t memory = weft_capability("trace");

    *trace = (struct weft_trace){.memory = (const uint8_t *)place, .cpus = startup->cpu_count};
    if (memory == 0) {
        return STATUS_NO_RIGHT;
    }
    if (startup->trace_schema != TRACE_SCHEMA_HASH) {
        return STATUS_BAD_ARGUMENT;
    }
    trace->cpu_bytes = startup->trace_size / trace->cpus;
    trace->settled = weft_microseconds(WEFT_TRACE_SETTLED);
    if (trace->cpu_bytes <= TRACE_CPU_BYTES(0)) {
        return STATUS_DEAD;
    }
    return weft_memory_map(HANDLE_SELF, memory, place, 0, startup->trace_size / WEFT_PAGE_SIZE,
                           RIGHT_READ);
}

/* ---- records ------------------------------------------------------------------------------------- */

/* The step from one 48-bit time to another: less than half the range either way. */
static int64_t step(uint64_t from, uint64_t to)
{
    return (int64_t)((to - from) << (64 - TIME_BITS)) >> (64 - TIME_BITS);
}

/* A time as the record shows it now; what it means depends on what comes behind it. */
static uint64_t time_of(const struct trace_record *record)
{
    /* [trace.follow] acquire, both: where this is a new time, the records before it are complete. Pairs with
     * [trace.record]. */
    uint64_t high = __atomic_load_n(&record->time_high, __ATOMIC_ACQUIRE);
    return high << 32 | __atomic_load_n(&record->time_low, __ATOMIC_ACQUIRE);
}

static const struct trace_record *page_at(const struct weft_trace_walk *walk, uint64_t index)
{
    return (const struct trace_record *)(walk->ring + index * TRACE_PAGE_SIZE);
}

/* Has the page at this place of the ring a number? */
static _Bool page_number(const struct trace_record *page, uint32_t *sequence)
{
    /* [trace.read] acquire: the rest of the PAGE record is there. Pairs with [trace.page]. */
    _Bool valid = __atomic_load_n(&page->id, __ATOMIC_ACQUIRE) == TRACE_EVENT_PAGE;
    *sequence = page->a;
    return valid;
}

/* Number `sequence` lies there, as long as the ring turns; the page behind it takes what comes when it does not. */
static const struct trace_record *page_of(const struct weft_trace_walk *walk, uint32_t sequence)
{
    const struct trace_record *page = page_at(walk, sequence % walk->pages);
    const struct trace_record *spare = page_at(walk, walk->pages);
    uint32_t number;
    if (page_number(spare, &number) && number == sequence) {
        return spare;
    }
    return page;
}

static void find_newest(struct weft_trace_walk *walk)
{
    uint32_t number;
    for (uint64_t i = 0; i <= walk->pages; i++) {
        if (page_number(page_at(walk, i), &number) && number > walk->newest) {
            walk->newest = number;
        }
    }
}

/* How many records of the page are new and complete. */
static uint32_t count_new(const struct weft_trace_walk *walk, const struct trace_record *page)
{
    uint64_t opened = time_of(page), last = opened;
    uint32_t count = 0;
    while (count < TRACE_RECORDS_PER_PAGE) {
        uint64_t time = time_of(&page[1 + count]);
        if (step(last, time) < 0) {
            break;
        }
        last = time;
        count++;
    }
    if (count > 0 && step(last, walk->now) < (int64_t)walk->settled) {
        count--; /* it may be in the middle of being written */
    }
    return count;
}

/* Copies page number `sequence`. False: it is not there, or was overwritten meanwhile. */
static _Bool copy_page(struct weft_trace_walk *walk, uint32_t sequence)
{
    const struct trace_record *page = page_of(walk, sequence);
    uint32_t number;

    if (!page_number(page, &number) || number != sequence) {
        return 0;
    }
    walk->running = page->b;
    walk->opened = walk->now - (uint64_t)step(time_of(page), walk->now);
    walk->count = sequence == walk->newest ? count_new(walk, page) : TRACE_RECORDS_PER_PAGE;
    for (uint32_t i = 0; i < walk->count; i++) {
        const struct trace_record *record = &page[1 + i];
        walk->copy[i] = (struct weft_trace_event){
            .time = walk->now - (uint64_t)step(time_of(record), walk->now),
            .id = record->id,
            .small = record->small,
            .a = record->a,
            .b = record->b,
        };
    }
    walk->sequence = sequence;
    walk->at = 0;
    /* [trace.copied] acquire: the copy is made before the number is looked at again. Pairs with [trace.page]. */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return page_number(page, &number) && number == sequence;
}

/* ---- walks ------------------------------------------------------------------------------------------ */

/* Copies the first page from `sequence` on that can be had. */
static _Bool open_page(struct weft_trace_walk *walk, uint32_t sequence)
{
    for (; sequence <= walk->newest; sequence++) {
        if (copy_page(walk, sequence)) {
            return 1;
        }
        walk->lost++;
    }
    walk->count = walk->at = 0;
    walk->sequence = walk->newest;
    return 0;
}

void weft_trace_begin(const struct weft_trace *trace, struct weft_trace_walk *walk, uint32_t cpu,
                      enum weft_trace_ring ring, uint64_t since)
{
    uint64_t events = trace->cpu_bytes - TRACE_CPU_BYTES(0);

    walk->ring = trace->memory + cpu * trace->cpu_bytes;
    walk->pages = events / TRACE_PAGE_SIZE;
    if (ring == WEFT_TRACE_LIFE) {
        walk->ring += events + TRACE_PAGE_SIZE;
        walk->pages = TRACE_LIFE_BYTES / TRACE_PAGE_SIZE;
    }
    walk->since = since;
    walk->now = weft_cycles();
    walk->settled = trace->settled;
    walk->newest = 0;
    walk->lost = 0;
    find_newest(walk);
    uint32_t first = walk->newest, number;
    while (first > 0) {
        const struct trace_record *page = page_of(walk, first);
        if (!page_number(page, &number) || number != first ||
            step(time_of(page), walk->now) > (int64_t)(walk->now - since)) {
            break;
        }
        first--;
    }
    (void)open_page(walk, first);
    walk->lost = 0; /* what was too old to be there is not missed */
}

_Bool weft_trace_next(struct weft_trace_walk *walk, struct weft_trace_event *event)
{
    if (walk->at == walk->count) {
        if (walk->sequence >= walk->newest || !open_page(walk, walk->sequence + 1)) {
            return 0;
        }
    }
    *event = walk->copy[walk->at++];
    return walk->at <= walk->count;
}
