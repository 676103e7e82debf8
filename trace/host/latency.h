/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the time of messages goes, as `weft-trace latency` and `diff` need it. Messages are grouped by
 * path: client, server, endpoint, way of travelling, and whether they are sent one way; of each path
 * there is the distribution of the whole and of its stages. The whole of a call is its round trip
 * (ENTER to RESUME), that of a one-way message ends with its delivery: model.h says where the borders
 * are. Memory grows with the number of paths, not of messages.
 */
#pragma once

#include "histogram.h"
#include "obstacle.h"

#define SLOWEST_DEFAULT 10u
#define SLOWEST_MAX 1000u

struct latency_path {
    uint32_t client, server; /* thread indices */
    uint32_t endpoint;       /* id */
    uint8_t way;             /* enum trace_ipc_path */
    bool one_way;
    uint64_t slowest_at; /* when the slowest message began */
    struct histogram total;
    struct histogram stages[STAGE_COUNT];
};

struct slow_message {
    struct message message;
    unsigned obstacle_count;
    struct obstacle obstacles[OBSTACLES_MAX];
};

/* What one obstacle did to all messages. */
struct obstacle_sum {
    enum obstacle_kind kind;
    uint32_t who;
    uint64_t messages, length;
    struct obstacle worst;
};

struct latency {
    struct model model;
    struct names names;
    struct obstacles obstacles;
    struct latency_path
        *paths; /* the one with most messages first, calls before one-way messages */
    size_t path_count, path_capacity;
    struct id_table pairs;        /* client and server -> number of the pair */
    struct id_table index;        /* pair, way and endpoint -> index in paths */
    struct slow_message *slowest; /* calls, the slowest first */
    size_t slowest_count, slowest_wanted;
    struct obstacle_sum *sums;
    size_t sum_count, sum_capacity;
    struct id_table sum_index; /* kind and who -> index in sums */
    uint64_t messages, one_way, incomplete, aborted, mismatches, lost;
};

/* Reads a capture. Afterwards everything is sorted, and all histograms are finished. */
bool latency_collect(struct latency *latency, const struct trace_file *file, size_t slowest,
                     struct trace_error *error);
void latency_free(struct latency *latency);
/* Index of the last stage that messages of this path have. */
unsigned latency_last_stage(const struct latency_path *path);
const char *latency_way(uint8_t way);

/* latency_report.c */
void latency_json(struct latency *latency, struct output *output);
void latency_text(struct latency *latency, struct output *output);
/* Writes a file for each path into a folder. */
bool latency_hgrm(const struct latency *latency, const char *folder, struct trace_error *error);
