/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the boot image: a cpio archive in the `newc` format, in memory. Nothing is copied; what
 * is found points into the archive. Every length is checked against the archive's end, so any bytes
 * may be given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct weft_archive {
    const uint8_t *bytes;
    size_t size;
};

struct weft_archive_file {
    const uint8_t *bytes;
    size_t size;
};

/* Walks through the archive: NULL when it is well-formed up to its trailer, else what is wrong. */
const char *weft_archive_check(const struct weft_archive *archive);

/* The file of this name (leading "./" does not count); NULL, or why it cannot be had. */
const char *weft_archive_find(const struct weft_archive *archive, const char *name,
                              struct weft_archive_file *out);

/* Maps the boot image that the capability `initrd` stands for; to be called once per process.
 * NULL, or why not. */
const char *weft_archive_open(struct weft_archive *out);
