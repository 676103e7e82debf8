/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact percentiles; see samples.h.
 */
#include "samples.h"

#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"

void samples_add(struct samples *samples, int64_t value)
{
    if (samples->count == samples->capacity) {
        samples->values = memory_grow(samples->values, &samples->capacity, samples->count + 1,
                                      sizeof *samples->values);
    }
    samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

void samples_sort(struct samples *samples)
{
    if (samples->count) {
        qsort(samples->values, samples->count, sizeof *samples->values, compare);
    }
}

int64_t samples_percentile(const struct samples *samples, unsigned permille)
{
    size_t rank = (samples->count * permille + 999) / 1000;

    if (!samples->count) {
        return 0;
    }
    return samples->values[rank ? rank - 1 : 0];
}

void samples_json(const struct samples *samples, struct output *output)
{
    output_print(output,
                 "\"n\":%zu,\"min\":%" PRId64 ",\"p50\":%" PRId64 ",\"p90\":%" PRId64
                 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"max\":%" PRId64,
                 samples->count, samples_percentile(samples, 0), samples_percentile(samples, 500),
                 samples_percentile(samples, 900), samples_percentile(samples, 990),
                 samples_percentile(samples, 999), samples_percentile(samples, 1000));
}

void samples_free(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}
