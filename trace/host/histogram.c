/* SPDX-License-Identifier: Apache-2.0
 *
 * Histograms of bounded size; see histogram.h. The hash table has room for twice the values that it
 * may hold, so look-ups stay short; a free slot has the count 0.
 */
#include "histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "memory.h"

#define CAPACITY_FIRST 16u
#define PRECISION_FIRST 14u /* bits kept when the values no longer fit: 1/8192 or better */

static int64_t value_cut(int64_t value, unsigned precision)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned bits = magnitude ? 64 - (unsigned)__builtin_clzll(magnitude) : 0;

    if (bits > precision) {
        magnitude = magnitude >> (bits - precision) << (bits - precision);
    }
    return value < 0 ? -(int64_t)magnitude : (int64_t)magnitude;
}

/* The highest value that falls into the bucket of this one. */
static int64_t value_top(int64_t value, unsigned precision)
{
    uint64_t magnitude = (uint64_t)value;
    unsigned bits = value > 0 ? 64 - (unsigned)__builtin_clzll(magnitude) : 0;

    return bits > precision ? (int64_t)(magnitude | ((1ull << (bits - precision)) - 1)) : value;
}

static void bucket_add(struct histogram *histogram, int64_t value, uint64_t count)
{
    size_t mask = histogram->capacity - 1;
    size_t slot = (size_t)((uint64_t)value * 0x9e3779b97f4a7c15ull >> 32) & mask;

    while (histogram->buckets[slot].count && histogram->buckets[slot].value != value) {
        slot = (slot + 1) & mask;
    }
    histogram->used += !histogram->buckets[slot].count;
    histogram->buckets[slot].value = value;
    histogram->buckets[slot].count += count;
}

static void histogram_rebuild(struct histogram *histogram, size_t capacity)
{
    struct bucket *old = histogram->buckets;
    size_t old_capacity = histogram->capacity;

    histogram->buckets = memory_new(capacity * sizeof *histogram->buckets);
    histogram->capacity = capacity;
    histogram->used = 0;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].count) {
            bucket_add(histogram, value_cut(old[i].value, histogram->precision), old[i].count);
        }
    }
    free(old);
}

/* Makes room for one more value. */
static void histogram_grow(struct histogram *histogram)
{
    if (histogram->capacity < 2 * HISTOGRAM_VALUES_MAX) {
        histogram_rebuild(histogram,
                          histogram->capacity ? histogram->capacity * 2 : CAPACITY_FIRST);
        return;
    }
    while (histogram->used > HISTOGRAM_VALUES_MAX / 2) {
        histogram->precision =
            histogram->precision == HISTOGRAM_EXACT ? PRECISION_FIRST : histogram->precision - 1;
        histogram_rebuild(histogram, histogram->capacity);
    }
}

static void add_many(struct histogram *histogram, int64_t value, uint64_t count)
{
    if (histogram->used * 2 >= histogram->capacity) {
        histogram_grow(histogram);
    }
    histogram->count += count;
    bucket_add(histogram, value_cut(value, histogram->precision), count);
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    if (!histogram->count) {
        histogram->min = histogram->max = value;
        histogram->precision = HISTOGRAM_EXACT;
    }
    histogram->sum = (int64_t)((uint64_t)histogram->sum + (uint64_t)value);
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
    add_many(histogram, value, 1);
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    if (!from->count) {
        return;
    }
    if (!histogram->count) {
        histogram->min = from->min;
        histogram->max = from->max;
        histogram->precision = HISTOGRAM_EXACT;
    }
    histogram->precision =
        from->precision < histogram->precision ? from->precision : histogram->precision;
    histogram->sum = (int64_t)((uint64_t)histogram->sum + (uint64_t)from->sum);
    histogram->min = from->min < histogram->min ? from->min : histogram->min;
    histogram->max = from->max > histogram->max ? from->max : histogram->max;
    for (size_t i = 0; i < from->used; i++) {
        add_many(histogram, from->buckets[i].value, from->buckets[i].count);
    }
}

static int compare(const void *left, const void *right)
{
    const struct bucket *a = left, *b = right;

    return (a->value > b->value) - (a->value < b->value);
}

void histogram_finish(struct histogram *histogram)
{
    size_t kept = 0;

    for (size_t i = 0; i < histogram->capacity; i++) {
        if (histogram->buckets[i].count) {
            histogram->buckets[kept++] = histogram->buckets[i];
        }
    }
    histogram->capacity = kept;
    if (kept) {
        qsort(histogram->buckets, kept, sizeof *histogram->buckets, compare);
    }
}

/* The value of a bucket as it is shown. */
static int64_t bucket_value(const struct histogram *histogram, size_t index)
{
    int64_t value = value_top(histogram->buckets[index].value, histogram->precision);

    return value < histogram->max ? value : histogram->max;
}

int64_t histogram_percentile(const struct histogram *histogram, unsigned permille)
{
    uint64_t rank = (uint64_t)(((unsigned __int128)histogram->count * permille + 999) / 1000);
    uint64_t below = 0;

    if (!histogram->count || rank <= 1) {
        return histogram->count ? histogram->min : 0;
    }
    for (size_t i = 0; i < histogram->used; i++) {
        below += histogram->buckets[i].count;
        if (below >= rank) {
            return bucket_value(histogram, i);
        }
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}

void histogram_json(const struct histogram *histogram, struct output *output)
{
    output_print(output,
                 "\"n\":%" PRIu64 ",\"min\":%" PRId64 ",\"p50\":%" PRId64 ",\"p90\":%" PRId64
                 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"max\":%" PRId64 ",\"sum\":%" PRId64
                 ",\"mean\":%.1f",
                 histogram->count, histogram->count ? histogram->min : 0,
                 histogram_percentile(histogram, 500), histogram_percentile(histogram, 900),
                 histogram_percentile(histogram, 990), histogram_percentile(histogram, 999),
                 histogram->count ? histogram->max : 0, histogram->sum, histogram_mean(histogram));
}

static double histogram_deviation(const struct histogram *histogram)
{
    double mean = histogram_mean(histogram), squares = 0;

    for (size_t i = 0; i < histogram->used; i++) {
        double distance = (double)histogram->buckets[i].value - mean;

        squares += distance * distance * (double)histogram->buckets[i].count;
    }
    return histogram->count ? sqrt(squares / (double)histogram->count) : 0;
}

/* How far it is to the next line: a fifth of the way to half of what is left, in percent. */
static double tick(double level)
{
    return 100 / (5 * exp2(floor(log(100 / (100 - level)) / log(2)) + 1));
}

/* The percentile iteration of HdrHistogram, with five ticks to each halving of the distance to 100 %: a
 * line says up to which value one must go to have that part of all, and how many these are. The last
 * value comes twice, the second time as 100 %. */
void histogram_hgrm(const struct histogram *histogram, struct output *output)
{
    double level = 0, total = (double)histogram->count;
    uint64_t reached = 0;
    size_t next = 0;

    output_print(output, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                 "1/(1-Percentile)");
    while (reached < histogram->count) {
        while (next < histogram->used && (!next || 100 * (double)reached / total < level)) {
            reached += histogram->buckets[next++].count;
        }
        output_print(output, "%12.3f %2.12f %10" PRIu64 " %14.2f\n",
                     (double)bucket_value(histogram, next - 1), level / 100, reached,
                     1 / (1 - level / 100));
        level += tick(level);
    }
    if (reached) {
        output_print(output, "%12.3f %2.12f %10" PRIu64 "\n", (double)histogram->max, 1.0, reached);
    }
    output_print(output, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                 histogram_mean(histogram), histogram_deviation(histogram));
    output_print(output, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
                 (double)histogram->max, histogram->count);
    output_print(output, "#[Buckets = %12zu, SubBuckets     = %12u]\n", histogram->used,
                 histogram->precision == HISTOGRAM_EXACT ? HISTOGRAM_VALUES_MAX
                                                         : 1u << histogram->precision);
}

void histogram_free(struct histogram *histogram)
{
    free(histogram->buckets);
    *histogram = (struct histogram){0};
}
