/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the file system (weft/file.h). The session with it is one, and workers take turns with it: what they read they
 * copy out of the session's data before the next one's turn.
 */
#include "http.h"

#include "weft/file.h"
#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/sync.h"

#define FILES_PLACE (WEFT_FREE_BASE + 0x4000000ull) /* behind the session of the network */
#define FILES_PAGES 16u

static struct weft_files files;
static struct weft_mutex mutex; /* of all here */
static struct weft_file open_files[WORKERS_MAX];
static bool taken[WORKERS_MAX];

const char *files_begin(void)
{
    int64_t result = weft_files_open(&files, weft_capability("files"), FILES_PLACE, FILES_PAGES);
    return result == WEFT_FILE_OK ? NULL : weft_file_result_text(result);
}

static int status_of(int64_t result)
{
    switch (result) {
    case WEFT_FILE_NOT_FOUND:
    case WEFT_FILE_NOT_DIRECTORY:
    case WEFT_FILE_IS_DIRECTORY:
    case WEFT_FILE_BAD_NAME:
        return 404;
    case WEFT_FILE_TOO_MANY:
    case WEFT_FILE_LOST:
        return 503;
    default:
        return 500;
    }
}

static int64_t open_one(struct content *content, const char *path)
{
    uint32_t place = 0;

    while (taken[place]) { /* there are as many as workers */
        place++;
    }
    int64_t result = weft_file_open(&files, &open_files[place], path, WEFT_FILE_READ);
    if (result != WEFT_FILE_OK) {
        return result;
    }
    result = weft_file_size(&open_files[place]);
    if (result < 0) {
        (void)weft_file_close(&open_files[place]);
        return result;
    }
    taken[place] = true;
    *content = (struct content){.size = (uint64_t)result, .place = place};
    return WEFT_FILE_OK;
}

int files_open(struct content *content, const char *path)
{
    weft_mutex_lock(&mutex);
    int64_t result = open_one(content, path);
    weft_mutex_unlock(&mutex);
    return result == WEFT_FILE_OK ? 200 : status_of(result);
}

bool files_read(const struct content *content, uint64_t offset, void *out, size_t count)
{
    weft_mutex_lock(&mutex);
    int64_t result = weft_file_read_at(&open_files[content->place], offset, 0, count);
    bool good = result == (int64_t)count; /* or it has become shorter */
    if (good) {
        weft_copy(out, weft_files_data(&files, 0), count);
    }
    weft_mutex_unlock(&mutex);
    return good;
}

void files_close(const struct content *content)
{
    weft_mutex_lock(&mutex);
    (void)weft_file_close(&open_files[content->place]);
    taken[content->place] = false;
    weft_mutex_unlock(&mutex);
}
