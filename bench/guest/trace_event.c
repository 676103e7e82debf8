/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.event.on, trace.event.off: what does an event cost when its category is switched on, and what
 * when it is compiled in but switched off?
 *
 * Timed: BATCH calls of trace_user against BATCH calls of trace_user with a kind that does not exist,
 * which is refused right before the event: the same way through the kernel but for the event. A
 * sample is the difference of two such batches, one right after the other, divided by BATCH and
 * rounded; below zero counts as zero. On CPU 0, hot, the ring's memory too. With the category off
 * the difference is the test and its branch.
 * Not measured: reading the ring (that is the host's work), opening of a new page of the ring beyond
 * its share in a batch, the effect of more code on caches.
 *
 * A kernel without tracing has no figure: the mask that is set does not come back.
 */
#include "bench.h"

#include "weft/startup.h"
#include "weft/thread.h"
#include "weft/trace_events.h"

#define BATCH 64
#define NAME_ID 1
#define KIND_UNKNOWN 1000

/* Both kinds of batches run this one copy of the loop. */
static __attribute__((noinline)) uint64_t time_batch(uint64_t kind, status_t wanted)
{
    uint64_t failed = 0;
    uint64_t before = weft_timestamp();
    for (uint64_t i = 0; i < BATCH; i++) {
        failed |= (uint64_t)(weft_trace_user(kind, NAME_ID, i) ^ wanted);
    }
    return failed == 0 ? weft_timestamp() - before : UINT64_MAX;
}

static void loop_events(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t baseline = time_batch(KIND_UNKNOWN, STATUS_BAD_ARGUMENT);
        uint64_t events = time_batch(TRACE_KIND_INSTANT, STATUS_OK);
        loop->failed |= (baseline == UINT64_MAX) | (events == UINT64_MAX);
        loop->samples[i] = events > baseline ? (events - baseline + BATCH / 2) / BATCH : 0;
    }
}

static uint64_t set_mask(uint64_t mask)
{
    uint64_t before;
    if (weft_trace_control(weft_capability("machine"), mask, &before) != STATUS_OK) {
        weft_fail("trace.event: the trace cannot be controlled");
    }
    return before;
}

static void trace_event(void)
{
    uint64_t original = set_mask(TRACE_CATEGORY_USER);
    if (set_mask(original) != TRACE_CATEGORY_USER) {
        return; /* a kernel without tracing */
    }
    struct weft_name name = weft_name_pack("bench");
    (void)weft_trace_name(NAME_ID, name.words[0], name.words[1]);
    struct bench_loop loop = {0};
    set_mask(original | TRACE_CATEGORY_USER);
    bench_measure(&loop, "trace.event.on", 0, bench_options.samples, loop_events);
    bench_report("trace.event.on", &loop, "\"cpu\":0,\"batch\":64");
    set_mask(original & ~(uint64_t)TRACE_CATEGORY_USER);
    bench_measure(&loop, "trace.event.off", 0, bench_options.samples, loop_events);
    bench_report("trace.event.off", &loop, "\"cpu\":0,\"batch\":64");
    set_mask(original);
}
BENCHMARK("trace.event", trace_event);
