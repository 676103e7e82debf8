/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that are served: those of the boot image.
 */
#include "http.h"

#include "weft/archive.h"
#include "weft/string.h"

static struct weft_archive archive;

const char *content_begin(void)
{
    return weft_archive_open(&archive);
}

int content_open(struct content *content, const char *path)
{
    struct weft_file file;

    if (weft_archive_find(&archive, path + 1, &file) != NULL) {
        return 404;
    }
    *content = (struct content){.size = file.size, .bytes = file.bytes};
    return 200;
}

bool content_read(struct content *content, uint64_t offset, void *out, size_t count)
{
    memcpy(out, content->bytes + offset, count);
    return true;
}

void content_close(struct content *content)
{
    (void)content;
}
