/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets about names and tracks, and TrackEvents. All TrackEvents form one sequence with interned
 * names; a name or a track is written in a packet of its own right before the event that needs it
 * first, and never again. Processes and threads go into GenericKernelProcessTree packets, because
 * they alone keep thread ids and process ids apart and know idle threads.
 */
#include "convert.h"

#include <stdarg.h>
#include <stdio.h>

#include "weft/trace_events.h"

#define SEQUENCE_ID 1u
/* The reader takes the last thread that a sequence described for that of all its later events, and so
 * brings it back to life as a nameless second one if it has ended. A sequence without events has none. */
#define SEQUENCE_DESCRIPTORS 2u
#define SEQUENCE_CLEARED 1u
#define SEQUENCE_NEEDS_STATE 2u
#define UNKNOWN_PROCESS 0x7fffffffu /* pid for threads whose process is not known */

enum packet_field {
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_INTERNED = 12,
    PACKET_FLAGS = 13,
    PACKET_DESCRIPTOR = 60,
    PACKET_PROCESS_TREE = 122,
};

static const char *const category_names[CATEGORY_COUNT] = {
    [CATEGORY_IPC] = "ipc",         [CATEGORY_SMP] = "smp",     [CATEGORY_USER] = "user",
    [CATEGORY_SYSCALL] = "syscall", [CATEGORY_FAULT] = "fault", [CATEGORY_LIFE] = "life",
};

static const char *const note_names[NOTE_COUNT] = {
    [NOTE_MESSAGE] = "message",
    [NOTE_ENDPOINT] = "endpoint",
    [NOTE_PATH] = "path",
    [NOTE_VALUE] = "value",
    [NOTE_ADDRESS] = "address",
    [NOTE_STATUS] = "status",
    [NOTE_BITS] = "bits",
    [NOTE_OBJECT] = "object",
    [NOTE_RIGHTS] = "rights",
    [NOTE_CAPABILITIES] = "capabilities",
    [NOTE_MAPPINGS] = "mappings",
    [NOTE_ENDED] = "ended",
    [NOTE_SLICE_ENDED] = "slice_ended",
    [NOTE_POLLED] = "polled",
    [NOTE_SERVER] = "server",
    [NOTE_VECTOR] = "vector",
    [NOTE_SHARE] = "share",
};

static const char *const words[] = {
    [WORD_SEND] = "send",
    [WORD_REPLY] = "reply",
    [WORD_RESUME] = "resume",
    [WORD_SAVE] = "set aside",
    [WORD_ABORTED] = "call aborted",
    [WORD_NOTIFIED] = "notified",
    [WORD_DOORBELL_RECEIVE] = "doorbell received",
    [WORD_PAGE_FAULT] = "page fault",
    [WORD_HALT] = "halt",
    [WORD_PROCESS_EXIT] = "process exited",
    [WORD_PROCESS_FAULT] = "process faulted",
    [WORD_PROCESS_KILLED] = "process killed",
    [WORD_PROCESS_CREATE] = "process created",
    [WORD_TIMER] = "timer",
    [WORD_SUSPENDED] = "suspended",
    [WORD_PENDING] = "held for its driver",
    [WORD_INTERRUPT] = "interrupt",
    [WORD_ACKNOWLEDGE] = "acknowledge",
    [WORD_OUT_OF_BUDGET] = "out of budget",
    [WORD_MASK] = "categories switched",
    [WORD_THREAD_EXIT] = "thread exited",
    [WORD_LOST] = "events lost",
};

void packet_write(struct convert *convert, const uint8_t *packet, size_t size)
{
    uint8_t head[16];
    uint8_t *end = proto_varint(proto_tag(head, 1, WIRE_BYTES), size);

    output_write(convert->output, head, (size_t)(end - head));
    output_write(convert->output, packet, size);
}

/* ---- names ------------------------------------------------------------------------------------- */

static uint64_t interned_key(uint32_t kind, uint32_t key)
{
    return (uint64_t)kind << 32 | key;
}

static void interned_write(struct convert *convert, unsigned field, uint64_t id, const char *name)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *data, *entry;

    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_ID);
    at = proto_uint(at, PACKET_FLAGS, SEQUENCE_NEEDS_STATE);
    data = proto_open(at, PACKET_INTERNED);
    entry = proto_open(data, field);
    at = proto_uint(entry, 1, id);
    at = proto_string(at, 2, name);
    at = proto_close(data, proto_close(entry, at));
    packet_write(convert, packet, (size_t)(at - packet));
}

uint64_t intern(struct convert *convert, uint32_t kind, uint32_t key, const char *format, ...)
{
    uint32_t id = id_table_get(&convert->interned, interned_key(kind, key));
    char name[160];
    va_list arguments;

    if (id != ID_NONE) {
        return id;
    }
    id = (uint32_t)++convert->next_interned;
    id_table_put(&convert->interned, interned_key(kind, key), id);
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    interned_write(convert, 2, id, name);
    return id;
}

uint64_t word(struct convert *convert, enum word which)
{
    return intern(convert, INTERN_WORD, which, "%s", words[which]);
}

/* ---- processes and threads --------------------------------------------------------------------- */

static uint32_t process_pid(uint32_t process)
{
    return process ? process : UNKNOWN_PROCESS;
}

static void tree_write(struct convert *convert, const uint8_t *tree, size_t size)
{
    uint8_t packet[PACKET_SIZE], *at = proto_uint(packet, PACKET_TIMESTAMP, convert->start);

    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_ID);
    at = proto_bytes(at, PACKET_PROCESS_TREE, tree, size);
    packet_write(convert, packet, (size_t)(at - packet));
}

static void process_declare(struct convert *convert, uint32_t id)
{
    uint8_t tree[256], *entry = proto_open(tree, 1), *at;
    const struct process_name *process;
    uint32_t index = names_process(&convert->names, id);

    if (id_table_get(&convert->process_declared, id) != ID_NONE) {
        return;
    }
    id_table_put(&convert->process_declared, id, 0);
    process = &convert->names.processes[index];
    at = proto_uint(entry, 1, process_pid(id));
    if (process->parent) {
        at = proto_uint(at, 2, process->parent);
    }
    at = proto_close(entry, proto_string(at, 3, process->name));
    tree_write(convert, tree, (size_t)(at - tree));
}

struct convert_thread *convert_thread(struct convert *convert, uint32_t thread)
{
    convert->threads = memory_grow(convert->threads, &convert->thread_capacity, (size_t)thread + 1,
                                   sizeof *convert->threads);
    return &convert->threads[thread];
}

void thread_declare(struct convert *convert, uint32_t index)
{
    struct convert_thread *state = convert_thread(convert, index);
    const struct thread_name *thread = &convert->names.threads[index];
    uint8_t tree[256], *entry, *at;

    if (state->declared) {
        return;
    }
    state->declared = true;
    process_declare(convert, thread->process);
    entry = proto_open(tree, 2);
    at = proto_uint(entry, 1, thread->id);
    at = proto_uint(at, 2, process_pid(thread->process));
    at = proto_string(at, 3, thread->name);
    if (thread->idle_cpu != ID_NONE) {
        at = proto_uint(at, 5, 1);
    }
    at = proto_close(entry, at);
    tree_write(convert, tree, (size_t)(at - tree));
}

/* ---- tracks ------------------------------------------------------------------------------------ */

static uint64_t track_id(enum track_kind kind, uint32_t whose)
{
    return (uint64_t)kind << 32 | whose;
}

struct descriptor {
    uint64_t track, parent;
    const char *name;
    uint32_t pid, tid; /* a track of this thread (both set) or process (pid only) */
    bool counter;
};

static void descriptor_write(struct convert *convert, const struct descriptor *descriptor)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *content, *inner;

    at = proto_uint(at, PACKET_TIMESTAMP, convert->start);
    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_DESCRIPTORS);
    content = proto_open(at, PACKET_DESCRIPTOR);
    at = proto_uint(content, 1, descriptor->track);
    if (descriptor->name) {
        at = proto_string(at, 2, descriptor->name);
    }
    if (descriptor->parent) {
        at = proto_uint(at, 5, descriptor->parent);
    }
    if (descriptor->pid) {
        inner = proto_open(at, descriptor->tid ? 4 : 3);
        at = proto_uint(inner, 1, descriptor->pid);
        at = descriptor->tid ? proto_uint(at, 2, descriptor->tid) : at;
        at = proto_close(inner, at);
    }
    if (descriptor->counter) {
        inner = proto_open(at, 8);
        at = proto_close(inner, inner);
    }
    at = proto_close(content, at);
    packet_write(convert, packet, (size_t)(at - packet));
}

uint64_t thread_track(struct convert *convert, uint32_t index, enum track_kind kind)
{
    const struct thread_name *thread = &convert->names.threads[index];
    struct convert_thread *state;
    struct descriptor descriptor = {.track = track_id(kind, thread->id)};

    thread_declare(convert, index);
    state = &convert->threads[index];
    if (state->described[kind]) {
        return descriptor.track;
    }
    state->described[kind] = true;
    if (kind == TRACK_THREAD) {
        descriptor.pid = process_pid(thread->process);
        descriptor.tid = thread->id;
    } else {
        descriptor.parent = thread_track(convert, index, TRACK_THREAD);
        descriptor.name = kind == TRACK_USER       ? "user"
                          : kind == TRACK_SYSCALLS ? "system calls"
                                                   : "rests";
    }
    descriptor_write(convert, &descriptor);
    return descriptor.track;
}

uint64_t process_track(struct convert *convert, uint32_t process)
{
    struct descriptor descriptor = {.track = track_id(TRACK_PROCESS, process),
                                    .pid = process_pid(process)};

    if (id_table_get(&convert->process_described, process) == ID_NONE) {
        id_table_put(&convert->process_described, process, 0);
        process_declare(convert, process);
        descriptor_write(convert, &descriptor);
    }
    return descriptor.track;
}

uint64_t mailbox_track(struct convert *convert, uint32_t cpu)
{
    char name[32];
    struct descriptor descriptor = {.track = track_id(TRACK_MAILBOX, cpu), .name = name};

    if (!convert->cpu_described[cpu]) {
        convert->cpu_described[cpu] = true;
        snprintf(name, sizeof name, "cpu %u mailbox", cpu);
        descriptor_write(convert, &descriptor);
    }
    return descriptor.track;
}

uint64_t device_track(struct convert *convert, uint32_t interrupt)
{
    char name[96];
    struct descriptor descriptor = {.track = track_id(TRACK_DEVICE, interrupt), .name = name};

    names_object_label(&convert->names, interrupt, name, sizeof name);
    descriptor_write(convert, &descriptor);
    return descriptor.track;
}

uint64_t counter_track(struct convert *convert, uint32_t process, uint32_t string, const char *name)
{
    uint64_t key = (uint64_t)process << 32 | string;
    uint32_t number = id_table_get(&convert->counter_described, key);
    struct descriptor descriptor = {.name = name, .counter = true};

    if (number != ID_NONE) {
        return track_id(TRACK_COUNTER, number);
    }
    number = (uint32_t)convert->counter_described.used;
    id_table_put(&convert->counter_described, key, number);
    descriptor.parent = process_track(convert, process);
    descriptor.track = track_id(TRACK_COUNTER, number);
    descriptor_write(convert, &descriptor);
    return descriptor.track;
}

/* ---- events ------------------------------------------------------------------------------------ */

/* Flows in the fields of today (47, 48) and of 2021 (36, 42), which newer readers then ignore. */
static uint8_t *flows_put(uint8_t *at, const uint64_t *flows, unsigned field, unsigned old_field)
{
    for (unsigned i = 0; i < FLOWS_MAX && flows[i]; i++) {
        at = proto_fixed64(at, field, flows[i]);
        at = proto_uint(at, old_field, flows[i]);
    }
    return at;
}

static uint8_t *note_put(uint8_t *at, const struct note *note)
{
    uint8_t *content = proto_open(at, 4);

    at = note->label ? proto_string(content, 10, note->label) : proto_uint(content, 1, note->name);
    at = note->text ? proto_string(at, 6, note->text) : proto_uint(at, 3, note->value);
    return proto_close(content, at);
}

void track_write(struct convert *convert, const struct track_event *event)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *content;

    at = proto_uint(at, PACKET_TIMESTAMP, event->time);
    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_ID);
    at = proto_uint(at, PACKET_FLAGS, SEQUENCE_NEEDS_STATE);
    content = proto_open(at, PACKET_TRACK_EVENT);
    at = proto_uint(content, 9, event->type);
    at = proto_uint(at, 11, event->track);
    if (event->category) {
        at = proto_uint(at, 3, event->category);
    }
    if (event->name) {
        at = proto_uint(at, 10, event->name);
    }
    if (event->type == TRACK_VALUE) {
        at = proto_uint(at, 30, (uint64_t)event->value);
    }
    at = flows_put(at, event->flows, 47, 36);
    at = flows_put(at, event->ends, 48, 42);
    for (unsigned i = 0; i < NOTES_MAX && event->notes[i].name; i++) {
        at = note_put(at, &event->notes[i]);
    }
    for (unsigned i = 0; i < event->more_count; i++) {
        at = note_put(at, &event->more[i]);
    }
    at = proto_close(content, at);
    packet_write(convert, packet, (size_t)(at - packet));
}

/* The first packets: a fresh sequence, the names that it will use, and everybody who is known. */
void tracks_start(struct convert *convert)
{
    uint8_t packet[PACKET_SIZE], *at = packet, *data, *entry;

    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_ID);
    at = proto_uint(at, PACKET_FLAGS, SEQUENCE_CLEARED | SEQUENCE_NEEDS_STATE);
    data = proto_open(at, PACKET_INTERNED);
    at = data;
    for (unsigned i = 1; i < CATEGORY_COUNT; i++) {
        entry = proto_open(at, 1);
        at = proto_close(entry, proto_string(proto_uint(entry, 1, i), 2, category_names[i]));
    }
    for (unsigned i = 1; i < NOTE_COUNT; i++) {
        const char *name = i < NOTE_STAGE ? note_names[i] : stage_names[i - NOTE_STAGE];

        entry = proto_open(at, 3);
        at = proto_close(entry, proto_string(proto_uint(entry, 1, i), 2, name));
    }
    at = proto_close(data, at);
    packet_write(convert, packet, (size_t)(at - packet));
    for (uint32_t i = 0; i < convert->names.process_count; i++) {
        process_declare(convert, convert->names.processes[i].id);
    }
    for (uint32_t i = 0; i < convert->names.thread_count; i++) {
        thread_declare(convert, i);
    }
}
