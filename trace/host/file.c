/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening a capture file and checking its header. Every message names what is wrong with the file
 * in one line, since people meet them with files that were cut short or come from another build.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "weft/trace_events.h"

static bool section_check(const struct capture_header *header, uint32_t index, size_t size,
                          struct trace_error *error)
{
    const struct capture_section *section = &header->sections[index];

    if (section->offset < header->header_size || section->offset > size ||
        section->bytes > size - section->offset) {
        return trace_fail(error, "section %u lies outside of the file", index);
    }
    if (section->kind > CAPTURE_SECTION_CLOCKS) {
        return trace_fail(error, "section %u is of unknown kind %u", index, section->kind);
    }
    if (section->kind >= CAPTURE_SECTION_METADATA) {
        return true;
    }
    if (section->cpu >= header->cpu_count) {
        return trace_fail(error, "section %u is of CPU %u, but there are only %u", index,
                          section->cpu, header->cpu_count);
    }
    if (section->offset % TRACE_RECORD_SIZE || section->bytes % TRACE_RECORD_SIZE) {
        return trace_fail(error, "section %u is not made of whole records", index);
    }
    for (uint32_t i = 0; i < index; i++) {
        if (header->sections[i].kind == section->kind && header->sections[i].cpu == section->cpu) {
            return trace_fail(error, "sections %u and %u are of the same CPU and kind", i, index);
        }
    }
    return true;
}

/* The clocks, if they are in it: one of each CPU, with values that a reader can use. */
static bool clocks_check(struct trace_file *file, struct trace_error *error)
{
    const struct capture_header *header = file->header;

    for (uint32_t i = 0; i < header->section_count; i++) {
        const struct capture_section *section = &header->sections[i];

        if (section->kind == CAPTURE_SECTION_CLOCKS) {
            file->clocks =
                (const struct capture_clock *)(const void *)(file->data + section->offset);
            if (section->offset % sizeof(uint64_t) ||
                section->bytes != header->cpu_count * sizeof *file->clocks) {
                return trace_fail(error, "section %u does not hold the clocks of %u CPUs", i,
                                  header->cpu_count);
            }
        }
    }
    for (uint32_t i = 0; file->clocks && i < header->cpu_count; i++) {
        const struct capture_clock *clock = &file->clocks[i];
        const int64_t bounds[] = {clock->offset, clock->lower, clock->upper, clock->boot_lower,
                                  clock->boot_upper};
        bool good =
            clock->cpu == i && clock->drift <= CLOCK_DRIFT_MAX && clock->drift >= -CLOCK_DRIFT_MAX;

        for (size_t j = 0; j < sizeof bounds / sizeof *bounds; j++) {
            good &= bounds[j] <= CLOCK_UNBOUNDED && bounds[j] >= -CLOCK_UNBOUNDED;
        }
        if (!good) {
            return trace_fail(error, "the record of CPU %u's clock is damaged", i);
        }
    }
    return true;
}

bool trace_file_check(struct trace_file *file, const void *data, size_t size,
                      struct trace_error *error)
{
    const struct capture_header *header = data;

    if (size < sizeof *header || memcmp(header->magic, CAPTURE_MAGIC, sizeof header->magic) != 0) {
        return trace_fail(error, "not a Weft capture");
    }
    if (header->schema_hash != TRACE_SCHEMA_HASH) {
        return trace_fail(error,
                          "the capture was made with another event schema (%016" PRIx64
                          ", this tool knows %016" PRIx64 ")",
                          header->schema_hash, (uint64_t)TRACE_SCHEMA_HASH);
    }
    if (header->record_size != TRACE_RECORD_SIZE || !header->cpu_count ||
        header->cpu_count > CAPTURE_CPUS_MAX || header->section_count > CAPTURE_SECTIONS_MAX ||
        !clock_is_possible(header->clock_hz)) {
        return trace_fail(error, "the header is damaged");
    }
    if (header->file_size != size) {
        return trace_fail(error, "the file has %zu bytes, its header says %" PRIu64, size,
                          header->file_size);
    }
    if (header->header_size % CAPTURE_ALIGNMENT || header->header_size > size ||
        header->header_size < sizeof *header + header->section_count * sizeof header->sections[0]) {
        return trace_fail(error, "the section table is damaged");
    }
    for (uint32_t i = 0; i < header->section_count; i++) {
        if (!section_check(header, i, size, error)) {
            return false;
        }
    }
    file->data = data;
    file->size = size;
    file->header = header;
    file->clocks = NULL;
    return clocks_check(file, error);
}

/* Reads what cannot be mapped, such as a pipe, into memory. */
static bool read_all(int descriptor, struct trace_file *file, struct trace_error *error)
{
    size_t capacity = 0, used = 0;
    unsigned char *bytes = NULL;

    for (;;) {
        ssize_t got;

        bytes = memory_grow(bytes, &capacity, used + (1 << 16), 1);
        got = read(descriptor, bytes + used, capacity - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(bytes);
            return trace_fail(error, "%s", strerror(errno));
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
    }
    file->owned = bytes;
    file->data = bytes;
    file->size = used;
    return true;
}

static bool map_all(int descriptor, size_t size, struct trace_file *file, struct trace_error *error)
{
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);

    if (data == MAP_FAILED) {
        return trace_fail(error, "%s", strerror(errno));
    }
    madvise(data, size, MADV_SEQUENTIAL);
    file->data = data;
    file->size = size;
    file->mapped = true;
    return true;
}

bool trace_file_open(struct trace_file *file, const char *path, struct trace_error *error)
{
    bool standard_input = strcmp(path, "-") == 0;
    int descriptor = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    bool done;

    *file = (struct trace_file){0};
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        done = trace_fail(error, "%s", strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        done = trace_fail(error, "is a directory");
    } else if (S_ISREG(status.st_mode) && status.st_size > 0) {
        done = map_all(descriptor, (size_t)status.st_size, file, error);
    } else {
        done = read_all(descriptor, file, error);
    }
    if (descriptor > STDIN_FILENO) {
        close(descriptor);
    }
    if (done && !trace_file_check(file, file->data, file->size, error)) {
        trace_file_close(file);
        return false;
    }
    return done;
}

void trace_file_close(struct trace_file *file)
{
    if (file->mapped) {
        munmap((void *)(uintptr_t)file->data, file->size);
    }
    free(file->owned);
    *file = (struct trace_file){0};
}
