/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace dump`: every event of a capture as a line of text or of JSON, fields by the names
 * that the schema gives them. For people, for grep, and for tests that compare.
 */
#include "commands.h"

#include <inttypes.h>
#include <string.h>

#include "names.h"
#include "reader.h"
#include "weft/trace_schema.h"

struct dump {
    struct names names;
    struct output *output;
    bool json;
};

static void dump_characters(struct dump *dump, uint64_t value)
{
    char text[5] = {0};

    for (size_t i = 0; i < 4; i++) {
        char character = (char)(value >> (8 * i));

        text[i] =
            (char)(character == 0 || (character >= 0x20 && character < 0x7f) ? character : '?');
    }
    output_json_string(dump->output, text);
}

static void dump_thread(struct dump *dump, uint64_t value)
{
    uint32_t index = id_table_get(&dump->names.thread_index, value);

    output_print(dump->output, "%" PRIu64, value);
    if (!dump->json && index != ID_NONE) {
        output_print(dump->output, "(%s)", dump->names.threads[index].name);
    }
}

static void dump_value(struct dump *dump, const struct trace_field_info *field, uint64_t value)
{
    if (field->type == TRACE_FIELD_ENUM && value < field->value_count && field->values[value]) {
        output_print(dump->output, dump->json ? "\"%s\"" : "%s", field->values[value]);
    } else if (field->type == TRACE_FIELD_SIGNED) {
        output_print(dump->output, "%" PRId32, (int32_t)value);
    } else if (field->type == TRACE_FIELD_HEX) {
        output_print(dump->output, dump->json ? "%" PRIu64 : "0x%" PRIx64, value);
    } else if (field->type == TRACE_FIELD_CHARACTERS) {
        dump_characters(dump, value);
    } else if (field->type == TRACE_FIELD_THREAD) {
        dump_thread(dump, value);
    } else if (field->type == TRACE_FIELD_SYSCALL &&
               value < sizeof trace_syscall_names / sizeof *trace_syscall_names) {
        output_print(dump->output, dump->json ? "\"%s\"" : "%s", trace_syscall_names[value]);
    } else {
        output_print(dump->output, "%" PRIu64, value);
    }
}

static void dump_field(struct dump *dump, const struct trace_field_info *field, uint64_t value)
{
    if (field->name) {
        output_print(dump->output, dump->json ? ",\"%s\":" : " %s=", field->name);
        dump_value(dump, field, value);
    }
}

static void dump_event(struct dump *dump, const struct trace_event *event)
{
    const struct trace_event_info *info = &trace_events[event->id];
    const char *name = event->id == READER_GAP ? "lost" : info->name;

    if (dump->json) {
        output_print(dump->output, "{\"time\":%" PRIu64 ",\"cpu\":%u,\"event\":\"%s\"", event->time,
                     event->cpu, name);
    } else {
        output_print(dump->output, "%14" PRIu64 " cpu %-3u %s", event->time, event->cpu, name);
    }
    if (event->id == READER_GAP) {
        output_print(dump->output, dump->json ? ",\"records\":%" PRIu64 : " records=%" PRIu64,
                     event->payload);
    } else {
        dump_field(dump, &info->small, event->small);
        dump_field(dump, &info->a, event_a(event));
        dump_field(dump, &info->b, event_b(event));
        dump_field(dump, &info->wide, event->payload);
    }
    output_print(dump->output, dump->json ? "}\n" : "\n");
}

bool dump_capture(const struct trace_file *file, bool json, struct output *output,
                  struct trace_error *error)
{
    struct dump dump = {.output = output, .json = json};
    struct trace_event event;
    struct reader reader;
    bool done = false;

    if (!names_load(&dump.names, file, error)) {
        return false;
    }
    if (reader_start(&reader, file, READER_ALL | READER_AS_WRITTEN, error)) {
        while (reader_next(&reader, &event)) {
            dump_event(&dump, &event);
        }
        done = !reader.failed;
        reader_end(&reader);
    }
    names_free(&dump.names);
    return done;
}
