/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of durations and its percentiles. All samples are kept, eight bytes each, so percentiles
 * are exact: the p-th is the smallest sample that at least p per cent of all do not exceed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "output.h"

struct samples {
    int64_t *values;
    size_t count, capacity;
};

void samples_add(struct samples *samples, int64_t value);
void samples_sort(struct samples *samples);
/* Of sorted samples; `permille` 500 is the median. 0 when there are none. */
int64_t samples_percentile(const struct samples *samples, unsigned permille);
/* Of sorted samples: "n":..,"min":..,"p50":..,"p90":..,"p99":..,"p999":..,"max":.. */
void samples_json(const struct samples *samples, struct output *output);
void samples_free(struct samples *samples);
