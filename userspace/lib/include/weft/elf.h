/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loader needs to know of an ELF file: a static, little-endian 64-bit program. Any bytes
 * may be given; what weft_elf_read() accepts can be loaded without another check:
 *
 *     every segment's content lies within the file, its addresses within the range for programs,
 *     no two segments share a page, none is both writable and executable,
 *     and the entry lies in an executable segment.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WEFT_ELF_SEGMENTS_MAX 8

struct weft_segment {
    uint64_t address;
    uint64_t memory_size; /* > 0; the part behind the content is zero */
    uint64_t file_offset;
    uint64_t file_size;
    unsigned access; /* RIGHT_READ, RIGHT_WRITE, RIGHT_EXECUTE */
};

struct weft_elf {
    uint64_t entry;
    unsigned segment_count;
    struct weft_segment segments[WEFT_ELF_SEGMENTS_MAX];
};

/* NULL, or why this program cannot be loaded. */
const char *weft_elf_read(const uint8_t *bytes, size_t size, struct weft_elf *out);
