/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `weft-trace latency`, as text, as JSON, and as a percentile file for each path.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "latency.h"

/* ---- JSON -------------------------------------------------------------------------------------- */

static void thread_json(const struct latency *latency, const char *key, uint32_t index,
                        struct output *output)
{
    const struct thread_name *thread;

    if (index == ID_NONE) {
        output_print(output, "\"%s\":null,", key);
        return;
    }
    thread = &latency->names.threads[index];
    output_print(output, "\"%s\":{\"thread\":%u,\"process\":%u,\"name\":", key, thread->id,
                 thread->process);
    output_json_string(output, thread->name);
    output_print(output, "},");
}

static void path_json(const struct latency *latency, const struct latency_path *path,
                      struct output *output)
{
    output_print(output, "{");
    thread_json(latency, "client", path->client, output);
    thread_json(latency, "server", path->server, output);
    output_print(output, "\"endpoint\":%u,\"path\":\"%s\",\"slowest_at\":%" PRIu64 ",",
                 path->endpoint, latency_way(path->way), path->slowest_at);
    histogram_json(&path->total, output);
    output_print(output, ",\"stages\":{");
    for (unsigned i = 0; i <= latency_last_stage(path); i++) {
        output_print(output, "%s\"%s\":{", i ? "," : "", stage_names[i]);
        histogram_json(&path->stages[i], output);
        output_print(output, "}");
    }
    output_print(output, "}}");
}

static void paths_json(const struct latency *latency, bool one_way, struct output *output)
{
    const char *separator = "\n";

    for (size_t i = 0; i < latency->path_count; i++) {
        if (latency->paths[i].one_way == one_way) {
            output_print(output, "%s", separator);
            path_json(latency, &latency->paths[i], output);
            separator = ",\n";
        }
    }
}

static void obstacle_json(const struct latency *latency, const struct obstacle *obstacle,
                          struct output *output)
{
    output_print(output, "{\"kind\":\"%s\",\"stage\":\"%s\",\"cpu\":%u,",
                 obstacle_kind_names[obstacle->kind], stage_names[obstacle->stage], obstacle->cpu);
    if (obstacle->kind == OBSTACLE_INTERRUPT) {
        output_print(output, "\"vector\":%u,", obstacle->who);
    } else {
        thread_json(latency, "thread", obstacle->who, output);
    }
    output_print(output, "\"time\":%" PRIu64 ",\"length\":%" PRIu64 "}", obstacle->time,
                 obstacle->length);
}

static void slow_json(const struct latency *latency, const struct slow_message *slow,
                      struct output *output)
{
    const struct message *message = &slow->message;

    output_print(output, "{\"message\":%u,", message->id);
    thread_json(latency, "client", message->client, output);
    thread_json(latency, "server", message->server, output);
    output_print(output, "\"endpoint\":%u,\"path\":\"%s\",\"start\":%" PRIu64 ",\"end\":%" PRIu64,
                 message->endpoint, latency_way(message->path), message->stamps[STAMP_ENTER],
                 message->stamps[STAMP_RESUME]);
    output_print(output, ",\"total\":%" PRId64 ",\"stages\":{",
                 (int64_t)(message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER]));
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        output_print(output, "%s\"%s\":%" PRId64, i ? "," : "", stage_names[i],
                     (int64_t)(message->stamps[i + 1] - message->stamps[i]));
    }
    output_print(output, "},\"obstacles\":[");
    for (unsigned i = 0; i < slow->obstacle_count; i++) {
        output_print(output, i ? "," : "");
        obstacle_json(latency, &slow->obstacles[i], output);
    }
    output_print(output, "]}");
}

void latency_json(struct latency *latency, struct output *output)
{
    output_print(output,
                 "{\"unit\":\"ns\",\"messages\":%" PRIu64 ",\"one_way\":%" PRIu64
                 ",\"incomplete\":%" PRIu64 ",\"aborted\":%" PRIu64,
                 latency->messages, latency->one_way, latency->incomplete, latency->aborted);
    output_print(output, ",\"stage_sum_mismatches\":%" PRIu64 ",\"lost_events\":%" PRIu64 ",",
                 latency->mismatches, latency->lost);
    output_print(output, "\"paths\":[");
    paths_json(latency, false, output);
    output_print(output, "],\n\"sends\":[");
    paths_json(latency, true, output);
    output_print(output, "],\n\"slowest\":[");
    for (size_t i = 0; i < latency->slowest_count; i++) {
        output_print(output, i ? ",\n" : "\n");
        slow_json(latency, &latency->slowest[i], output);
    }
    output_print(output, "],\n\"obstacles\":[");
    for (size_t i = 0; i < latency->sum_count; i++) {
        const struct obstacle_sum *sum = &latency->sums[i];

        output_print(output, "%s{\"messages\":%" PRIu64 ",\"length\":%" PRIu64 ",\"worst\":",
                     i ? ",\n" : "\n", sum->messages, sum->length);
        obstacle_json(latency, &sum->worst, output);
        output_print(output, "}");
    }
    output_print(output, "]}\n");
}

/* ---- text -------------------------------------------------------------------------------------- */

static void row_text(const char *label, const struct histogram *histogram, struct output *output)
{
    output_print(output,
                 "  %-10s %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64
                 " %9" PRId64 "\n",
                 label, histogram->count ? histogram->min : 0, histogram_percentile(histogram, 500),
                 histogram_percentile(histogram, 900), histogram_percentile(histogram, 990),
                 histogram_percentile(histogram, 999), histogram->count ? histogram->max : 0);
}

static void path_text(const struct latency *latency, const struct latency_path *path,
                      struct output *output)
{
    const struct thread_name *client = &latency->names.threads[path->client],
                             *server = &latency->names.threads[path->server];

    output_print(
        output,
        "\n%s (%u) -> %s (%u), endpoint %u, %s%s, n = %" PRIu64 ", slowest at %" PRIu64 "\n",
        client->name, client->id, server->name, server->id, path->endpoint, latency_way(path->way),
        path->one_way ? ", one way" : "", path->total.count, path->slowest_at);
    output_print(output, "  %-10s %9s %9s %9s %9s %9s %9s\n", "stage", "min", "p50", "p90", "p99",
                 "p99.9", "max");
    for (unsigned stage = 0; stage <= latency_last_stage(path); stage++) {
        row_text(stage_names[stage], &path->stages[stage], output);
    }
    row_text(path->one_way ? "delivery" : "round trip", &path->total, output);
}

static void slow_text(const struct latency *latency, const struct slow_message *slow,
                      struct output *output)
{
    const struct message *message = &slow->message;
    unsigned longest = 0;
    char text[96];

    for (unsigned i = 1; i < STAGE_COUNT; i++) {
        if (message->stamps[i + 1] - message->stamps[i] >
            message->stamps[longest + 1] - message->stamps[longest]) {
            longest = i;
        }
    }
    output_print(
        output, "  %9" PRIu64 " at %" PRIu64 ": %s -> %s, message 0x%x, most in %s (%" PRIu64 ")\n",
        message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER], message->stamps[STAMP_ENTER],
        latency->names.threads[message->client].name, latency->names.threads[message->server].name,
        message->id, stage_names[longest], message->stamps[longest + 1] - message->stamps[longest]);
    for (unsigned i = 0; i < slow->obstacle_count; i++) {
        const struct obstacle *obstacle = &slow->obstacles[i];

        obstacle_text(&latency->names, obstacle, text, sizeof text);
        output_print(output, "            %" PRIu64 " in %s: %s on cpu %u from %" PRIu64 "\n",
                     obstacle->length, stage_names[obstacle->stage], text, obstacle->cpu,
                     obstacle->time);
    }
}

void latency_text(struct latency *latency, struct output *output)
{
    char text[96];

    output_print(output,
                 "%" PRIu64 " messages (%" PRIu64 " one way), %" PRIu64 " incomplete, %" PRIu64
                 " aborted, %" PRIu64 " events lost; times in ns\n",
                 latency->messages, latency->one_way, latency->incomplete, latency->aborted,
                 latency->lost);
    for (size_t i = 0; i < latency->path_count; i++) {
        path_text(latency, &latency->paths[i], output);
    }
    if (latency->slowest_count) {
        output_print(output, "\nslowest round trips\n");
    }
    for (size_t i = 0; i < latency->slowest_count; i++) {
        slow_text(latency, &latency->slowest[i], output);
    }
    if (latency->sum_count) {
        output_print(output, "\nwhat stood in the way\n");
    }
    for (size_t i = 0; i < latency->sum_count; i++) {
        const struct obstacle_sum *sum = &latency->sums[i];

        obstacle_text(&latency->names, &sum->worst, text, sizeof text);
        output_print(output,
                     "  %s: %" PRIu64 " messages, %" PRIu64 " in all, at most %" PRIu64
                     " (in %s, cpu %u, from %" PRIu64 ")\n",
                     text, sum->messages, sum->length, sum->worst.length,
                     stage_names[sum->worst.stage], sum->worst.cpu, sum->worst.time);
    }
}

/* ---- percentile files -------------------------------------------------------------------------- */

/* A name as part of a file's name. */
static void plain_name(const char *name, char *text, size_t size)
{
    size_t used = 0;

    for (; *name && used + 1 < size; name++) {
        text[used++] = (char)(isalnum((unsigned char)*name) ? *name : '-');
    }
    text[used] = '\0';
}

bool latency_hgrm(const struct latency *latency, const char *folder, struct trace_error *error)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return trace_fail(error, "%s: %s", folder, strerror(errno));
    }
    for (size_t i = 0; i < latency->path_count; i++) {
        const struct latency_path *path = &latency->paths[i];
        char client[NAME_MAX_BYTES], server[NAME_MAX_BYTES], file[900];
        struct output output;

        plain_name(latency->names.threads[path->client].name, client, sizeof client);
        plain_name(latency->names.threads[path->server].name, server, sizeof server);
        snprintf(file, sizeof file, "%s/%zu-%s-%s-%s%s.hgrm", folder, i + 1, client, server,
                 latency_way(path->way), path->one_way ? "-one-way" : "");
        if (!output_open(&output, file, error)) {
            return false;
        }
        histogram_hgrm(&path->total, &output);
        if (!output_close(&output, true, error)) {
            return false;
        }
    }
    return true;
}
