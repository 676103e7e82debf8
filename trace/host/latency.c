/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace latency`: where the time of messages goes. Messages are grouped by path (client,
 * server, endpoint and way of travelling); for each group there is the distribution of the round
 * trip and of its stages (model.h says where they begin and end). All are differences of the same
 * nine time stamps in nanoseconds, so the stages of a message sum exactly to its round trip; it is
 * added up again for every message all the same, and mismatches are counted.
 *
 * Not counted: messages whose call, delivery or reply is not in the capture (`incomplete`), and
 * those that ended in an error (`aborted`).
 */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "samples.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

struct path {
    uint32_t client, server; /* thread indices */
    uint32_t endpoint;
    uint8_t way; /* enum trace_ipc_path */
    struct samples total;
    struct samples stages[STAGE_COUNT];
};

struct latency {
    struct model model;
    struct names names;
    struct path *paths;
    size_t path_count, path_capacity;
    struct id_table pairs; /* client and server -> number of the pair */
    struct id_table index; /* pair, way and endpoint -> index in paths */
    uint64_t messages, incomplete, aborted, mismatches, lost;
};

static struct path *path_of(struct latency *latency, const struct message *message)
{
    uint64_t key = (uint64_t)message->client << 32 | message->server;
    uint32_t pair = id_table_get(&latency->pairs, key), index;
    struct path *path;

    if (pair == ID_NONE) {
        pair = (uint32_t)latency->pairs.used;
        id_table_put(&latency->pairs, key, pair);
    }
    key = ((uint64_t)pair << 2 | (message->path & 3)) << 32 | message->endpoint;
    index = id_table_get(&latency->index, key);
    if (index == ID_NONE) {
        latency->paths = memory_grow(latency->paths, &latency->path_capacity,
                                     latency->path_count + 1, sizeof *latency->paths);
        index = (uint32_t)latency->path_count++;
        id_table_put(&latency->index, key, index);
        path = &latency->paths[index];
        *path = (struct path){.client = message->client,
                              .server = message->server,
                              .endpoint = message->endpoint,
                              .way = message->path};
    }
    return &latency->paths[index];
}

static void message_count(struct latency *latency, const struct message *message)
{
    int64_t total = (int64_t)(message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER]);
    int64_t sum = 0;
    struct path *path;

    if (message->one_way) {
        return; /* nothing comes back */
    }
    latency->messages++;
    if (message->aborted) {
        latency->aborted++;
        return;
    }
    if (!(message->seen & 1u << STAMP_DELIVER)) {
        latency->incomplete++;
        return;
    }
    path = path_of(latency, message);
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        int64_t stage = (int64_t)(message->stamps[i + 1] - message->stamps[i]);

        sum = (int64_t)((uint64_t)sum + (uint64_t)stage);
        samples_add(&path->stages[i], stage);
    }
    samples_add(&path->total, total);
    latency->mismatches += sum != total;
}

static bool messages_collect(struct latency *latency, const struct trace_file *file,
                             struct trace_error *error)
{
    struct trace_event event;
    struct reader reader;

    if (!reader_start(&reader, file, READER_EVENTS, error)) {
        return false;
    }
    while (reader_next(&reader, &event)) {
        struct model_change change = model_apply(&latency->model, &event);

        if (change.completed) {
            message_count(latency, change.message);
        }
    }
    for (size_t i = 0; i < latency->model.thread_capacity; i++) {
        if (latency->model.threads[i].message.open && !latency->model.threads[i].message.one_way) {
            latency->messages++;
            latency->incomplete++;
        }
    }
    latency->lost = reader.lost;
    reader_end(&reader);
    return !reader.failed;
}

static int compare_paths(const void *left, const void *right)
{
    const struct path *a = left, *b = right;

    return (a->total.count < b->total.count) - (a->total.count > b->total.count);
}

static const char *way_name(uint8_t way)
{
    return way < TRACE_IPC_PATH_COUNT ? trace_ipc_path_names[way] : "?";
}

static void thread_json(const struct latency *latency, const char *key, uint32_t index,
                        struct output *output)
{
    const struct thread_name *thread = &latency->names.threads[index];

    output_print(output, "\"%s\":{\"thread\":%u,\"process\":%u,\"name\":", key, thread->id,
                 thread->process);
    output_json_string(output, thread->name);
    output_print(output, "},");
}

static void path_json(const struct latency *latency, const struct path *path, struct output *output)
{
    output_print(output, "{");
    thread_json(latency, "client", path->client, output);
    thread_json(latency, "server", path->server, output);
    output_print(output, "\"endpoint\":%u,\"path\":\"%s\",", path->endpoint, way_name(path->way));
    samples_json(&path->total, output);
    output_print(output, ",\"stages\":{");
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        output_print(output, "%s\"%s\":{", i ? "," : "", stage_names[i]);
        samples_json(&path->stages[i], output);
        output_print(output, "}");
    }
    output_print(output, "}}");
}

static void report_json(const struct latency *latency, struct output *output)
{
    output_print(output,
                 "{\"unit\":\"ns\",\"messages\":%" PRIu64 ",\"incomplete\":%" PRIu64
                 ",\"aborted\":%" PRIu64 ",\"stage_sum_mismatches\":%" PRIu64
                 ",\"lost_events\":%" PRIu64 ",\"paths\":[",
                 latency->messages, latency->incomplete, latency->aborted, latency->mismatches,
                 latency->lost);
    for (size_t i = 0; i < latency->path_count; i++) {
        output_print(output, i ? ",\n" : "\n");
        path_json(latency, &latency->paths[i], output);
    }
    output_print(output, "]}\n");
}

static void row_text(const char *label, const struct samples *samples, struct output *output)
{
    output_print(output,
                 "  %-10s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64
                 " %9" PRId64 "\n",
                 label, samples_percentile(samples, 0), samples_percentile(samples, 500),
                 samples_percentile(samples, 900), samples_percentile(samples, 990),
                 samples_percentile(samples, 999), samples_percentile(samples, 1000));
}

static void report_text(const struct latency *latency, struct output *output)
{
    output_print(output,
                 "%" PRIu64 " messages, %" PRIu64 " incomplete, %" PRIu64 " aborted, %" PRIu64
                 " events lost; times in ns\n",
                 latency->messages, latency->incomplete, latency->aborted, latency->lost);
    for (size_t i = 0; i < latency->path_count; i++) {
        const struct path *path = &latency->paths[i];

        output_print(output, "\n%s -> %s, endpoint %u, %s, n = %zu\n",
                     latency->names.threads[path->client].name,
                     latency->names.threads[path->server].name, path->endpoint, way_name(path->way),
                     path->total.count);
        output_print(output, "  %-10s %9s %9s %9s %9s %9s %9s\n", "stage", "min", "p50", "p90",
                     "p99", "p99.9", "max");
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            row_text(stage_names[stage], &path->stages[stage], output);
        }
        row_text("round trip", &path->total, output);
    }
}

static void latency_free(struct latency *latency)
{
    for (size_t i = 0; i < latency->path_count; i++) {
        samples_free(&latency->paths[i].total);
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            samples_free(&latency->paths[i].stages[stage]);
        }
    }
    free(latency->paths);
    id_table_free(&latency->pairs);
    id_table_free(&latency->index);
    model_free(&latency->model);
    names_free(&latency->names);
}

bool latency_capture(const struct trace_file *file, bool json, struct output *output,
                     struct trace_error *error)
{
    struct latency latency = {0};
    bool done;

    if (!model_start(&latency.model, file, &latency.names, error)) {
        return false;
    }
    done = messages_collect(&latency, file, error);
    if (done) {
        if (latency.path_count) {
            qsort(latency.paths, latency.path_count, sizeof *latency.paths, compare_paths);
        }
        for (size_t i = 0; i < latency.path_count; i++) {
            samples_sort(&latency.paths[i].total);
            for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
                samples_sort(&latency.paths[i].stages[stage]);
            }
        }
        (json ? report_json : report_text)(&latency, output);
    }
    latency_free(&latency);
    return done;
}
