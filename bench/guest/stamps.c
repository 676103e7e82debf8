/* SPDX-License-Identifier: Apache-2.0
 *
 * Time stamps of both sides become intervals: stamps.h says how.
 */
#include "stamps.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/string.h"

void stamps_clear(void)
{
    memset(bench_shared(), 0, sizeof(struct bench_shared));
}

void stamps_join(struct bench_loop *loop, const char *name)
{
    const struct bench_shared *shared = bench_shared();
    for (uint64_t i = 0; i < loop->total; i++) {
        uint64_t after = weft_load64_acquire(&shared->stamps[i]);
        if (after < loop->samples[i]) {
            weft_fail("%s: the receiver's clock is behind the sender's", name);
        }
        loop->samples[i] = after - loop->samples[i];
    }
}
