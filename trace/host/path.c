/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace path`: finds the window, collects its steps, and reports the critical path.
 */
#include "path.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "weft/trace_events.h"

#define STEPS_MAX 20000000u

const char *const segment_names[SEGMENT_KINDS] = {"running", "ready", "crossing", "asleep",
                                                  "unknown"};

/* ---- the window -------------------------------------------------------------------------------- */

/* Looks for the message that the options name, or else for the slowest round trip. */
static bool find_message(const struct trace_file *file, const struct path_options *options,
                         struct path_options *window, struct trace_error *error)
{
    struct model model;
    struct names names;
    struct trace_event event;
    struct reader reader;
    uint64_t longest = 0;
    bool found = false, whole;

    if (!model_start(&model, file, &names, error)) {
        return false;
    }
    whole = reader_start(&reader, file, READER_EVENTS, error);
    while (whole && reader_next(&reader, &event)) {
        const struct message *message = model_apply(&model, &event).message;
        uint64_t length;

        if (!message || message->open || message->one_way || message->aborted) {
            continue;
        }
        length = message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER];
        if (options->message ? message->id == options->message && !found &&
                                   message->stamps[STAMP_ENTER] >= options->from
                             : length > longest) {
            found = true;
            longest = length;
            window->from = message->stamps[STAMP_ENTER];
            window->to = message->stamps[STAMP_RESUME];
            window->thread = names.threads[message->client].id;
        }
    }
    whole = whole && !reader.failed;
    if (whole && !found) {
        trace_fail(error, "no such round trip is in the capture");
    }
    reader_end(&reader);
    model_free(&model);
    names_free(&names);
    return whole && found;
}

/* ---- the steps --------------------------------------------------------------------------------- */

static uint32_t *last_of(struct path *path, uint32_t thread)
{
    size_t old = path->last_capacity;

    path->last =
        memory_grow(path->last, &path->last_capacity, (size_t)thread + 1, sizeof *path->last);
    for (size_t i = old; i < path->last_capacity; i++) {
        path->last[i] = ID_NONE;
    }
    return &path->last[thread];
}

static struct step *step_new(struct path *path, const struct trace_event *event, uint32_t thread,
                             uint32_t other)
{
    struct step *step;

    path->steps =
        memory_grow(path->steps, &path->step_capacity, path->step_count + 1, sizeof *path->steps);
    step = &path->steps[path->step_count];
    *step = (struct step){.time = event->time,
                          .cause_time = event->time,
                          .cpu = event->cpu,
                          .thread = thread,
                          .other = other,
                          .before = *last_of(path, thread),
                          .other_before = ID_NONE,
                          .cpu_before = ID_NONE,
                          .state = event->small};
    *last_of(path, thread) = (uint32_t)path->step_count;
    path->step_count++;
    return step;
}

static void collect_switch(struct path *path, const struct trace_event *event,
                           const struct model_change *change)
{
    uint32_t before = *last_of(path, change->thread);
    struct step *step = step_new(path, event, change->other, change->thread);

    step->other_before = before;
    step->cpu_before = path->cpu_last[event->cpu];
    path->cpu_last[event->cpu] = (uint32_t)path->step_count - 1;
    if (change->thread != change->other) {
        *last_of(path, change->thread) = (uint32_t)path->step_count - 1;
    }
}

static void collect_wakeup(struct path *path, const struct trace_event *event,
                           const struct model_change *change)
{
    const struct travel *arrival = &path->model.cpus[event->cpu].arrival;
    uint32_t cause = event_b(event) ? model_thread_of(&path->model, event_b(event)) : ID_NONE;
    const struct message *message = &path->model.threads[change->other].message;
    struct step *step;

    if (message->open && message->answerer != ID_NONE) {
        cause = message->answerer; /* its system call may have gone on while somebody else ran */
    }
    step = step_new(path, event, change->other, cause);

    step->is_wakeup = true;
    if (cause != ID_NONE && arrival->cpu != ID_NONE && arrival->pusher == cause &&
        cause != change->other && cause != path->model.cpus[event->cpu].current) {
        step->cause_time = arrival->time;
    }
}

static bool steps_collect(struct path *path, const struct trace_file *file,
                          struct trace_error *error)
{
    struct trace_event event;
    struct reader reader;
    bool done;

    if (!reader_start(&reader, file, READER_EVENTS, error)) {
        return false;
    }
    while (reader_next(&reader, &event) && event.time <= path->to && path->step_count < STEPS_MAX) {
        struct model_change change = model_apply(&path->model, &event);

        if (event.time < path->from) {
            continue; /* who runs and who waits is known to the model */
        }
        if (event.id == TRACE_EVENT_SWITCH && change.thread != ID_NONE) {
            collect_switch(path, &event, &change);
        } else if (event.id == TRACE_EVENT_WAKEUP) {
            collect_wakeup(path, &event, &change);
        }
    }
    done = !reader.failed;
    if (done && path->step_count == STEPS_MAX) {
        done = trace_fail(error, "more than %u switches and wake-ups: choose a shorter time",
                          STEPS_MAX);
    }
    reader_end(&reader);
    return done;
}

/* ---- the report -------------------------------------------------------------------------------- */

static void thread_json(const struct path *path, const char *key, uint32_t index,
                        struct output *output)
{
    if (index == ID_NONE) {
        output_print(output, ",\"%s\":null", key);
        return;
    }
    output_print(output, ",\"%s\":{\"thread\":%u,\"process\":%u,\"name\":", key,
                 path->names.threads[index].id, path->names.threads[index].process);
    output_json_string(output, path->names.threads[index].name);
    output_print(output, "}");
}

static void report_json(const struct path *path, struct output *output)
{
    output_print(output, "{\"unit\":\"ns\",\"from\":%" PRIu64 ",\"to\":%" PRIu64, path->from,
                 path->to);
    thread_json(path, "thread", path->thread, output);
    output_print(output, ",\"segments\":[");
    for (size_t i = path->segment_count; i-- > 0;) {
        const struct segment *segment = &path->segments[i];

        output_print(output,
                     "%s{\"start\":%" PRIu64 ",\"length\":%" PRIu64 ",\"kind\":\"%s\",\"cpu\":%d",
                     i + 1 < path->segment_count ? ",\n" : "\n", segment->start,
                     segment->end - segment->start, segment_names[segment->kind],
                     segment->cpu == ID_NONE ? -1 : (int)segment->cpu);
        thread_json(path, "thread", segment->thread, output);
        thread_json(path, "other", segment->other, output);
        output_print(output, "}");
    }
    output_print(output, "]}\n");
}

static void segment_text(const struct path *path, const struct segment *segment, char *text,
                         size_t size)
{
    const char *other = segment->other == ID_NONE ? NULL : path->names.threads[segment->other].name;

    switch (segment->kind) {
    case SEGMENT_READY:
        snprintf(text, size, other ? "ready, but %s had the CPU" : "ready", other);
        break;
    case SEGMENT_CROSSING:
        snprintf(text, size, other ? "on its way from %s" : "on its way to another CPU", other);
        break;
    case SEGMENT_ASLEEP:
        snprintf(text, size, "waits for a timer or a device");
        break;
    default:
        snprintf(text, size, "%s", segment_names[segment->kind]);
        break;
    }
}

static void report_text(const struct path *path, struct output *output)
{
    uint64_t totals[SEGMENT_KINDS] = {0};
    char text[96];

    output_print(output, "%s from %" PRIu64 " to %" PRIu64 ": %" PRIu64 " ns\n\n",
                 path->names.threads[path->thread].name, path->from, path->to,
                 path->to - path->from);
    output_print(output, "%14s %10s  cpu  %-24s\n", "start", "length", "thread");
    for (size_t i = path->segment_count; i-- > 0;) {
        const struct segment *segment = &path->segments[i];

        segment_text(path, segment, text, sizeof text);
        output_print(output, "%14" PRIu64 " %10" PRIu64 "  %3d  %-24s %s\n", segment->start,
                     segment->end - segment->start,
                     segment->cpu == ID_NONE ? -1 : (int)segment->cpu,
                     path->names.threads[segment->thread].name, text);
        totals[segment->kind] += segment->end - segment->start;
    }
    output_print(output, "\n");
    for (unsigned i = 0; i < SEGMENT_KINDS; i++) {
        if (totals[i]) {
            output_print(output, "%-10s %10" PRIu64 "\n", segment_names[i], totals[i]);
        }
    }
}

bool path_capture(const struct trace_file *file, const struct path_options *options,
                  struct output *output, struct trace_error *error)
{
    struct path_options window = *options;
    struct path *path;
    bool done;

    if (!options->thread && !find_message(file, options, &window, error)) {
        return false;
    }
    path = memory_new(sizeof *path);
    path->from = window.from;
    path->to = window.to;
    memset(path->cpu_last, 0xff, sizeof path->cpu_last);
    done = model_start(&path->model, file, &path->names, error);
    if (done) {
        path->thread = id_table_get(&path->names.thread_index, window.thread);
        done = path->thread != ID_NONE && window.from < window.to
                   ? steps_collect(path, file, error)
                   : trace_fail(error, "there is no such thread or time in the capture");
        if (done) {
            path_walk(path);
            (options->json ? report_json : report_text)(path, output);
        }
        model_free(&path->model);
        names_free(&path->names);
    }
    free(path->steps);
    free(path->last);
    free(path->segments);
    free(path);
    return done;
}
