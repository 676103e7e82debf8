/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of files: content that says of which file it is, in which version, and where in it. No two words of any two files
 * or versions are alike. tests/boot/file_content.py knows it too.
 */
#pragma once

#include <stdint.h>

/* Positions and sizes are multiples of 8. */
static inline uint64_t content_word(uint64_t file, uint64_t version, uint64_t position)
{
    return file << 48 | version << 28 | position / 8;
}

static inline void content_fill(void *data, uint64_t file, uint64_t version, uint64_t position,
                                uint64_t bytes)
{
    uint64_t *words = data;
    for (uint64_t i = 0; i < bytes / 8; i++) {
        words[i] = content_word(file, version, position + i * 8);
    }
}

/* How many bytes at the beginning are as they should be. */
static inline uint64_t content_right(const void *data, uint64_t file, uint64_t version,
                                     uint64_t position, uint64_t bytes)
{
    const uint64_t *words = data;
    uint64_t i = 0;
    while (i < bytes / 8 && words[i] == content_word(file, version, position + i * 8)) {
        i++;
    }
    return i * 8;
}
