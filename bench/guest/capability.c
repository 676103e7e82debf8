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
 * Timed: cap_revoke of a capability with BREADTH copies in the caller's own table, from before its stub to
 * after it. Making the copies is not in it. On CPU 0; with several CPUs the revocation visits all of them,
 * since copies could be anywhere. The figure is for all copies together.
 */
#include "bench.h"

#define BREADTH 64

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

static void loop_revoke(struct bench_loop *loop)
{
    for (uint64_t i = 0; i < loop->total; i++) {
        for (uint64_t copy = 0; copy < BREADTH; copy++) {
            (void)copy_of(loop, copy + 1);
        }
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

static void capability_revoke(void)
{
    struct bench_loop loop = {.handles = {bench_endpoint(0)}};
    bench_measure(&loop, "cap.revoke", 0, bench_options.samples, loop_revoke);
    bench_correct(&loop, 1);
    bench_report("capability.revoke", &loop, "\"cpu\":0,\"copies\":64");
}
BENCHMARK("capability.revoke", capability_revoke);
