/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints what a loop measured: one line `@weft {json}` per benchmark. A line is one console_write,
 * so it must fit CONSOLE_LINE_MAX: the histogram is as detailed as the room allows.
 */
#include "bench.h"
#include "distribution.h"

#include "weft/print.h"
#include "weft/startup.h"
#include "weft/thread.h"

#define DETAIL_FINEST 7
#define DETAIL_COARSEST -3

/* Name ids in the trace; bench/host/weft/bench/agreement.py knows the numbers, too. */
#define TRACE_SAMPLES_OF 2
#define TRACE_SAMPLE 3

static _Bool add_statistics(struct weft_line *line, const char *name, const uint64_t *sorted,
                            uint64_t count)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = {{"min", 0},   {"p50", 500},  {"p90", 900},
                     {"p99", 990}, {"p999", 999}, {"max", 1000}};
    _Bool fits = weft_line_add(
        line, "@weft {\"record\":\"bench\",\"name\":\"%s\",\"unit\":\"cycles\",\"n\":%lu", name,
        count);
    for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        fits = fits && weft_line_add(line, ",\"%s\":%lu", quantiles[i].name,
                                     distribution_quantile(sorted, count, quantiles[i].per_mille));
    }
    return fits;
}

static _Bool add_histogram(struct weft_line *line, const uint64_t *sorted, uint64_t count,
                           int detail)
{
    struct bucket buckets[DISTRIBUTION_BUCKETS_MAX];
    size_t used = distribution_histogram(sorted, count, detail, buckets, DISTRIBUTION_BUCKETS_MAX);
    _Bool fits = used > 0 && weft_line_add(line, ",\"histogram\":[");
    for (size_t i = 0; i < used && fits; i++) {
        fits =
            weft_line_add(line, "%s[%lu,%lu]", i == 0 ? "" : ",", buckets[i].low, buckets[i].count);
    }
    return fits && weft_line_add(line, "]}");
}

void bench_report(const char *name, struct bench_loop *loop, const char *params)
{
    uint64_t *samples = loop->samples + bench_options.warmup;
    uint64_t count = loop->total - bench_options.warmup;
    struct weft_line line = {0};
    distribution_sort(samples, count);
    _Bool fits = add_statistics(&line, name, samples, count) &&
                 weft_line_add(
                     &line, ",\"params\":{\"warmup\":%lu,\"timestamp_cost\":%lu,\"thread\":%u%s%s}",
                     bench_options.warmup, bench_options.timestamp_cost, loop->thread_id,
                     params[0] != '\0' ? "," : "", params);
    size_t start = line.length;
    for (int detail = DETAIL_FINEST; fits && detail >= DETAIL_COARSEST; detail--) {
        if (add_histogram(&line, samples, count, detail)) {
            weft_line_print(&line);
            return;
        }
        line.length = start;
    }
    weft_fail("the record of %s does not fit a line", name);
}

void bench_report_calls(const char *name, const struct bench_loop *loop, uint32_t client_cpu,
                        uint32_t server_cpu)
{
    weft_print("@weft {\"record\":\"counts\",\"name\":\"%s\",\"thread\":%u,\"calls\":%lu,"
               "\"client_cpu\":%u,\"server_cpu\":%u}\n",
               name, loop->thread_id, loop->total, client_cpu, server_cpu);
}

void bench_trace_samples(const struct bench_loop *loop)
{
    struct weft_name first = weft_name_pack("samples of"), each = weft_name_pack("sample");
    (void)weft_trace_name(TRACE_SAMPLES_OF, first.words[0], first.words[1]);
    (void)weft_trace_name(TRACE_SAMPLE, each.words[0], each.words[1]);
    (void)weft_trace_user(TRACE_KIND_INSTANT, TRACE_SAMPLES_OF, loop->thread_id);
    for (uint64_t i = 0; i < loop->total; i++) {
        (void)weft_trace_user(TRACE_KIND_COUNTER, TRACE_SAMPLE, loop->samples[i]);
    }
}
