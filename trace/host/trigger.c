/* SPDX-License-Identifier: Apache-2.0
 *
 * The look for triggers; trigger.h is the manual. Each look is a short capture of its own, with names
 * and model made anew: so whatever the reader and the model know of the kernel's records holds here.
 */
#include "trigger.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "weft/trace_events.h"

#define LONGEST_MAX 1000000000000ull /* ns */

/* Reads 50us, 3ms, 2s or 700ns. */
static bool time_read(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
    char *end;

    *ns = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (*text >= '0' && *text <= '9' && strcmp(end, units[i].name) == 0 &&
            *ns <= LONGEST_MAX / units[i].ns) {
            *ns *= units[i].ns;
            return *ns != 0;
        }
    }
    return false;
}

bool trigger_text_check(const char *text, struct trace_error *error)
{
    bool plain = strlen(text) < TRIGGER_NAME_MAX;

    for (; *text; text++) {
        plain &= isprint((unsigned char)*text) && *text != '"' && *text != '\\';
    }
    return plain ||
           trace_fail(error, "a trigger is at most %u printable characters, without \" and \\",
                      TRIGGER_NAME_MAX - 1);
}

bool trigger_read(struct triggers *triggers, const char *text, struct trace_error *error)
{
    struct trigger *trigger = &triggers->list[triggers->count];
    const char *user = "user:", *latency = "latency:";

    if (triggers->count == TRIGGERS_MAX) {
        return trace_fail(error, "more than %u triggers", TRIGGERS_MAX);
    }
    if (!trigger_text_check(text, error)) {
        return false;
    }
    snprintf(trigger->name, sizeof trigger->name, "%s", text);
    trigger->user = NULL;
    if (strncmp(text, user, strlen(user)) == 0 && text[strlen(user)]) {
        trigger->user = trigger->name + strlen(user);
    } else if (strncmp(text, latency, strlen(latency)) != 0 ||
               !time_read(text + strlen(latency), &trigger->longest)) {
        return trace_fail(
            error, "unknown trigger '%s' (have: user:NAME, latency:TIME such as 50us)", text);
    }
    triggers->count++;
    return true;
}

/* Has a program given this name to its event? Where it is not known which program it was, any. */
static bool is_user_event(struct model *model, const struct trace_event *event, uint32_t thread,
                          const char *name)
{
    struct names *names = model->names;
    uint32_t process = thread == ID_NONE ? 0 : names->threads[thread].process;
    uint32_t string;

    for (size_t i = 0; !process && i < names->string_count; i++) {
        if (names->strings[i].id == event_a(event) && strcmp(names->strings[i].name, name) == 0) {
            return true;
        }
    }
    string = names_string(names, process, event_a(event)); /* it may move the strings */
    return strcmp(names->strings[string].name, name) == 0;
}

static bool fires(const struct trigger *trigger, struct model *model,
                  const struct trace_event *event, const struct model_change *change)
{
    const struct message *message = change->message;

    if (trigger->user) {
        return (event->id == TRACE_EVENT_USER_INSTANT || event->id == TRACE_EVENT_USER_BEGIN ||
                event->id == TRACE_EVENT_USER_COUNTER) &&
               is_user_event(model, event, change->thread, trigger->user);
    }
    return change->completed && !message->one_way && !message->aborted &&
           message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER] > trigger->longest;
}

/* A call that has not come back yet is looked at again, from its beginning. */
static uint64_t oldest_open_call(const struct model *model, uint64_t otherwise)
{
    uint64_t oldest = otherwise;

    for (size_t i = 0; i < model->thread_capacity; i++) {
        const struct message *message = &model->threads[i].message;

        if (message->open && message->stamps[STAMP_ENTER] < oldest) {
            oldest = message->stamps[STAMP_ENTER];
        }
    }
    return oldest;
}

static void event_examine(struct triggers *triggers, struct model *model,
                          const struct trace_event *event, const struct model_change *change)
{
    for (unsigned i = 0; i < triggers->count && !triggers->fired; i++) {
        if (fires(&triggers->list[i], model, event, change)) {
            triggers->fired = &triggers->list[i];
            triggers->fired_at = event->time;
        }
    }
}

bool triggers_examine(struct triggers *triggers, const struct trace_file *file,
                      struct trace_error *error)
{
    uint64_t newest[CAPTURE_CPUS_MAX] = {0};
    struct trace_event event;
    struct reader reader;
    struct names names;
    struct model model;

    triggers->fired = NULL;
    triggers->newest = 0;
    if (!model_start(&model, file, &names, error)) {
        return false;
    }
    if (!reader_start(&reader, file, READER_EVENTS, error)) {
        model_free(&model);
        names_free(&names);
        return false;
    }
    while (reader_next(&reader, &event)) {
        struct model_change change = model_apply(&model, &event);

        triggers->newest = event.time;
        newest[event.cpu] = event.time;
        if (event.time > triggers->examined[event.cpu]) {
            event_examine(triggers, &model, &event, &change);
        }
    }
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        triggers->examined[i] =
            newest[i] > triggers->examined[i] ? newest[i] : triggers->examined[i];
    }
    triggers->wanted_from = oldest_open_call(&model, triggers->newest);
    reader_end(&reader);
    model_free(&model);
    names_free(&names);
    return !reader.failed;
}
