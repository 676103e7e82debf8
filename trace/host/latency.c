/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace latency`: the pass over a capture. All stages are differences of the same nine time stamps
 * in nanoseconds, so the stages of a message sum exactly to the whole; it is added up again for every
 * message all the same, and mismatches are counted.
 *
 * Not among the paths: messages whose call, delivery or reply is not in the capture (`incomplete`), and
 * those that ended in an error (`aborted`).
 */
#include "latency.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

unsigned latency_last_stage(const struct latency_path *path)
{
    return path->one_way ? STAMP_DELIVER - 1 : STAGE_COUNT - 1;
}

const char *latency_way(uint8_t way)
{
    return way < TRACE_IPC_PATH_COUNT ? trace_ipc_path_names[way] : "?";
}

static struct latency_path *path_of(struct latency *latency, const struct message *message)
{
    uint64_t key = (uint64_t)message->client << 32 | message->server;
    uint32_t pair = id_table_get(&latency->pairs, key), index;
    uint64_t kind = (uint64_t)(message->path & 3) << 1 | message->one_way;

    if (pair == ID_NONE) {
        pair = (uint32_t)latency->pairs.used;
        id_table_put(&latency->pairs, key, pair);
    }
    key = ((uint64_t)pair << 3 | kind) << 32 | message->endpoint;
    index = id_table_get(&latency->index, key);
    if (index == ID_NONE) {
        latency->paths = memory_grow(latency->paths, &latency->path_capacity,
                                     latency->path_count + 1, sizeof *latency->paths);
        index = (uint32_t)latency->path_count++;
        id_table_put(&latency->index, key, index);
        latency->paths[index] = (struct latency_path){.client = message->client,
                                                      .server = message->server,
                                                      .endpoint = message->endpoint,
                                                      .way = message->path,
                                                      .one_way = message->one_way};
    }
    return &latency->paths[index];
}

/* ---- the slowest, and what was in the way ------------------------------------------------------ */

static uint64_t message_total(const struct message *message)
{
    return message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER];
}

/* Keeps the list sorted; it is short. */
static void slowest_put(struct latency *latency, const struct message *message,
                        const struct obstacle *found, unsigned count)
{
    size_t place = latency->slowest_count;

    if (place == latency->slowest_wanted) {
        if (!place ||
            message_total(&latency->slowest[place - 1].message) >= message_total(message)) {
            return;
        }
        place--;
    } else {
        latency->slowest_count++;
    }
    while (place && message_total(&latency->slowest[place - 1].message) < message_total(message)) {
        latency->slowest[place] = latency->slowest[place - 1];
        place--;
    }
    latency->slowest[place].message = *message;
    latency->slowest[place].obstacle_count = count;
    memcpy(latency->slowest[place].obstacles, found, count * sizeof *found);
}

static void sum_put(struct latency *latency, const struct obstacle *obstacle)
{
    uint64_t key = (uint64_t)obstacle->kind << 32 | obstacle->who;
    uint32_t index = id_table_get(&latency->sum_index, key);
    struct obstacle_sum *sum;

    if (index == ID_NONE) {
        latency->sums = memory_grow(latency->sums, &latency->sum_capacity, latency->sum_count + 1,
                                    sizeof *latency->sums);
        index = (uint32_t)latency->sum_count++;
        id_table_put(&latency->sum_index, key, index);
        latency->sums[index].kind = obstacle->kind;
        latency->sums[index].who = obstacle->who;
    }
    sum = &latency->sums[index];
    sum->messages++;
    sum->length += obstacle->length;
    if (obstacle->length > sum->worst.length) {
        sum->worst = *obstacle;
    }
}

static void call_examine(struct latency *latency, const struct message *message)
{
    struct obstacle found[OBSTACLES_MAX];
    unsigned count = obstacles_find(&latency->obstacles, message, found);

    for (unsigned i = 0; i < count; i++) {
        bool again = false;

        for (unsigned j = 0; j < i; j++) {
            again |= found[j].kind == found[i].kind && found[j].who == found[i].who;
        }
        if (!again) { /* the longest of several stages stands for the message */
            sum_put(latency, &found[i]);
        }
    }
    slowest_put(latency, message, found, count);
}

/* ---- the pass ---------------------------------------------------------------------------------- */

static void message_count(struct latency *latency, const struct message *message)
{
    struct latency_path *path;
    unsigned last;
    int64_t total, sum = 0;

    latency->messages++;
    if (message->aborted) {
        latency->aborted++;
        return;
    }
    if (!(message->seen & 1u << STAMP_DELIVER)) {
        latency->incomplete++;
        return;
    }
    latency->one_way += message->one_way;
    path = path_of(latency, message);
    last = latency_last_stage(path);
    total = (int64_t)(message->stamps[last + 1] - message->stamps[STAMP_ENTER]);
    for (unsigned i = 0; i <= last; i++) {
        int64_t stage = (int64_t)(message->stamps[i + 1] - message->stamps[i]);

        sum = (int64_t)((uint64_t)sum + (uint64_t)stage);
        histogram_add(&path->stages[i], stage);
    }
    if (!path->total.count || total > path->total.max) {
        path->slowest_at = message->stamps[STAMP_ENTER];
    }
    histogram_add(&path->total, total);
    latency->mismatches += sum != total;
    if (!message->one_way) {
        call_examine(latency, message);
    }
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

        obstacles_event(&latency->obstacles, &event, &change);
        if (change.completed) {
            message_count(latency, change.message);
        }
    }
    for (size_t i = 0; i < latency->model.thread_capacity; i++) {
        const struct message *message = &latency->model.threads[i].message;

        if (message->open) {
            latency->messages++;
            *(message->aborted ? &latency->aborted : &latency->incomplete) += 1;
        }
    }
    latency->lost = reader.lost;
    reader_end(&reader);
    return !reader.failed;
}

static int compare_paths(const void *left, const void *right)
{
    const struct latency_path *a = left, *b = right;

    if (a->one_way != b->one_way) {
        return a->one_way - b->one_way;
    }
    return (a->total.count < b->total.count) - (a->total.count > b->total.count);
}

static int compare_sums(const void *left, const void *right)
{
    const struct obstacle_sum *a = left, *b = right;

    return (a->length < b->length) - (a->length > b->length);
}

bool latency_collect(struct latency *latency, const struct trace_file *file, size_t slowest,
                     struct trace_error *error)
{
    *latency = (struct latency){.slowest_wanted = slowest};
    if (!model_start(&latency->model, file, &latency->names, error)) {
        return false;
    }
    latency->obstacles.names = &latency->names;
    latency->slowest = memory_new((slowest + 1) * sizeof *latency->slowest);
    if (!messages_collect(latency, file, error)) {
        latency_free(latency);
        return false;
    }
    if (latency->path_count) {
        qsort(latency->paths, latency->path_count, sizeof *latency->paths, compare_paths);
    }
    if (latency->sum_count) {
        qsort(latency->sums, latency->sum_count, sizeof *latency->sums, compare_sums);
    }
    for (size_t i = 0; i < latency->path_count; i++) {
        histogram_finish(&latency->paths[i].total);
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            histogram_finish(&latency->paths[i].stages[stage]);
        }
    }
    return true;
}

void latency_free(struct latency *latency)
{
    for (size_t i = 0; i < latency->path_count; i++) {
        histogram_free(&latency->paths[i].total);
        for (unsigned stage = 0; stage < STAGE_COUNT; stage++) {
            histogram_free(&latency->paths[i].stages[stage]);
        }
    }
    free(latency->paths);
    free(latency->slowest);
    free(latency->sums);
    id_table_free(&latency->pairs);
    id_table_free(&latency->index);
    id_table_free(&latency->sum_index);
    obstacles_free(&latency->obstacles);
    model_free(&latency->model);
    names_free(&latency->names);
}

bool latency_capture(const struct trace_file *file, const struct latency_options *options,
                     struct output *output, struct trace_error *error)
{
    struct latency *latency = memory_new(sizeof *latency);
    bool done = latency_collect(latency, file, options->slowest, error);

    if (done) {
        (options->json ? latency_json : latency_text)(latency, output);
        done = !options->hgrm || latency_hgrm(latency, options->hgrm, error);
        latency_free(latency);
    }
    free(latency);
    return done;
}
