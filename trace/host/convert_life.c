/* SPDX-License-Identifier: Apache-2.0
 *
 * Lives: what is created, ends, moves, is given and taken back, as instants on the tracks of whom it
 * concerns. An event that no file of the converter draws is shown here as it is, with its fields, so
 * that a new one is seen at once.
 */
#include "convert.h"

#include "weft/trace_events.h"
#include "weft/trace_schema.h"

static void instant_write(struct convert *convert, struct track_event *instant, uint64_t time)
{
    instant->time = time;
    instant->type = TRACK_INSTANT;
    instant->category = CATEGORY_LIFE;
    track_write(convert, instant);
}

/* Processes of one parent with one name are the same service, one after the other. */
static uint64_t service_key(struct convert *convert, uint32_t id)
{
    uint32_t index = names_process(&convert->names, id); /* it may move the entries */
    const struct process_name *process = &convert->names.processes[index];
    uint64_t key = 0xcbf29ce484222325ull ^ process->parent;

    for (const char *at = process->name; *at; at++) {
        key = (key ^ (uint8_t)*at) * 0x100000001b3ull;
    }
    return key;
}

static void process_exit(struct convert *convert, const struct trace_event *event)
{
    static const enum word causes[] = {WORD_PROCESS_EXIT, WORD_PROCESS_FAULT, WORD_PROCESS_KILLED};
    struct track_event instant = {
        .track = process_track(convert, event_a(event)),
        .name = word(causes[event->small < TRACE_EXIT_CAUSE_COUNT ? event->small : 0]),
        .notes = {{.name = NOTE_STATUS, .value = (uint64_t)(int64_t)(int32_t)event_b(event)}},
    };

    id_table_put(&convert->ended, service_key(convert, event_a(event)), 0);
    instant_write(convert, &instant, event->time);
}

static void thread_exit(struct convert *convert, const struct trace_event *event)
{
    uint32_t thread = names_thread(&convert->names, event_a(event));
    struct track_event instant = {
        .notes = {{.name = NOTE_STATUS, .value = (uint64_t)(int64_t)(int32_t)event_b(event)}},
    };

    ipc_close(convert, thread, event->time);
    user_close(convert, thread, event->time);
    rest_close(convert, thread, event->time);
    run_queue_leave(convert, thread, event->time);
    instant.track = thread_track(convert, thread, TRACK_THREAD);
    instant.name = word(WORD_THREAD_EXIT);
    instant_write(convert, &instant, event->time);
    if (model_thread(&convert->model, thread)->running) {
        convert->threads[thread].exiting = true;
    } else {
        sched_thread_free(convert, event, thread);
    }
}

static void process_create(struct convert *convert, const struct trace_event *event)
{
    bool again = id_table_get(&convert->ended, service_key(convert, event_a(event))) != ID_NONE;
    struct track_event instant = {
        .track = process_track(convert, event_a(event)),
        .name = word(again ? WORD_PROCESS_RESTART : WORD_PROCESS_CREATE),
    };

    instant_write(convert, &instant, event->time);
}

static void object_create(struct convert *convert, const struct trace_event *event)
{
    char label[96];
    struct track_event instant = {.track = process_track(convert, event_b(event))};

    names_object_label(&convert->names, event_a(event), label, sizeof label);
    instant.name = intern(convert, INTERN_CREATE, event_a(event), "create %s", label);
    instant_write(convert, &instant, event->time);
}

/* A process is given a capability: shown where it arrives. */
static void cap_grant(struct convert *convert, const struct trace_event *event)
{
    char label[96];
    struct track_event instant = {
        .track = process_track(convert, event_b(event)),
        .notes = {{.name = NOTE_OBJECT, .value = event_a(event)},
                  {.name = NOTE_RIGHTS, .value = event->small}},
    };

    names_object_label(&convert->names, event_a(event), label, sizeof label);
    instant.name = intern(convert, INTERN_GRANT, event_a(event), "given %s", label);
    instant_write(convert, &instant, event->time);
}

/* Everything that was derived from a capability is gone: shown at the owner of what it names. */
static void cap_revoke(struct convert *convert, const struct trace_event *event)
{
    char label[96];
    uint32_t object = names_object(&convert->names, event_a(event));
    struct track_event instant = {
        .track = process_track(convert, convert->names.objects[object].process),
        .notes = {{.name = NOTE_OBJECT, .value = event_a(event)},
                  {.name = NOTE_CAPABILITIES, .value = event_b(event)},
                  {.name = NOTE_MAPPINGS, .value = event->small}},
    };

    names_object_label(&convert->names, event_a(event), label, sizeof label);
    instant.name = intern(convert, INTERN_REVOKE, event_a(event), "revoke %s", label);
    instant_write(convert, &instant, event->time);
}

static void migrate(struct convert *convert, const struct trace_event *event)
{
    uint32_t thread = names_thread(&convert->names, event_a(event));
    struct track_event instant = {.track = thread_track(convert, thread, TRACK_THREAD)};

    run_queue_leave(convert, thread, event->time);
    instant.name = intern(convert, INTERN_MIGRATE, event->small, "migrate to cpu %u", event->small);
    instant_write(convert, &instant, event->time);
}

void rest_close(struct convert *convert, uint32_t thread, uint64_t time)
{
    struct track_event end = {.time = time, .type = TRACK_END};

    if (convert_thread(convert, thread)->rest_open) {
        convert->threads[thread].rest_open = false;
        end.track = thread_track(convert, thread, TRACK_RESTS);
        track_write(convert, &end);
    }
}

/* The thread may not run from here on, for this reason. */
static void rest_begin(struct convert *convert, uint32_t thread, uint64_t time, enum word why)
{
    struct track_event begin = {.time = time, .type = TRACK_BEGIN, .category = CATEGORY_LIFE};

    rest_close(convert, thread, time);
    run_queue_leave(convert, thread, time);
    begin.track = thread_track(convert, thread, TRACK_RESTS);
    begin.name = word(why);
    track_write(convert, &begin);
    convert->threads[thread].rest_open = true;
}

/* A thread was stopped, and whatever it waited for is called off; or it was told to go on. */
static void suspend(struct convert *convert, const struct trace_event *event)
{
    uint32_t thread = names_thread(&convert->names, event_a(event));

    if (event->small) {
        rest_begin(convert, thread, event->time, WORD_SUSPENDED);
    } else {
        rest_close(convert, thread, event->time);
    }
}

/* A thread gets another priority or budget. */
static void schedule(struct convert *convert, const struct trace_event *event)
{
    uint32_t thread = names_thread(&convert->names, event_a(event));
    struct track_event instant = {
        .track = thread_track(convert, thread, TRACK_THREAD),
        .notes = {{.name = NOTE_SHARE, .value = event_b(event)}},
    };

    instant.name = intern(convert, INTERN_PRIORITY, event->small, "priority %u", event->small);
    instant_write(convert, &instant, event->time);
}

void life_event(struct convert *convert, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_PROCESS_CREATE:
        process_create(convert, event);
        break;
    case TRACE_EVENT_PROCESS_EXIT:
        process_exit(convert, event);
        break;
    case TRACE_EVENT_THREAD_EXIT:
        thread_exit(convert, event);
        break;
    case TRACE_EVENT_OBJECT_CREATE:
        object_create(convert, event);
        break;
    case TRACE_EVENT_CAP_GRANT:
        cap_grant(convert, event);
        break;
    case TRACE_EVENT_CAP_REVOKE:
        cap_revoke(convert, event);
        break;
    case TRACE_EVENT_THREAD_SUSPEND:
        suspend(convert, event);
        break;
    case TRACE_EVENT_BUDGET_OUT:
        rest_begin(convert, names_thread(&convert->names, event_a(event)), event->time,
                   WORD_OUT_OF_BUDGET);
        break;
    case TRACE_EVENT_BUDGET_REFILL:
        rest_close(convert, names_thread(&convert->names, event_a(event)), event->time);
        break;
    case TRACE_EVENT_SCHEDULE:
        schedule(convert, event);
        break;
    case TRACE_EVENT_MIGRATE:
        migrate(convert, event);
        break;
    default:
        break; /* names and threads: the process tree shows them */
    }
}

static void note_field(struct note *notes, const struct trace_field_info *field, uint64_t value)
{
    unsigned place = 0;

    if (!field->name) {
        return;
    }
    while (notes[place].name) {
        place++;
    }
    notes[place] = (struct note){.name = NOTE_VALUE, .value = value, .label = field->name};
    if (field->type == TRACE_FIELD_ENUM && value < field->value_count) {
        notes[place].text = field->values[value];
    } else if (field->type == TRACE_FIELD_SIGNED) {
        notes[place].value = (uint64_t)(int64_t)(int32_t)value;
    }
}

void other_event(struct convert *convert, const struct trace_event *event, uint32_t thread)
{
    const struct trace_event_info *info = &trace_events[event->id];
    struct track_event instant = {
        .track = thread == ID_NONE ? cpu_track(convert, event->cpu, TRACK_MAILBOX)
                                   : thread_track(convert, thread, TRACK_THREAD),
        .name = intern(convert, INTERN_EVENT, event->id, "%s", info->name),
    };

    note_field(instant.notes, &info->small, event->small);
    note_field(instant.notes, &info->a, event_a(event));
    note_field(instant.notes, &info->b, event_b(event));
    note_field(instant.notes, &info->wide, event->payload);
    instant_write(convert, &instant, event->time);
}
