/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace ctf IN -o FOLDER`: a capture in the Common Trace Format 1.8, for babeltrace2 and Trace
 * Compass. The folder holds `metadata`, which describes each event of the schema with its fields and
 * enums, and a stream for each CPU. Lost records are told by `events_discarded` of the packet that
 * follows them. Names of threads and processes stand in the trace's environment (thread_12 = "disk").
 *
 * The bytes of an event: id (8 bits), time in ns (64), then its fields as they are: small (8), a and b
 * (32 each) or wide (64). Nothing is padded.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "names.h"
#include "reader.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

#define MAGIC 0xc1fc1fc1u
#define PACKET_SIZE (1u << 16)
#define EVENT_SIZE_MAX 32u

struct __attribute__((packed)) packet_head {
    uint32_t magic, stream_id;
    uint64_t begin, end; /* times */
    uint64_t content_bits, packet_bits;
    uint64_t discarded; /* so far */
    uint32_t cpu;
};

struct stream {
    struct output output;
    struct packet_head head;
    size_t used; /* of packet; 0: no packet is open */
    bool opened;
    unsigned char packet[PACKET_SIZE];
};

struct ctf {
    const char *folder;
    struct stream *streams[CAPTURE_CPUS_MAX];
    struct trace_error *error;
};

/* ---- metadata ---------------------------------------------------------------------------------- */

static void enum_write(struct output *output, const struct trace_field_info *field, unsigned bits)
{
    const char *separator = "";

    output_print(output, "enum : uint%u_t { ", bits);
    for (size_t i = 0; i < field->value_count; i++) {
        if (field->values[i]) {
            output_print(output, "%s\"%s\" = %zu", separator, field->values[i], i);
            separator = ", ";
        }
    }
    output_print(output, " }");
}

static void field_write(struct output *output, const struct trace_field_info *field, unsigned bits)
{
    if (!field->name) {
        return;
    }
    output_print(output, "        ");
    if (field->type == TRACE_FIELD_ENUM && field->value_count) {
        enum_write(output, field, bits);
    } else if (field->type == TRACE_FIELD_HEX) {
        output_print(output, "integer { size = %u; align = 8; signed = false; base = 16; }", bits);
    } else {
        output_print(output, "%sint%u_t", field->type == TRACE_FIELD_SIGNED ? "" : "u", bits);
    }
    output_print(output, " _%s;\n", field->name);
}

static void event_describe(struct output *output, unsigned id)
{
    const struct trace_event_info *info = &trace_events[id];

    output_print(output, "event {\n    name = \"%s\";\n    id = %u;\n    stream_id = 0;\n",
                 info->name, id);
    output_print(output, "    fields := struct {\n");
    field_write(output, &info->small, 8);
    field_write(output, &info->a, 32);
    field_write(output, &info->b, 32);
    field_write(output, &info->wide, 64);
    output_print(output, "    };\n};\n\n");
}

static void environment_write(struct output *output, const struct trace_file *file,
                              const struct names *names)
{
    output_print(output, "env {\n    tracer_name = \"weft\";\n    build = ");
    output_json_string(output, file->header->build);
    output_print(output, ";\n");
    for (size_t i = 0; i < names->thread_count; i++) {
        output_print(output, "    thread_%u = ", names->threads[i].id);
        output_json_string(output, names->threads[i].name);
        output_print(output, ";\n");
    }
    for (size_t i = 0; i < names->process_count; i++) {
        output_print(output, "    process_%u = ", names->processes[i].id);
        output_json_string(output, names->processes[i].name);
        output_print(output, ";\n");
    }
    output_print(output, "};\n\n");
}

static void metadata_write(struct output *output, const struct trace_file *file,
                           const struct names *names)
{
    static const char head[] =
        "/* CTF 1.8 */\n\n"
        "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
        "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
        "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
        "typealias integer { size = 32; align = 8; signed = true; } := int32_t;\n\n"
        "trace {\n    major = 1;\n    minor = 8;\n    byte_order = le;\n"
        "    packet.header := struct { uint32_t magic; uint32_t stream_id; };\n};\n\n";
    static const char stream[] =
        "clock { name = guest; freq = 1000000000; };\n\n"
        "typealias integer { size = 64; align = 8; signed = false; map = clock.guest.value; }"
        " := time_t;\n\n"
        "stream {\n    id = 0;\n"
        "    packet.context := struct {\n        time_t timestamp_begin;\n"
        "        time_t timestamp_end;\n        uint64_t content_size;\n"
        "        uint64_t packet_size;\n        uint64_t events_discarded;\n"
        "        uint32_t cpu_id;\n    };\n"
        "    event.header := struct { uint8_t id; time_t timestamp; };\n};\n\n";

    output_write(output, head, sizeof head - 1);
    environment_write(output, file, names);
    output_write(output, stream, sizeof stream - 1);
    for (unsigned id = 1; id < 256; id++) {
        if (trace_events[id].name && id != TRACE_EVENT_PAGE) {
            event_describe(output, id);
        }
    }
}

/* ---- streams ----------------------------------------------------------------------------------- */

static bool file_open(struct ctf *ctf, struct output *output, const char *name)
{
    char path[1000];

    snprintf(path, sizeof path, "%s/%s", ctf->folder, name);
    return output_open(output, path, ctf->error);
}

static void packet_close(struct stream *stream)
{
    if (!stream->used) {
        return;
    }
    stream->head.content_bits = stream->head.packet_bits = stream->used * 8;
    memcpy(stream->packet, &stream->head, sizeof stream->head);
    output_write(&stream->output, stream->packet, stream->used);
    stream->used = 0;
}

static struct stream *stream_of(struct ctf *ctf, uint32_t cpu)
{
    struct stream *stream = ctf->streams[cpu];
    char name[16];

    if (!stream) {
        stream = ctf->streams[cpu] = memory_new(sizeof *stream);
        stream->head = (struct packet_head){.magic = MAGIC, .cpu = cpu};
        snprintf(name, sizeof name, "cpu%u", cpu);
        stream->opened = file_open(ctf, &stream->output, name);
    }
    return stream->opened ? stream : NULL;
}

static unsigned char *put(unsigned char *at, const void *value, size_t size)
{
    memcpy(at, value, size);
    return at + size;
}

static void event_write(struct stream *stream, const struct trace_event *event)
{
    const struct trace_event_info *info = &trace_events[event->id];
    uint64_t time = event->time > stream->head.end ? event->time : stream->head.end;
    unsigned char *at;

    if (stream->used + EVENT_SIZE_MAX > PACKET_SIZE) {
        packet_close(stream);
    }
    if (!stream->used) {
        stream->used = sizeof stream->head;
        stream->head.begin = time;
    }
    stream->head.end = time;
    at = stream->packet + stream->used;
    *at++ = event->id;
    at = put(at, &time, sizeof time);
    if (info->small.name) {
        *at++ = event->small;
    }
    if (info->wide.name) {
        at = put(at, &event->payload, sizeof event->payload);
    }
    if (info->a.name) {
        at = put(at, &event->payload, 4);
    }
    if (info->b.name) {
        at = put(at, (const unsigned char *)&event->payload + 4, 4);
    }
    stream->used = (size_t)(at - stream->packet);
}

static bool events_write(struct ctf *ctf, const struct trace_file *file)
{
    struct trace_event event;
    struct reader reader;
    bool done = true;

    if (!reader_start(&reader, file, READER_ALL, ctf->error)) {
        return false;
    }
    while (done && reader_next(&reader, &event)) {
        struct stream *stream = stream_of(ctf, event.cpu);

        if (!stream) {
            done = false;
        } else if (event.id == READER_GAP) {
            packet_close(stream);
            stream->head.discarded += event.payload;
        } else {
            event_write(stream, &event);
        }
    }
    done = done && !reader.failed;
    reader_end(&reader);
    return done;
}

static bool streams_close(struct ctf *ctf, bool keep)
{
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        struct stream *stream = ctf->streams[i];

        if (stream && stream->opened) {
            packet_close(stream);
            keep = output_close(&stream->output, keep, ctf->error) && keep;
        }
        free(stream);
    }
    return keep;
}

bool ctf_capture(const struct trace_file *file, const char *folder, struct trace_error *error)
{
    struct ctf *ctf;
    struct output metadata;
    struct names names;
    bool done;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return trace_fail(error, "%s: %s", folder, strerror(errno));
    }
    if (!names_load(&names, file, error)) {
        return false;
    }
    ctf = memory_new(sizeof *ctf);
    ctf->folder = folder;
    ctf->error = error;
    done = events_write(ctf, file);
    done = streams_close(ctf, done);
    if (done && file_open(ctf, &metadata, "metadata")) {
        metadata_write(&metadata, file, &names);
        done = output_close(&metadata, true, error);
    } else {
        done = false;
    }
    names_free(&names);
    free(ctf);
    return done;
}
