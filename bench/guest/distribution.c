/* SPDX-License-Identifier: Apache-2.0
 *
 * Order statistics and histogram of samples; the header says what each function promises.
 */
#include "distribution.h"

static void sift_down(uint64_t *heap, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && heap[child + 1] > heap[child]) {
            child++;
        }
        if (heap[root] >= heap[child]) {
            return;
        }
        uint64_t value = heap[root];
        heap[root] = heap[child];
        heap[child] = value;
        root = child;
    }
}

/* Heap sort: no recursion, no memory, never slow. */
void distribution_sort(uint64_t *samples, size_t count)
{
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(samples, root, count);
    }
    for (size_t end = count; end-- > 1;) {
        uint64_t largest = samples[0];
        samples[0] = samples[end];
        samples[end] = largest;
        sift_down(samples, 0, end);
    }
}

uint64_t distribution_quantile(const uint64_t *sorted, size_t count, unsigned per_mille)
{
    size_t rank = (count * per_mille + 999) / 1000; /* how many samples must lie at or below */
    return sorted[rank > 0 ? rank - 1 : 0];
}

uint64_t distribution_bucket_low(uint64_t value, int detail)
{
    if (value == 0) {
        return 0;
    }
    int octave = 63 - __builtin_clzll(value);
    if (detail < 0) {
        int joined = octave >> -detail << -detail;
        return joined == 0 ? 0 : 1ull << joined;
    }
    if (octave <= detail) {
        return value;
    }
    return value >> (octave - detail) << (octave - detail);
}

size_t distribution_histogram(const uint64_t *sorted, size_t count, int detail, struct bucket *out,
                              size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t low = distribution_bucket_low(sorted[i], detail);
        if (used > 0 && out[used - 1].low == low) {
            out[used - 1].count++;
            continue;
        }
        if (used == room) {
            return 0;
        }
        out[used++] = (struct bucket){low, 1};
    }
    return used;
}
