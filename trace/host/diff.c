/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace diff A B`: what changed from one capture to another. Paths, threads and counters are matched
 * by name, since ids differ from boot to boot; those of one name are taken together. A distribution counts
 * as changed when the rank-sum test would see such a shift by chance less than once in a thousand times
 * and a percentile moved by at least a hundredth.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "latency.h"
#include "significance.h"
#include "stat.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define P_SURE 0.001
#define CHANGE_SURE 0.01

/* A distribution of both captures under one name. */
struct pair {
    char label[160];
    bool stage; /* of messages */
    struct histogram sides[2];
};

/* A sum of both captures under one name. */
struct counter {
    char label[160];
    uint64_t sides[2];
};

struct diff {
    struct pair *pairs;
    size_t pair_count, pair_capacity;
    struct counter *counters;
    size_t counter_count, counter_capacity;
    bool json;
};

static struct pair *diff_histogram(struct diff *diff, unsigned side, const char *label,
                                   const struct histogram *from)
{
    size_t i = 0;

    while (i < diff->pair_count && strcmp(diff->pairs[i].label, label) != 0) {
        i++;
    }
    if (i == diff->pair_count) {
        diff->pairs = memory_grow(diff->pairs, &diff->pair_capacity, i + 1, sizeof *diff->pairs);
        snprintf(diff->pairs[i].label, sizeof diff->pairs[i].label, "%s", label);
        diff->pair_count++;
    }
    histogram_merge(&diff->pairs[i].sides[side], from);
    return &diff->pairs[i];
}

static void diff_counter(struct diff *diff, unsigned side, const char *label, uint64_t value)
{
    size_t i = 0;

    while (i < diff->counter_count && strcmp(diff->counters[i].label, label) != 0) {
        i++;
    }
    if (i == diff->counter_count) {
        diff->counters =
            memory_grow(diff->counters, &diff->counter_capacity, i + 1, sizeof *diff->counters);
        snprintf(diff->counters[i].label, sizeof diff->counters[i].label, "%s", label);
        diff->counter_count++;
    }
    diff->counters[i].sides[side] += value;
}

/* ---- what is compared -------------------------------------------------------------------------- */

static void thread_label(const struct names *names, uint32_t index, char *text, size_t size)
{
    uint32_t process = id_table_get(&names->process_index, names->threads[index].process);

    snprintf(text, size, "%s/%s", process == ID_NONE ? "?" : names->processes[process].name,
             names->threads[index].name);
}

static bool take_latency(struct diff *diff, unsigned side, const struct trace_file *file,
                         struct trace_error *error)
{
    struct latency *latency = memory_new(sizeof *latency);
    char client[64], server[64], label[160];

    if (!latency_collect(latency, file, 0, error)) {
        free(latency);
        return false;
    }
    for (size_t i = 0; i < latency->path_count; i++) {
        const struct latency_path *path = &latency->paths[i];

        thread_label(&latency->names, path->client, client, sizeof client);
        thread_label(&latency->names, path->server, server, sizeof server);
        for (unsigned stage = 0; stage <= latency_last_stage(path); stage++) {
            snprintf(label, sizeof label, "%.60s -> %.60s %s %s", client, server,
                     latency_way(path->way), stage_names[stage]);
            diff_histogram(diff, side, label, &path->stages[stage])->stage = true;
        }
        snprintf(label, sizeof label, "%.60s -> %.60s %s %s", client, server,
                 latency_way(path->way), path->one_way ? "delivery" : "round trip");
        diff_histogram(diff, side, label, &path->total);
    }
    diff_counter(diff, side, "messages aborted", latency->aborted);
    latency_free(latency);
    free(latency);
    return true;
}

static void take_thread(struct diff *diff, unsigned side, const struct statistics *stat,
                        uint32_t index)
{
    const struct thread_stat *thread = &stat->threads[index];
    char name[64], label[160];

    thread_label(&stat->names, index, name, sizeof name);
    snprintf(label, sizeof label, "%s waits for a CPU", name);
    diff_histogram(diff, side, label, &thread->waits);
    snprintf(label, sizeof label, "%s running (ns)", name);
    diff_counter(diff, side, label, thread->running);
    snprintf(label, sizeof label, "%s ready (ns)", name);
    diff_counter(diff, side, label, thread->runnable);
    snprintf(label, sizeof label, "%s messages", name);
    diff_counter(diff, side, label, thread->calls + thread->sends);
}

static bool take_statistics(struct diff *diff, unsigned side, const struct trace_file *file,
                            struct trace_error *error)
{
    struct statistics *stat = memory_new(sizeof *stat);
    char label[160];

    if (!stat_collect(stat, file, error)) {
        free(stat);
        return false;
    }
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        take_thread(diff, side, stat, i);
    }
    for (unsigned i = 1; i < 256; i++) {
        if (stat->counts[i]) {
            snprintf(label, sizeof label, "events %s", trace_events[i].name);
            diff_counter(diff, side, label, stat->counts[i]);
        }
    }
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        diff_counter(diff, side, "all CPUs busy (ns)", stat->cpus[i].busy);
        diff_counter(diff, side, "all CPUs idle (ns)", stat->cpus[i].idle);
        diff_counter(diff, side, "all CPUs in interrupts (ns)", stat->cpus[i].irq);
        diff_counter(diff, side, "events lost", stat->cpus[i].lost);
    }
    diff_counter(diff, side, "length (ns)", stat->last - stat->first);
    stat_free(stat);
    free(stat);
    return true;
}

/* What the counters that programs keep themselves have counted: all values, by name. */
struct user_counters {
    struct model model;
    struct names names;
    struct histogram *values; /* parallel to names.strings */
    size_t capacity;
};

static bool user_counters_read(struct user_counters *counters, const struct trace_file *file,
                               struct trace_error *error)
{
    struct trace_event event;
    struct reader reader;

    if (!reader_start(&reader, file, READER_EVENTS, error)) {
        return false;
    }
    while (reader_next(&reader, &event)) {
        struct model_change change = model_apply(&counters->model, &event);
        uint32_t index;

        if (event.id != TRACE_EVENT_USER_COUNTER || change.actor == ID_NONE) {
            continue;
        }
        index = names_string(&counters->names, counters->names.threads[change.actor].process,
                             event_a(&event));
        counters->values = memory_grow(counters->values, &counters->capacity, (size_t)index + 1,
                                       sizeof *counters->values);
        histogram_add(&counters->values[index], (int32_t)event_b(&event));
    }
    reader_end(&reader);
    return !reader.failed;
}

static bool take_user_counters(struct diff *diff, unsigned side, const struct trace_file *file,
                               struct trace_error *error)
{
    struct user_counters *counters = memory_new(sizeof *counters);
    char label[160];
    bool done = false;

    if (model_start(&counters->model, file, &counters->names, error)) {
        done = user_counters_read(counters, file, error);
        for (size_t i = 0; i < counters->capacity; i++) {
            if (done && counters->values[i].count) {
                const struct string_name *string = &counters->names.strings[i];
                uint32_t process = names_process(&counters->names, string->process);

                snprintf(label, sizeof label, "%.60s counts %.60s",
                         counters->names.processes[process].name, string->name);
                histogram_finish(&counters->values[i]);
                diff_histogram(diff, side, label, &counters->values[i]);
            }
            histogram_free(&counters->values[i]);
        }
        free(counters->values);
        model_free(&counters->model);
        names_free(&counters->names);
    }
    free(counters);
    return done;
}

/* ---- the report -------------------------------------------------------------------------------- */

static double change(double a, double b)
{
    return a == b ? 0 : a == 0 ? INFINITY : (b - a) / fabs(a);
}

static bool pair_changed(const struct pair *pair, const struct comparison *comparison)
{
    const struct histogram *a = &pair->sides[0], *b = &pair->sides[1];
    double most = 0;

    if (!a->count || !b->count) {
        return false;
    }
    for (unsigned permille = 500; permille <= 990; permille += permille == 500 ? 400 : 90) {
        most = fmax(most, fabs(change((double)histogram_percentile(a, permille),
                                      (double)histogram_percentile(b, permille))));
    }
    return comparison->p < P_SURE && most >= CHANGE_SURE;
}

/* "a" or "b" if only that one has it, else null. */
static const char *pair_only(const struct pair *pair)
{
    return !pair->sides[0].count == !pair->sides[1].count ? NULL : pair->sides[0].count ? "a" : "b";
}

static void pair_json(const struct pair *pair, const struct comparison *comparison,
                      const char *separator, struct output *output)
{
    const char *only = pair_only(pair);

    output_print(output, "%s{\"name\":", separator);
    output_json_string(output, pair->label);
    output_print(output, only ? ",\"only\":\"%s\"" : ",\"only\":null", only);
    output_print(output, ",\"changed\":%s,\"p\":%.3g,\"greater\":%.4f,\"a\":{",
                 pair_changed(pair, comparison) ? "true" : "false", comparison->p,
                 comparison->greater);
    histogram_json(&pair->sides[0], output);
    output_print(output, "},\"b\":{");
    histogram_json(&pair->sides[1], output);
    output_print(output, "}}");
}

static void percent_text(double part, char *text, size_t size)
{
    snprintf(text, size, isinf(part) ? "new" : "%+.1f%%", part * 100);
}

static void pair_text(const struct pair *pair, const struct comparison *comparison,
                      struct output *output)
{
    const struct histogram *a = &pair->sides[0], *b = &pair->sides[1];
    int64_t a50 = histogram_percentile(a, 500), b50 = histogram_percentile(b, 500);
    int64_t a99 = histogram_percentile(a, 990), b99 = histogram_percentile(b, 990);
    char p50[24], p99[24];

    percent_text(change((double)a50, (double)b50), p50, sizeof p50);
    percent_text(change((double)a99, (double)b99), p99, sizeof p99);
    output_print(output,
                 "%-64s %8" PRIu64 " %8" PRIu64 " %9" PRId64 " %9" PRId64 " %8s %9" PRId64
                 " %9" PRId64 " %8s %8.2g %5.2f\n",
                 pair->label, a->count, b->count, a50, b50, p50, a99, b99, p99, comparison->p,
                 comparison->greater);
}

static void pairs_report(const struct diff *diff, struct output *output)
{
    const char *separator = "\n";
    size_t same = 0;

    for (size_t i = 0; i < diff->pair_count; i++) {
        struct pair *pair = &diff->pairs[i];
        struct comparison comparison;

        comparison = histograms_compare(&pair->sides[0], &pair->sides[1]);
        if (diff->json) {
            pair_json(pair, &comparison, separator, output);
            separator = ",\n";
        } else if (pair_changed(pair, &comparison)) {
            pair_text(pair, &comparison, output);
        } else {
            same += !pair_only(pair);
        }
    }
    if (!diff->json) {
        output_print(output, "%zu more have not changed\n", same);
    }
}

/* What has no partner to be compared with. Stages are not told by themselves. */
static void only_report(const struct diff *diff, struct output *output)
{
    for (const char *side = "a"; side; side = *side == 'a' ? "b" : NULL) {
        bool first = true;

        for (size_t i = 0; i < diff->pair_count; i++) {
            const struct pair *pair = &diff->pairs[i];
            const char *only = pair_only(pair);

            if (only && *only == *side && !pair->stage) {
                if (first) {
                    output_print(output, "\nonly in %c\n", *side - 'a' + 'A');
                }
                output_print(output, "%-64s %8" PRIu64 "\n", pair->label,
                             pair->sides[*side - 'a'].count);
                first = false;
            }
        }
    }
}

static void counters_report(const struct diff *diff, struct output *output)
{
    const char *separator = "\n";
    char text[24];

    for (size_t i = 0; i < diff->counter_count; i++) {
        const struct counter *counter = &diff->counters[i];
        double part = change((double)counter->sides[0], (double)counter->sides[1]);

        if (diff->json) {
            output_print(output, "%s{\"name\":", separator);
            output_json_string(output, counter->label);
            output_print(output, ",\"a\":%" PRIu64 ",\"b\":%" PRIu64 "}", counter->sides[0],
                         counter->sides[1]);
            separator = ",\n";
        } else if (fabs(part) >= CHANGE_SURE) {
            percent_text(part, text, sizeof text);
            output_print(output, "%-64s %14" PRIu64 " %14" PRIu64 " %8s\n", counter->label,
                         counter->sides[0], counter->sides[1], text);
        }
    }
}

static void diff_report(const struct diff *diff, struct output *output)
{
    if (diff->json) {
        output_print(output, "{\"unit\":\"ns\",\"distributions\":[");
        pairs_report(diff, output);
        output_print(output, "],\n\"counters\":[");
        counters_report(diff, output);
        output_print(output, "]}\n");
        return;
    }
    output_print(output, "%-64s %8s %8s %9s %9s %8s %9s %9s %8s %8s %5s\n",
                 "distributions that changed (ns)", "n A", "n B", "p50 A", "p50 B", "", "p99 A",
                 "p99 B", "", "p", "B>A");
    pairs_report(diff, output);
    only_report(diff, output);
    output_print(output, "\n%-64s %14s %14s\n", "sums that changed by 1 % or more", "A", "B");
    counters_report(diff, output);
}

bool diff_captures(const struct trace_file *a, const struct trace_file *b, bool json,
                   struct output *output, struct trace_error *error)
{
    const struct trace_file *files[2] = {a, b};
    struct diff diff = {.json = json};
    bool done = true;

    for (unsigned side = 0; side < 2 && done; side++) {
        done = take_latency(&diff, side, files[side], error) &&
               take_statistics(&diff, side, files[side], error) &&
               take_user_counters(&diff, side, files[side], error);
    }
    for (size_t i = 0; i < diff.pair_count; i++) {
        histogram_finish(&diff.pairs[i].sides[0]);
        histogram_finish(&diff.pairs[i].sides[1]);
    }
    if (done) {
        diff_report(&diff, output);
    }
    for (size_t i = 0; i < diff.pair_count; i++) {
        histogram_free(&diff.pairs[i].sides[0]);
        histogram_free(&diff.pairs[i].sides[1]);
    }
    free(diff.pairs);
    free(diff.counters);
    return done;
}
