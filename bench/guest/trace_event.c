/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.event.on, trace.event.off: what does an event cost when its category is switched on, and what
 * when it is compiled in but switched off?
 *
 * Timed: BATCH calls of trace_user against BATCH calls of `null` with the same arguments loaded; the
 * two system calls differ only in what the event needs. A sample is the difference of the two
 * batches, one right after the other, divided by BATCH and rounded; below zero counts as zero. On
 * CPU 0, hot, the ring's memory too. With the category off the difference is the test and its branch.
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

static uint64_t batch_null(void)
{
    uint64_t failed = 0;
    uint64_t before = weft_timestamp();
    for (uint64_t i = 0; i < BATCH; i++) {
        failed |= (uint64_t)weft_syscall3(SYSCALL_NULL, TRACE_KIND_INSTANT, NAME_ID, i);
    }
    return (weft_timestamp() - before) | failed;
}

static uint64_t batch_event(void)
{
    uint64_t failed = 0;
    uint64_t before = weft_timestamp();
    for (uint64_t i = 0; i < BATCH; i++) {
        failed |= (uint64_t)weft_syscall3(SYSCALL_TRACE_USER, TRACE_KIND_INSTANT, NAME_ID, i);
    }
    return (weft_timestamp() - before) | failed;
}

/* A negative status makes a batch's result huge; that is how a failed call is seen. */
static void loop_events(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t baseline = batch_null();
        uint64_t events = batch_event();
        loop->failed |= (baseline | events) >> 63;
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

void bench_trace_event(void)
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
