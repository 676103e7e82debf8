/* SPDX-License-Identifier: Apache-2.0
 *
 * From samples to what is published: order statistics and a histogram. Integers only, nothing but
 * memory: unit-tested on the host.
 *
 * The histogram is log-linear: every power of two is cut into 2^detail equal buckets, so that a
 * bucket's width is at most its lower bound / 2^detail; below 2^detail every value has its own. A
 * negative detail joins 2^-detail powers of two.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DISTRIBUTION_BUCKETS_MAX 64

struct bucket {
    uint64_t low;
    uint64_t count;
};

/* Sorts ascending, in place. */
void distribution_sort(uint64_t *samples, size_t count);

/* The smallest sample that at least `per_mille` thousandths of all do not exceed. Sorted, count > 0. */
uint64_t distribution_quantile(const uint64_t *sorted, size_t count, unsigned per_mille);

/* Lower bound of the bucket that holds `value`. */
uint64_t distribution_bucket_low(uint64_t value, int detail);

/* The non-empty buckets, ascending; their number, or 0 where more than `room` would be needed. */
size_t distribution_histogram(const uint64_t *sorted, size_t count, int detail, struct bucket *out,
                              size_t room);
