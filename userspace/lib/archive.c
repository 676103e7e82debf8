/* SPDX-License-Identifier: Apache-2.0
 *
 * The cpio format `newc`, as far as a boot image needs it. Each entry is
 *
 *     110 bytes of header: "070701" and thirteen numbers of eight hexadecimal digits
 *     the name with its NUL, then zeros up to a multiple of 4 from the archive's start
 *     the content, then zeros up to a multiple of 4
 *
 * and an entry named TRAILER!!! ends the archive. Only the number 6 (size of the content) and 11
 * (size of the name) matter here.
 */
#include "weft/archive.h"
#include "weft/string.h"

#define HEADER_SIZE 110u
#define MAGIC "070701"
#define MAGIC_SIZE 6u
#define FIELD_SIZE 8u
#define FIELD_FILE_SIZE 6u
#define FIELD_NAME_SIZE 11u
#define TRAILER "TRAILER!!!"

struct entry {
    const char *name; /* NUL-terminated */
    struct weft_archive_file file;
    size_t next; /* offset of the entry behind it */
};

static _Bool read_field(const uint8_t *header, unsigned field, size_t *out)
{
    size_t value = 0;
    for (unsigned i = 0; i < FIELD_SIZE; i++) {
        unsigned digit = header[MAGIC_SIZE + field * FIELD_SIZE + i];
        unsigned lower = digit | 0x20;
        if (digit >= '0' && digit <= '9') {
            value = value << 4 | (digit - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            value = value << 4 | (lower - 'a' + 10);
        } else {
            return 0;
        }
    }
    *out = value;
    return 1;
}

static size_t align4(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

/* Reads the entry at `offset`. All sums stay below 2^34, so that they cannot overflow. */
static const char *read_entry(const struct weft_archive *archive, size_t offset, struct entry *out)
{
    if (offset > archive->size || archive->size - offset < HEADER_SIZE) {
        return "the archive ends in the middle of an entry";
    }
    const uint8_t *header = archive->bytes + offset;
    size_t file_size, name_size;
    if (memcmp(header, MAGIC, MAGIC_SIZE) != 0) {
        return "an entry does not begin with the cpio newc magic";
    }
    if (!read_field(header, FIELD_FILE_SIZE, &file_size) ||
        !read_field(header, FIELD_NAME_SIZE, &name_size)) {
        return "an entry's header holds something that is no number";
    }
    size_t content = align4(offset + HEADER_SIZE + name_size);
    if (name_size == 0 || content > archive->size || archive->size - content < file_size) {
        return "an entry is longer than the archive";
    }
    const char *name = (const char *)header + HEADER_SIZE;
    if (name[name_size - 1] != '\0') {
        return "an entry's name has no end";
    }
    *out = (struct entry){
        .name = name,
        .file = {.bytes = archive->bytes + content, .size = file_size},
        .next = align4(content + file_size),
    };
    return NULL;
}

static const char *plain_name(const char *name)
{
    return strncmp(name, "./", 2) == 0 ? name + 2 : name;
}

/* Looks for a name; without one, walks up to the trailer. */
static const char *walk(const struct weft_archive *archive, const char *wanted,
                        struct weft_archive_file *out)
{
    for (size_t offset = 0;;) {
        struct entry entry;
        const char *problem = read_entry(archive, offset, &entry);
        if (problem != NULL) {
            return problem;
        }
        if (strcmp(entry.name, TRAILER) == 0) {
            return wanted ? "there is no such file" : NULL;
        }
        if (wanted && strcmp(plain_name(entry.name), wanted) == 0) {
            *out = entry.file;
            return NULL;
        }
        offset = entry.next;
    }
}

const char *weft_archive_check(const struct weft_archive *archive)
{
    return walk(archive, NULL, NULL);
}

const char *weft_archive_find(const struct weft_archive *archive, const char *name,
                              struct weft_archive_file *out)
{
    return walk(archive, name, out);
}
