/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets about processes, threads and tracks. Each is written right before the first event that needs
 * it, and never again. Processes and threads go into GenericKernelProcessTree packets, because they
 * alone keep thread ids and process ids apart and know idle threads.
 */
#include "clock.h"
#include "convert.h"

#include <stdio.h>

#include "weft/trace_events.h"

#define UNIT_BYTES 3u
#define UNKNOWN_PROCESS 0x7fffffffu /* pid for threads whose process is not known */

/* ---- processes and threads --------------------------------------------------------------------- */

static uint32_t process_pid(uint32_t process)
{
    return process ? process : UNKNOWN_PROCESS;
}

static void tree_write(struct convert *convert, const uint8_t *tree, size_t size)
{
    uint8_t packet[PACKET_SIZE], *at = proto_uint(packet, PACKET_TIMESTAMP, convert->start);

    at = proto_uint(at, PACKET_SEQUENCE, SEQUENCE_DESCRIPTORS);
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
    if (thread >= convert->thread_capacity) {
        convert->threads = memory_grow(convert->threads, &convert->thread_capacity,
                                       (size_t)thread + 1, sizeof *convert->threads);
    }
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

struct descriptor {
    uint64_t track, parent;
    const char *name;
    const char *description;  /* or null */
    uint32_t pid, tid;        /* a track of this thread or process */
    const char *process_name; /* of a process: for readers that do not know the process tree */
    bool counter, bytes;      /* a counter, of bytes */
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
    if (descriptor->description) {
        at = proto_string(at, 14, descriptor->description);
    }
    if (descriptor->pid) {
        inner = proto_open(at, descriptor->process_name ? 3 : 4);
        at = proto_uint(inner, 1, descriptor->pid);
        at = descriptor->process_name ? proto_string(at, 6, descriptor->process_name)
                                      : proto_uint(at, 2, descriptor->tid);
        at = proto_close(inner, at);
    }
    if (descriptor->counter) {
        inner = proto_open(at, 8);
        at = descriptor->bytes ? proto_uint(inner, 3, UNIT_BYTES) : inner;
        at = proto_close(inner, at);
    }
    at = proto_close(content, at);
    packet_write(convert, packet, (size_t)(at - packet));
}

uint64_t thread_track(struct convert *convert, uint32_t index, enum track_kind kind)
{
    const struct thread_name *thread = &convert->names.threads[index];
    struct convert_thread *state;
    struct descriptor descriptor = {.track = track_id(kind, index)};

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
        uint32_t index = names_process(&convert->names, process);

        id_table_put(&convert->process_described, process, 0);
        process_declare(convert, process);
        descriptor.process_name = convert->names.processes[index].name;
        descriptor_write(convert, &descriptor);
    }
    return descriptor.track;
}

uint64_t cpu_track(struct convert *convert, uint32_t cpu, enum track_kind kind)
{
    char name[32], clock[128];
    struct descriptor descriptor = {
        .track = track_id(kind, cpu),
        .name = name,
        .description = kind == TRACK_MAILBOX ? clock : NULL,
        .counter = kind == TRACK_DEPTH || kind == TRACK_RUN_QUEUE,
    };

    if (!(convert->cpus[cpu].described >> kind & 1)) {
        convert->cpus[cpu].described |= 1u << kind;
        clock_words(convert->file, cpu, clock, sizeof clock);
        snprintf(name, sizeof name, "cpu %u %s", cpu,
                 kind == TRACK_MAILBOX     ? "mailbox"
                 : kind == TRACK_DOORBELL  ? "doorbells"
                 : kind == TRACK_CROSSING  ? "crossings"
                 : kind == TRACK_DEPTH     ? "mailbox depth"
                 : kind == TRACK_RUN_QUEUE ? "run queue"
                                           : "lost events");
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

uint64_t capture_track(struct convert *convert)
{
    struct descriptor descriptor = {.track = track_id(TRACK_CAPTURE, 0), .name = "capture"};

    descriptor_write(convert, &descriptor);
    return descriptor.track;
}

uint64_t counter_track(struct convert *convert, uint32_t process, uint32_t string, const char *name)
{
    uint64_t key = (uint64_t)process << 32 | string;
    uint32_t number = id_table_get(&convert->counter_described, key);
    struct descriptor descriptor = {
        .name = name, .counter = true, .bytes = string == COUNTER_MEMORY};

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

/* The first packets: everybody who is known. */
void tracks_start(struct convert *convert)
{
    for (uint32_t i = 0; i < convert->names.process_count; i++) {
        process_declare(convert, convert->names.processes[i].id);
    }
    for (uint32_t i = 0; i < convert->names.thread_count; i++) {
        thread_declare(convert, i);
    }
}
