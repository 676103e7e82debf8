/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads and checks ELF files, see weft/elf.h. The structures below are those of the ELF-64 format;
 * they are copied out of the file, which need not be aligned.
 */
#include "weft/elf.h"
#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/string.h"

#define IDENT "\177ELF\2\1\1" /* magic, 64 bits, little-endian, version 1 */
#define IDENT_CHECKED 7
#define TYPE_EXECUTABLE 2
#define SEGMENT_LOAD 1
#define SEGMENT_INTERPRETER 3
#define FLAG_EXECUTE 1u
#define FLAG_WRITE 2u
#define FLAG_READ 4u

#if defined(__x86_64__)
#define MACHINE 62
#else
#error "no ELF machine number for this architecture"
#endif

struct elf_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t program_offset;
    uint64_t section_offset;
    uint32_t flags;
    uint16_t header_size;
    uint16_t program_entry_size;
    uint16_t program_count;
    uint16_t section_entry_size;
    uint16_t section_count;
    uint16_t section_names;
};

struct elf_program {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t address;
    uint64_t physical;
    uint64_t file_size;
    uint64_t memory_size;
    uint64_t alignment;
};

static uint64_t segment_end(const struct weft_segment *segment)
{
    return weft_page_up(segment->address + segment->memory_size);
}

static const char *check_header(const struct elf_header *header)
{
    if (memcmp(header->ident, IDENT, IDENT_CHECKED) != 0) {
        return "it is no 64-bit little-endian ELF file";
    }
    if (header->type != TYPE_EXECUTABLE) {
        return "it is no executable at fixed addresses";
    }
    if (header->machine != MACHINE) {
        return "it is for another kind of machine";
    }
    if (header->program_entry_size != sizeof(struct elf_program)) {
        return "its program headers have an unknown size";
    }
    return NULL;
}

/* Appends one loadable segment after checking it against the file and those before it. */
static const char *add_segment(const struct elf_program *program, size_t size, struct weft_elf *out)
{
    if (program->memory_size == 0) {
        return NULL;
    }
    if (out->segment_count == WEFT_ELF_SEGMENTS_MAX) {
        return "it has too many segments";
    }
    if (program->offset > size || program->file_size > size - program->offset) {
        return "a segment lies outside of the file";
    }
    if (program->file_size > program->memory_size) {
        return "a segment is larger in the file than in memory";
    }
    if (program->address < WEFT_PROGRAM_BASE || program->address >= WEFT_PROGRAM_TOP ||
        program->memory_size > WEFT_PROGRAM_TOP - program->address) {
        return "a segment lies outside of the addresses for programs";
    }
    if ((program->flags & FLAG_WRITE) && (program->flags & FLAG_EXECUTE)) {
        return "a segment is both writable and executable";
    }
    struct weft_segment segment = {
        .address = program->address,
        .memory_size = program->memory_size,
        .file_offset = program->offset,
        .file_size = program->file_size,
        .access = (program->flags & FLAG_READ ? RIGHT_READ : 0) |
                  (program->flags & FLAG_WRITE ? RIGHT_READ | RIGHT_WRITE : 0) |
                  (program->flags & FLAG_EXECUTE ? RIGHT_READ | RIGHT_EXECUTE : 0),
    };
    if (segment.access == 0) {
        return "a segment has no access rights";
    }
    for (unsigned i = 0; i < out->segment_count; i++) {
        const struct weft_segment *other = &out->segments[i];
        if (weft_page_down(segment.address) < segment_end(other) &&
            weft_page_down(other->address) < segment_end(&segment)) {
            return "two segments share a page";
        }
    }
    out->segments[out->segment_count++] = segment;
    return NULL;
}

static const char *check_entry(const struct weft_elf *elf)
{
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct weft_segment *segment = &elf->segments[i];
        if ((segment->access & RIGHT_EXECUTE) && elf->entry >= segment->address &&
            elf->entry - segment->address < segment->memory_size) {
            return NULL;
        }
    }
    return "its entry lies in no executable segment";
}

const char *weft_elf_read(const uint8_t *bytes, size_t size, struct weft_elf *out)
{
    struct elf_header header;
    if (size < sizeof(header)) {
        return "it is too short for an ELF file";
    }
    memcpy(&header, bytes, sizeof(header));
    const char *problem = check_header(&header);
    if (problem != NULL) {
        return problem;
    }
    size_t table_size = (size_t)header.program_count * sizeof(struct elf_program);
    if (header.program_offset > size || table_size > size - header.program_offset) {
        return "its program headers lie outside of the file";
    }
    *out = (struct weft_elf){.entry = header.entry};
    for (unsigned i = 0; i < header.program_count; i++) {
        struct elf_program program;
        memcpy(&program, bytes + header.program_offset + i * sizeof(program), sizeof(program));
        if (program.type == SEGMENT_INTERPRETER) {
            return "it wants a dynamic linker";
        }
        problem = program.type == SEGMENT_LOAD ? add_segment(&program, size, out) : NULL;
        if (problem != NULL) {
            return problem;
        }
    }
    return check_entry(out);
}
