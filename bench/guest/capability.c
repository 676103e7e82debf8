/* SPDX-License-Identifier: Apache-2.0
 *
 * capability.copy_delete: what does it cost to have a capability, and to lose it?
 *
 * Timed: cap_copy of an endpoint's capability into the caller's own table with a badge, and cap_delete of
 * the copy, together; on CPU 0, hot, the object on CPU 0 too. Not measured: another process's table, the
 * last capability of an object (which ends the object), a table that is nearly full.
 *
 * capability.revoke: what does it cost to take back what was handed out widely?
 *
 * Timed: cap_revoke of a capability with 1 to 4096 copies, from before its stub to after it. The copies lie in
 * the tables of as many processes as they need, COPIES_PER_HOLDER in each, which have no threads and whose homes
 * are spread over all CPUs. With `depth` above 1 the copies are copies of copies. Making them is not in it. On
 * CPU 0; the revocation visits all CPUs and looks at all tables. The figure is for all copies together.
 */
#include "bench.h"

#include "weft/print.h"
#include "weft/startup.h"

#define COPIES_PER_HOLDER 64u
#define HOLDERS_MAX 64u
#define HOLDER_PAGES 8
#define DEPTH_MOST 6
#define FEW 64 /* copies of which there are all samples */
#define SAMPLES_OF_MANY 20u

static uint64_t copy_of(struct bench_loop *loop, uint64_t badge)
{
    uint64_t handle = 0;
    loop->failed |=
        (uint64_t)weft_cap_copy(HANDLE_SELF, loop->handles[0], RIGHT_WRITE, badge, &handle);
    return handle;
}

static void loop_copy_delete(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t before = weft_timestamp();
        uint64_t copy = copy_of(loop, 7);
        status_t status = weft_cap_delete(copy);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

/* Processes without threads, whose tables hold the copies; their homes are spread over all CPUs. */
static uint64_t holders[HOLDERS_MAX];
static uint32_t copies, depth;

static uint64_t must_copy(struct bench_loop *loop, uint64_t process, uint64_t handle)
{
    uint64_t copy = 0;
    loop->failed |= (uint64_t)weft_cap_copy(process, handle, RIGHT_WRITE | RIGHT_COPY, 0, &copy);
    return copy;
}

/* A chain of depth - 1 copies of copies in the own table; all others are copies of its end. */
static void hand_out(struct bench_loop *loop)
{
    uint64_t last = loop->handles[0];
    for (uint32_t level = 1; level < depth; level++) {
        last = must_copy(loop, HANDLE_SELF, last);
    }
    for (uint32_t i = 0; i < copies; i++) {
        (void)must_copy(loop, holders[i / COPIES_PER_HOLDER], last);
    }
}

static void loop_revoke(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        hand_out(loop);
        uint64_t before = weft_timestamp();
        status_t status = weft_cap_revoke(loop->handles[0]);
        uint64_t after = weft_timestamp();
        loop->samples[i] = after - before;
        loop->failed |= (uint64_t)status;
    }
}

static void capability_copy_delete(void)
{
    struct bench_loop loop = {.handles = {bench_endpoint(0)}};
    bench_measure(&loop, "cap.copy_delete", 0, bench_options.samples, loop_copy_delete);
    bench_correct(&loop, 1);
    bench_report("capability.copy_delete", &loop, "\"cpu\":0");
}
BENCHMARK("capability.copy_delete", capability_copy_delete);

static void measure_revoke(uint32_t wanted, uint32_t wanted_depth)
{
    char params[64];
    struct bench_loop loop = {.handles = {bench_endpoint(0)}};
    uint32_t count = (wanted + COPIES_PER_HOLDER - 1) / COPIES_PER_HOLDER;
    uint64_t warmup = bench_options.warmup, samples = bench_options.samples;
    for (uint32_t i = 0; i < count; i++) {
        if (weft_process_create(HOLDER_PAGES, 0, 0, 0, 0, i % bench_options.cpu_count,
                                &holders[i]) != STATUS_OK) {
            weft_fail("capability.revoke: no process is left for the copies");
        }
    }
    copies = wanted;
    depth = wanted_depth;
    if (copies > FEW) { /* fewer samples of what takes long */
        bench_options.warmup = warmup < SAMPLES_OF_MANY ? warmup : SAMPLES_OF_MANY;
        samples = samples < SAMPLES_OF_MANY ? samples : SAMPLES_OF_MANY;
    }
    bench_measure(&loop, "cap.revoke", 0, samples, loop_revoke);
    for (uint32_t i = 0; i < count; i++) {
        (void)weft_process_kill(holders[i]);
        (void)weft_cap_delete(holders[i]);
    }
    (void)weft_cap_delete(loop.handles[0]);
    bench_correct(&loop, 1);
    weft_format(params, sizeof(params), "\"cpu\":0,\"copies\":%u,\"depth\":%u", copies, depth);
    bench_report("capability.revoke", &loop, params);
    bench_options.warmup = warmup;
}

static void capability_revoke(void)
{
    measure_revoke(1, 1);
    measure_revoke(16, 1);
    measure_revoke(16, DEPTH_MOST);
    measure_revoke(256, 1);
    measure_revoke(4096, 1);
}
BENCHMARK("capability.revoke", capability_revoke);
