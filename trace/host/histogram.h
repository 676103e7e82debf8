/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of durations as a histogram of bounded size. As long as there are at most
 * HISTOGRAM_VALUES_MAX different values, each has a bucket of its own and percentiles are exact: the
 * p-th is the smallest value that at least p per cent of all do not exceed. When there are more, values
 * lose low bits until they fit, as in an HDR histogram: what is left is `precision` significant bits,
 * and a percentile is then the highest value of its bucket, never above the largest that was added.
 *
 *     histogram_add(&histogram, value) ...
 *     histogram_finish(&histogram);                 // sorts; nothing is added any more
 *     histogram_percentile(&histogram, 500);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "output.h"

#define HISTOGRAM_VALUES_MAX 8192u
#define HISTOGRAM_EXACT 64u

struct bucket {
    int64_t value; /* the lowest in magnitude */
    uint64_t count;
};

struct histogram {
    struct bucket *buckets; /* a hash table; after histogram_finish() a sorted array */
    size_t capacity, used;
    uint64_t count;
    int64_t min, max, sum;
    unsigned precision; /* significant bits that are kept; 0 before the first value */
};

void histogram_add(struct histogram *histogram, int64_t value);
/* Adds all of a finished histogram to one that is not. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);
void histogram_finish(struct histogram *histogram);
/* Of a finished histogram; `permille` 500 is the median. 0 when there are no values. */
int64_t histogram_percentile(const struct histogram *histogram, unsigned permille);
double histogram_mean(const struct histogram *histogram);
/* Of a finished one: "n":..,"min":..,"p50":..,"p90":..,"p99":..,"p999":..,"max":..,"mean":.. */
void histogram_json(const struct histogram *histogram, struct output *output);
/* Of a finished one: percentiles in the form that HdrHistogram's plotter reads. */
void histogram_hgrm(const struct histogram *histogram, struct output *output);
void histogram_free(struct histogram *histogram);
