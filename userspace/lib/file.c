/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's side of the file system; the header is the manual.
 */
#include "weft/file.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define ATTEMPTS 16u /* instances in a row that may die with one call */

/* ---- calls ---------------------------------------------------------------------------------------- */

/* What goes with a message, each way. */
struct luggage {
    const void *send;
    uint32_t send_bytes;
    void *receive;
    uint32_t receive_bytes;
};

static status_t attach_once(struct weft_files *files, _Bool fresh, int64_t *result)
{
    struct weft_message message = {{WEFT_FILES_ATTACH, files->bytes / WEFT_PAGE_SIZE, fresh}};
    struct weft_ipc ipc = {.send_count = 1,
                           .send_handles = {(uint32_t)files->memory},
                           .send_rights = {RIGHT_READ | RIGHT_WRITE | RIGHT_COPY}};
    status_t status = weft_ipc_call_with(files->service, &message, &ipc);
    *result = (int64_t)message.words[0];
    return status;
}

/* Asks until an instance has answered: 0 or more, or what went wrong. `message` becomes the answer. `died`, if not
 * NULL: whether an instance had the call and died, which may have carried it out. */
static int64_t ask(struct weft_files *files, struct weft_message *message,
                   const struct luggage *luggage, _Bool *died)
{
    const struct weft_message request = *message;
    int64_t result = WEFT_FILE_NO_SESSION;

    for (unsigned turn = 0; turn < ATTEMPTS; turn++) {
        struct weft_ipc ipc = {0};
        if (luggage != NULL) {
            ipc = (struct weft_ipc){.send_address = (uint64_t)luggage->send,
                                    .send_bytes = luggage->send_bytes,
                                    .receive_address = (uint64_t)luggage->receive,
                                    .receive_bytes = luggage->receive_bytes};
        }
        *message = request;
        status_t status = weft_ipc_call_with(files->service, message, &ipc);
        result = (int64_t)message->words[0];
        if (status >= 0 && result == WEFT_FILE_NO_SESSION) { /* another instance than before */
            status = attach_once(files, 0, &result);
            if (status >= 0 && result != WEFT_FILE_OK) {
                return result;
            }
        } else if (status >= 0) {
            return result;
        } else if (status == STATUS_DEAD && died != NULL) {
            *died = 1;
        }
        if (status < 0 && status != STATUS_DEAD) {
            return WEFT_FILE_BAD; /* no capability, or not to an endpoint */
        }
        files->deaths += status == STATUS_DEAD;
    }
    return WEFT_FILE_LOST;
}

/* Calls that name one thing or two. */
static int64_t ask_by_name(struct weft_files *files, struct weft_message *message, const char *path,
                           const char *second, _Bool *died)
{
    char names[2 * WEFT_FILE_PATH_MAX];
    struct luggage luggage = {.send = names, .send_bytes = (uint32_t)strlen(path) + 1};
    uint64_t more = second != NULL ? strlen(second) + 1 : 0;

    if (luggage.send_bytes > WEFT_FILE_PATH_MAX || more > WEFT_FILE_PATH_MAX) {
        return WEFT_FILE_BAD_NAME;
    }
    memcpy(names, path, luggage.send_bytes);
    if (second != NULL) {
        memcpy(names + luggage.send_bytes, second, more);
        luggage.send_bytes += (uint32_t)more;
    }
    return ask(files, message, &luggage, died);
}

/* ---- sessions ------------------------------------------------------------------------------------- */

int64_t weft_files_open(struct weft_files *files, uint64_t service, uint64_t place, uint64_t pages)
{
    *files = (struct weft_files){
        .service = service, .here = (uint8_t *)place, .bytes = pages * WEFT_PAGE_SIZE};
    if (pages == 0 || pages > WEFT_FILES_PAGES) {
        return WEFT_FILE_BAD;
    }
    if (weft_memory_create(pages, &files->memory) != STATUS_OK) {
        return WEFT_FILE_NO_SPACE;
    }
    int64_t result = WEFT_FILE_BAD;
    if (weft_memory_map(HANDLE_SELF, files->memory, place, 0, pages, RIGHT_READ | RIGHT_WRITE) !=
        STATUS_OK) {
        goto no_mapping;
    }
    status_t status = STATUS_DEAD;
    for (unsigned turn = 0; turn < ATTEMPTS && status == STATUS_DEAD; turn++) {
        status = attach_once(files, 1, &result);
    }
    if (status < 0) {
        result = status == STATUS_DEAD ? WEFT_FILE_LOST : WEFT_FILE_BAD;
    }
    if (result == WEFT_FILE_OK) {
        return result;
    }
    (void)weft_memory_unmap(HANDLE_SELF, place, pages);
no_mapping:
    (void)weft_cap_delete(files->memory);
    return result;
}

void weft_files_close(struct weft_files *files)
{
    struct weft_message message = {{WEFT_FILES_DETACH}};
    (void)weft_ipc_call(files->service,
                        &message); /* an instance that is gone has nothing to let go */
    (void)weft_memory_unmap(HANDLE_SELF, (uint64_t)files->here, files->bytes / WEFT_PAGE_SIZE);
    (void)weft_cap_delete(files->memory);
}

/* ---- files ---------------------------------------------------------------------------------------- */

static int64_t transfer(struct weft_file *file, enum weft_file_message operation, uint64_t position,
                        uint64_t offset, uint64_t bytes)
{
    struct weft_message message = {{operation, file->handle, position, offset << 32 | bytes}};
    if (offset > file->files->bytes || bytes > file->files->bytes - offset) {
        return WEFT_FILE_BAD; /* the server says so too, of what fits into a message */
    }
    int64_t result = ask(file->files, &message, NULL, NULL);
    if (result != WEFT_FILE_OK) {
        return result;
    }
    return message.words[1] <= bytes ? (int64_t)message.words[1] : WEFT_FILE_LOST;
}

/* Sends what was gathered, of whichever file. */
static void send(struct weft_files *files)
{
    struct weft_file *owner = files->owner;

    if (owner != NULL && files->dirty && files->length > 0) {
        int64_t result = transfer(owner, WEFT_FILES_WRITE, files->start, 0, files->length);
        if (result < 0) {
            owner->error = result;
        }
    }
    files->owner = NULL;
    files->dirty = 0;
    files->length = 0;
}

static int64_t take_error(struct weft_file *file)
{
    int64_t error = file->error;
    file->error = 0;
    return error;
}

int64_t weft_file_open(struct weft_files *files, struct weft_file *file, const char *path,
                       uint32_t flags)
{
    struct weft_message message = {{WEFT_FILES_OPEN, flags, ++files->cookie}};

    *file = (struct weft_file){.files = files};
    send(files); /* it may be the same file */
    int64_t result = ask_by_name(files, &message, path, NULL, NULL);
    if (result == WEFT_FILE_OK) {
        file->handle = message.words[1];
        file->position = (flags & WEFT_FILE_APPEND) != 0 ? message.words[2] : 0;
    }
    return result;
}

int64_t weft_file_close(struct weft_file *file)
{
    struct weft_message message = {{WEFT_FILES_CLOSE, file->handle}};

    if (file->files->owner == file) {
        send(file->files);
    }
    int64_t result = ask(file->files, &message, NULL, NULL);
    int64_t error = take_error(file);
    return error != 0 ? error : result;
}

int64_t weft_file_read(struct weft_file *file, void *to, uint64_t bytes)
{
    struct weft_files *files = file->files;
    uint8_t *out = to;
    uint64_t done = 0;

    while (done < bytes) {
        if (files->owner != file || files->dirty || file->position < files->start ||
            file->position >= files->start + files->length) {
            send(files);
            int64_t got = transfer(file, WEFT_FILES_READ, file->position, 0, files->bytes);
            if (got <= 0) {
                return got < 0 && done == 0 ? got : (int64_t)done;
            }
            files->owner = file;
            files->start = file->position;
            files->length = (uint64_t)got;
        }
        uint64_t within = file->position - files->start;
        uint64_t piece = files->length - within;
        piece = piece < bytes - done ? piece : bytes - done;
        weft_copy(out + done, files->here + within, piece);
        file->position += piece;
        done += piece;
    }
    return (int64_t)done;
}

int64_t weft_file_write(struct weft_file *file, const void *from, uint64_t bytes)
{
    struct weft_files *files = file->files;
    const uint8_t *in = from;

    for (uint64_t done = 0; done < bytes;) {
        if (files->owner != file || !files->dirty ||
            file->position != files->start + files->length || files->length == files->bytes) {
            send(files);
            files->owner = file;
            files->dirty = 1;
            files->start = file->position;
        }
        if (file->error != 0) {
            return take_error(file);
        }
        uint64_t piece = files->bytes - files->length;
        piece = piece < bytes - done ? piece : bytes - done;
        weft_copy(files->here + files->length, in + done, piece);
        files->length += piece;
        file->position += piece;
        done += piece;
    }
    return (int64_t)bytes;
}

int64_t weft_file_read_at(struct weft_file *file, uint64_t position, uint64_t offset,
                          uint64_t bytes)
{
    send(file->files);
    return transfer(file, WEFT_FILES_READ, position, offset, bytes);
}

int64_t weft_file_write_at(struct weft_file *file, uint64_t position, uint64_t offset,
                           uint64_t bytes)
{
    send(file->files);
    int64_t error = take_error(file);
    return error != 0 ? error : transfer(file, WEFT_FILES_WRITE, position, offset, bytes);
}

int64_t weft_file_size(struct weft_file *file)
{
    struct weft_message message = {{WEFT_FILES_SIZE, file->handle}};

    send(file->files);
    int64_t result = ask(file->files, &message, NULL, NULL);
    return result == WEFT_FILE_OK ? (int64_t)message.words[1] : result;
}

int64_t weft_file_truncate(struct weft_file *file, uint64_t size)
{
    struct weft_message message = {{WEFT_FILES_TRUNCATE, file->handle, size}};

    send(file->files);
    int64_t error = take_error(file);
    return error != 0 ? error : ask(file->files, &message, NULL, NULL);
}

int64_t weft_file_sync(struct weft_file *file)
{
    struct weft_message message = {{WEFT_FILES_SYNC}};

    if (file->files->owner == file) {
        send(file->files);
    }
    int64_t error = take_error(file);
    return error != 0 ? error : ask(file->files, &message, NULL, NULL);
}

/* ---- names ---------------------------------------------------------------------------------------- */

int64_t weft_files_remove(struct weft_files *files, const char *path)
{
    struct weft_message message = {{WEFT_FILES_REMOVE}};
    _Bool died = 0;

    send(files);
    int64_t result = ask_by_name(files, &message, path, NULL, &died);
    return died && result == WEFT_FILE_NOT_FOUND ? WEFT_FILE_OK : result;
}

int64_t weft_files_make_directory(struct weft_files *files, const char *path)
{
    struct weft_message message = {{WEFT_FILES_MAKE_DIRECTORY}};
    struct weft_file_entry entry;
    _Bool died = 0;

    send(files);
    int64_t result = ask_by_name(files, &message, path, NULL, &died);
    _Bool there = died && result == WEFT_FILE_EXISTS &&
                  weft_files_stat(files, path, &entry) == WEFT_FILE_OK &&
                  entry.kind == WEFT_FILE_DIRECTORY;
    return there ? WEFT_FILE_OK : result;
}

int64_t weft_files_rename(struct weft_files *files, const char *from, const char *to)
{
    struct weft_message message = {{WEFT_FILES_RENAME}};
    struct weft_file_entry entry;
    _Bool died = 0;

    send(files);
    int64_t result = ask_by_name(files, &message, from, to, &died);
    _Bool done = died && result == WEFT_FILE_NOT_FOUND &&
                 weft_files_stat(files, from, &entry) == WEFT_FILE_NOT_FOUND &&
                 weft_files_stat(files, to, &entry) == WEFT_FILE_OK;
    return done ? WEFT_FILE_OK : result;
}

int64_t weft_files_stat(struct weft_files *files, const char *path, struct weft_file_entry *entry)
{
    struct weft_message message = {{WEFT_FILES_STAT}};

    send(files);
    int64_t result = ask_by_name(files, &message, path, NULL, NULL);
    if (result == WEFT_FILE_OK) {
        const char *name = path + strlen(path);
        while (name > path && name[-1] != '/') {
            name--;
        }
        entry->kind = (uint32_t)message.words[1];
        entry->size = message.words[2];
        (void)weft_string_copy(entry->name, name, sizeof(entry->name));
    }
    return result;
}

int64_t weft_files_list(struct weft_files *files, const char *path, uint64_t *next,
                        struct weft_file_entry *entries, uint32_t count)
{
    uint64_t most = count < WEFT_FILES_LIST_MAX ? count : WEFT_FILES_LIST_MAX;
    struct weft_message message = {{WEFT_FILES_LIST, *next, most}};
    struct luggage luggage = {.send = path,
                              .send_bytes = (uint32_t)strnlen(path, WEFT_FILE_PATH_MAX) + 1,
                              .receive = entries,
                              .receive_bytes = (uint32_t)(most * sizeof(*entries))};

    if (luggage.send_bytes > WEFT_FILE_PATH_MAX) {
        return WEFT_FILE_BAD_NAME;
    }
    send(files);
    int64_t result = ask(files, &message, &luggage, NULL);
    if (result != WEFT_FILE_OK) {
        return result;
    }
    *next = message.words[2];
    return (int64_t)(message.words[1] < most ? message.words[1] : most);
}

int64_t weft_files_space(struct weft_files *files, struct weft_file_space *space)
{
    struct weft_message message = {{WEFT_FILES_SPACE}};

    send(files);
    int64_t result = ask(files, &message, NULL, NULL);
    if (result == WEFT_FILE_OK) {
        *space = (struct weft_file_space){
            .block_bytes = message.words[1], .blocks = message.words[2], .used = message.words[3]};
    }
    return result;
}

const char *weft_file_result_text(int64_t result)
{
    static const char *const texts[] = {
        "well",       "not found",      "exists already", "no directory", "a directory",
        "not empty",  "no space",       "not a path",     "bad argument", "too many open files",
        "disk error", "no file system", "read-only",      "too large",    "the server is gone",
    };
    uint64_t number = (uint64_t)-result;
    if (result > 0) {
        number = 0;
    }
    return number < sizeof(texts) / sizeof(texts[0]) ? texts[number] : "unknown";
}
