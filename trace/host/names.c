/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass over the life sections. A name of more than four characters comes in several records,
 * each with its place in the name, so they may be put together in any order. Records of different
 * CPUs mix in time, but those of one name are neighbours on their CPU: the record that tells which
 * process the following string belongs to is remembered per CPU.
 */
#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

uint32_t names_thread(struct names *names, uint32_t id)
{
    uint32_t index = id_table_get(&names->thread_index, id);
    struct thread_name *thread;

    if (index != ID_NONE) {
        return index;
    }
    names->threads = memory_grow(names->threads, &names->thread_capacity, names->thread_count + 1,
                                 sizeof *names->threads);
    index = (uint32_t)names->thread_count++;
    thread = &names->threads[index];
    *thread = (struct thread_name){.id = id, .idle_cpu = ID_NONE};
    snprintf(thread->name, sizeof thread->name, "thread %u", id);
    id_table_put(&names->thread_index, id, index);
    return index;
}

void names_idle(struct names *names, uint32_t id, uint32_t cpu)
{
    uint32_t index = names_thread(names, id);
    struct thread_name *thread = &names->threads[index];

    thread->idle_cpu = cpu;
    if (!thread->named) {
        snprintf(thread->name, sizeof thread->name, "idle/%u", cpu);
    }
}

uint32_t names_process(struct names *names, uint32_t id)
{
    uint32_t index = id_table_get(&names->process_index, id);
    struct process_name *process;

    if (index != ID_NONE) {
        return index;
    }
    names->processes = memory_grow(names->processes, &names->process_capacity,
                                   names->process_count + 1, sizeof *names->processes);
    index = (uint32_t)names->process_count++;
    process = &names->processes[index];
    *process = (struct process_name){.id = id};
    if (id) {
        snprintf(process->name, sizeof process->name, "process %u", id);
    } else {
        snprintf(process->name, sizeof process->name, "(unknown)");
    }
    id_table_put(&names->process_index, id, index);
    return index;
}

uint32_t names_object(struct names *names, uint32_t id)
{
    uint32_t index = id_table_get(&names->object_index, id);

    if (index != ID_NONE) {
        return index;
    }
    names->objects = memory_grow(names->objects, &names->object_capacity, names->object_count + 1,
                                 sizeof *names->objects);
    index = (uint32_t)names->object_count++;
    names->objects[index] = (struct object_name){.id = id};
    id_table_put(&names->object_index, id, index);
    return index;
}

static uint64_t string_key(uint32_t process, uint32_t id)
{
    return (uint64_t)process << 32 | id;
}

static uint32_t string_add(struct names *names, uint32_t process, uint32_t id)
{
    uint32_t index = id_table_get(&names->string_index, string_key(process, id));

    if (index != ID_NONE) {
        return index;
    }
    names->strings = memory_grow(names->strings, &names->string_capacity, names->string_count + 1,
                                 sizeof *names->strings);
    index = (uint32_t)names->string_count++;
    names->strings[index] = (struct string_name){.id = id, .process = process};
    id_table_put(&names->string_index, string_key(process, id), index);
    return index;
}

uint32_t names_string(struct names *names, uint32_t process, uint32_t id)
{
    uint32_t index = id_table_get(&names->string_index, string_key(process, id));

    if (index == ID_NONE) {
        index = id_table_get(&names->string_index, string_key(0, id));
    }
    if (index == ID_NONE) {
        index = string_add(names, process, id);
        snprintf(names->strings[index].name, NAME_MAX_BYTES, "event %u", id);
    }
    return index;
}

/* Puts four characters at their place; the first piece of a name wipes what was there before. */
static void name_put(char *name, uint32_t piece, uint32_t characters)
{
    size_t place = (size_t)piece * 4;

    if (piece == 0) {
        memset(name, 0, NAME_MAX_BYTES);
    }
    for (size_t i = 0; i < 4 && place + i < NAME_MAX_BYTES - 1; i++) {
        unsigned char character = (unsigned char)(characters >> (8 * i));

        name[place + i] = (char)(character == 0 || isprint(character) ? character : '?');
    }
}

static void take_name(struct names *names, const struct trace_event *event, uint32_t *owner)
{
    uint32_t id = event_a(event), piece = event->small & 15u, index;

    switch (event->small >> 4) {
    case TRACE_NAME_KIND_THREAD:
        index = names_thread(names, id);
        name_put(names->threads[index].name, piece, event_b(event));
        names->threads[index].named = true;
        break;
    case TRACE_NAME_KIND_PROCESS:
        index = names_process(names, id);
        name_put(names->processes[index].name, piece, event_b(event));
        break;
    case TRACE_NAME_KIND_USER:
        if (piece == TRACE_NAME_OWNER) {
            *owner = event_b(event);
        } else {
            index = string_add(names, *owner, id);
            name_put(names->strings[index].name, piece, event_b(event));
        }
        break;
    default:
        break;
    }
}

static void take_event(struct names *names, const struct trace_event *event, uint32_t *owner)
{
    uint32_t index;

    switch (event->id) {
    case TRACE_EVENT_THREAD_CREATE:
        index = names_thread(names, event_a(event));
        names->threads[index].process = event_b(event);
        names_process(names, event_b(event));
        break;
    case TRACE_EVENT_THREAD_IDLE:
        index = names_thread(names, event_a(event));
        names->threads[index].process = event_b(event);
        names->threads[index].idle_cpu = event->small;
        names_process(names, event_b(event));
        break;
    case TRACE_EVENT_PROCESS_CREATE:
        index = names_process(names, event_a(event));
        names->processes[index].parent = event_b(event);
        break;
    case TRACE_EVENT_OBJECT_CREATE:
        index = names_object(names, event_a(event));
        names->objects[index].process = event_b(event);
        names->objects[index].kind = event->small;
        break;
    case TRACE_EVENT_NAME:
        take_name(names, event, owner);
        break;
    default:
        break;
    }
}

bool names_load(struct names *names, const struct trace_file *file, struct trace_error *error)
{
    uint32_t owners[CAPTURE_CPUS_MAX] = {0};
    struct trace_event event;
    struct reader reader;

    *names = (struct names){0};
    if (!reader_start(&reader, file, READER_LIFE, error)) {
        return false;
    }
    while (reader_next(&reader, &event)) {
        take_event(names, &event, &owners[event.cpu]);
    }
    reader_end(&reader);
    for (size_t i = 0; i < names->thread_count; i++) {
        struct thread_name *thread = &names->threads[i];

        if (thread->idle_cpu != ID_NONE && !thread->named) {
            snprintf(thread->name, sizeof thread->name, "idle/%u", thread->idle_cpu);
        } else if (!thread->name[0]) {
            snprintf(thread->name, sizeof thread->name, "thread %u", thread->id);
        }
    }
    for (size_t i = 0; i < names->process_count; i++) {
        struct process_name *process = &names->processes[i];

        if (!process->name[0]) {
            snprintf(process->name, sizeof process->name, "process %u", process->id);
        }
    }
    if (reader.failed) {
        names_free(names);
    }
    return !reader.failed;
}

void names_object_label(struct names *names, uint32_t id, char *text, size_t size)
{
    uint32_t index = names_object(names, id);
    const struct object_name *object = &names->objects[index];
    bool known = object->process && object->kind < TRACE_OBJECT_KIND_COUNT;
    const char *kind = known ? trace_object_kind_names[object->kind] : "object";
    uint32_t thread = id_table_get(&names->thread_index, id);
    uint32_t named = id_table_get(&names->process_index, id);

    if (!object->process && thread != ID_NONE) { /* all ids are of one space */
        snprintf(text, size, "thread %s", names->threads[thread].name);
    } else if (!object->process && named != ID_NONE) {
        snprintf(text, size, "process %s", names->processes[named].name);
    } else if (object->process) {
        uint32_t process = names_process(names, object->process);
        snprintf(text, size, "%s %u of %s", kind, id, names->processes[process].name);
    } else {
        snprintf(text, size, "%s %u", kind, id);
    }
}

void names_free(struct names *names)
{
    free(names->threads);
    free(names->processes);
    free(names->objects);
    free(names->strings);
    id_table_free(&names->thread_index);
    id_table_free(&names->process_index);
    id_table_free(&names->object_index);
    id_table_free(&names->string_index);
    *names = (struct names){0};
}
