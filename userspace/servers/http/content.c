/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that are served: those of the file system (content_files.c) for who holds the capability `files`, else
 * those of the boot image.
 */
#include "http.h"

#include "weft/archive.h"
#include "weft/startup.h"
#include "weft/string.h"

static struct weft_archive archive;
static bool have_files;

const char *content_begin(void)
{
    have_files = weft_capability("files") != 0;
    return have_files ? files_begin() : weft_archive_open(&archive);
}

int content_open(struct content *content, const char *path)
{
    struct weft_archive_file file;

    if (have_files) {
        return files_open(content, path);
    }
    if (weft_archive_find(&archive, path + 1, &file) != NULL) {
        return 404;
    }
    *content = (struct content){.size = file.size, .bytes = file.bytes};
    return 200;
}

bool content_read(const struct content *content, uint64_t offset, void *out, size_t count)
{
    if (have_files) {
        return files_read(content, offset, out, count);
    }
    weft_copy(out, content->bytes + offset, count);
    return true;
}

void content_close(const struct content *content)
{
    if (have_files) {
        files_close(content);
    }
}
