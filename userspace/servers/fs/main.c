/* SPDX-License-Identifier: Apache-2.0
 *
 * The file system server (weft/file.h has the protocol, docs/files.md says how it works and why). It is given
 *
 *     block      a disk, to be used by nobody else
 *     files      its endpoint, by `provide files`; clients hold it with badges of their own
 *     state      memory for what is open (handles.c): `state 65536`
 *
 * One thread, one request at a time; it waits for the disk in the middle of one. What a request changes is on
 * the disk before it is answered.
 */
#include "fs.h"

#include "weft/annotate.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/string.h"

enum { NAME_READ = 3, NAME_WRITE }; /* of slices in the timeline */

static struct weft_service service;
static uint8_t luggage[IPC_BYTES_MAX]; /* what came with the message */
static struct weft_file_entry entries[WEFT_FILES_LIST_MAX];
static uint32_t answer_bytes; /* of `entries`, to go with the answer */

static void beat(void)
{
    weft_service_beat(&service);
}

/* ---- what clients name ------------------------------------------------------------------------------ */

static _Bool is_name(const char *name, size_t length)
{
    _Bool dots =
        (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
    return length > 0 && length <= WEFT_FILE_NAME_MAX && !dots;
}

/* Each file has one path only: the same names without empty ones between them. */
static _Bool is_path(const char *path)
{
    if (path[0] != '/') {
        return 0;
    }
    if (path[1] == '\0') {
        return 1;
    }
    while (*path == '/') {
        const char *name = ++path;
        while (*path != '/' && *path != '\0') {
            path++;
        }
        if (!is_name(name, (size_t)(path - name))) {
            return 0;
        }
    }
    return 1;
}

/* The path at `*at` of what came, and where the next one begins. NULL: there is none. */
static const char *take_path(uint32_t *at, uint32_t bytes)
{
    const char *path = (const char *)luggage + *at;
    size_t most = bytes - *at < WEFT_FILE_PATH_MAX ? bytes - *at : WEFT_FILE_PATH_MAX;
    size_t length = strnlen(path, most);

    if (length == most || !is_path(path)) {
        return NULL;
    }
    *at += (uint32_t)length + 1;
    return path;
}

/* ---- requests -------------------------------------------------------------------------------------- */

static int64_t serve_attach(uint64_t badge, const struct weft_message *message,
                            struct weft_ipc *ipc)
{
    if (ipc->receive_handles[0] == 0) {
        return WEFT_FILE_BAD;
    }
    int64_t result = session_attach(badge, ipc->receive_handles[0], message->words[1]);
    if (result == WEFT_FILE_OK) {
        ipc->receive_handles[0] = 0; /* it stays */
        if (message->words[2] != 0) {
            handles_forget(badge);
        }
    }
    return result;
}

/* The handle is there before the file: if this instance dies in between, who asks again is known by the
 * cookie, and may find his own file. */
static int64_t serve_open(uint64_t badge, struct weft_message *message, const char *path)
{
    uint32_t flags = (uint32_t)message->words[1];
    _Bool again;

    if (!session_there(badge)) {
        return WEFT_FILE_NO_SESSION; /* what it has open would count as nobody's */
    }
    uint64_t number = handle_make(badge, message->words[2], flags, path, &again);
    if (number == 0) {
        return WEFT_FILE_TOO_MANY;
    }
    uint64_t size = 0;
    int64_t result =
        files_create(path, again ? flags & ~(uint32_t)WEFT_FILE_EXCLUSIVE : flags, &size);
    if (result != WEFT_FILE_OK) {
        handle_close(handle_find(badge, number));
        return result;
    }
    message->words[1] = number;
    message->words[2] = size;
    return result;
}

static int64_t serve_transfer(uint64_t badge, struct weft_message *message,
                              const struct handle *handle)
{
    _Bool reads = message->words[0] == WEFT_FILES_READ;
    uint64_t bytes = message->words[3] & 0xffffffffu, done = bytes;
    int64_t result = WEFT_FILE_OK;

    if ((handle->flags & (reads ? WEFT_FILE_READ : WEFT_FILE_WRITE)) == 0) {
        return WEFT_FILE_BAD;
    }
    void *data = session_data(badge, message->words[3] >> 32, bytes, &result);
    if (data == NULL) {
        return result;
    }
    uint32_t name = reads ? NAME_READ : NAME_WRITE;
    weft_annotate_begin(name, (uint32_t)bytes);
    result = reads ? files_read(handle_path(handle), message->words[2], data, bytes, &done)
                   : files_write(handle_path(handle), message->words[2], data, bytes);
    weft_annotate_end(name);
    message->words[1] = done;
    return result;
}

/* Requests that name a handle. */
static int64_t serve_handle(uint64_t badge, struct weft_message *message)
{
    struct handle *handle = handle_find(badge, message->words[1]);

    if (handle == NULL) {
        return WEFT_FILE_BAD;
    }
    switch (message->words[0]) {
    case WEFT_FILES_CLOSE:
        handle_close(handle);
        return WEFT_FILE_OK;
    case WEFT_FILES_SIZE:
        return files_size(handle_path(handle), &message->words[1]);
    case WEFT_FILES_TRUNCATE:
        return (handle->flags & WEFT_FILE_WRITE) == 0
                   ? WEFT_FILE_BAD
                   : files_truncate(handle_path(handle), message->words[2]);
    default:
        return serve_transfer(badge, message, handle);
    }
}

static int64_t serve_rename(const char *from, const char *to)
{
    handles_rename_begin(from, to);
    int64_t result = files_rename(from, to);
    handles_rename_end(result == WEFT_FILE_OK);
    return result;
}

static int64_t serve_list(struct weft_message *message, const char *path)
{
    uint64_t next = message->words[1];
    uint64_t count =
        message->words[2] < WEFT_FILES_LIST_MAX ? message->words[2] : WEFT_FILES_LIST_MAX;
    int64_t result = files_list(path, &next, entries, &count);

    message->words[1] = count;
    message->words[2] = next;
    answer_bytes = (uint32_t)(count * sizeof(entries[0]));
    return result;
}

static int64_t serve_space(struct weft_message *message)
{
    struct weft_file_space space = {0};
    int64_t result = files_space(&space);

    message->words[1] = space.block_bytes;
    message->words[2] = space.blocks;
    message->words[3] = space.used;
    return result;
}

/* Requests that come with a path. */
static int64_t serve_path(uint64_t badge, struct weft_message *message, uint32_t bytes)
{
    uint32_t at = 0;
    const char *path = take_path(&at, bytes);
    const char *second = NULL;

    if (path == NULL ||
        (message->words[0] == WEFT_FILES_RENAME && (second = take_path(&at, bytes)) == NULL)) {
        return WEFT_FILE_BAD_NAME;
    }
    switch (message->words[0]) {
    case WEFT_FILES_OPEN:
        return serve_open(badge, message, path);
    case WEFT_FILES_REMOVE:
        return files_remove(path);
    case WEFT_FILES_MAKE_DIRECTORY:
        return files_make_directory(path);
    case WEFT_FILES_RENAME:
        return serve_rename(path, second);
    case WEFT_FILES_STAT:
        return files_stat(path, &message->words[1], &message->words[2]);
    default:
        return serve_list(message, path);
    }
}

static int64_t serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc,
                     uint32_t bytes)
{
    switch (message->words[0]) {
    case WEFT_FILES_ATTACH:
        return serve_attach(badge, message, ipc);
    case WEFT_FILES_DETACH:
        session_detach(badge);
        handles_forget(badge);
        return WEFT_FILE_OK;
    case WEFT_FILES_SYNC:
        return disk_flush() == 0 ? WEFT_FILE_OK : WEFT_FILE_DISK;
    case WEFT_FILES_SPACE:
        return serve_space(message);
    case WEFT_FILES_CLOSE:
    case WEFT_FILES_READ:
    case WEFT_FILES_WRITE:
    case WEFT_FILES_SIZE:
    case WEFT_FILES_TRUNCATE:
        return serve_handle(badge, message);
    case WEFT_FILES_OPEN:
    case WEFT_FILES_REMOVE:
    case WEFT_FILES_MAKE_DIRECTORY:
    case WEFT_FILES_RENAME:
    case WEFT_FILES_STAT:
    case WEFT_FILES_LIST:
        return serve_path(badge, message, bytes);
    default:
        return WEFT_FILE_BAD;
    }
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge = 0;

    weft_service_open(&service, "files");
    weft_annotate_name(NAME_READ, "file read");
    weft_annotate_name(NAME_WRITE, "file write");
    disk_open(beat, service.page->beat_interval);
    files_open();
    handles_open(weft_service_state(&service, handles_bytes()), handles_bytes());
    struct weft_ipc ipc = {
        .receive_address = (uint64_t)luggage, .receive_bytes = sizeof(luggage), .receive_count = 1};
    for (_Bool answers = 0;;) {
        weft_service_turn(&service, &ipc, answers);
        ipc.send_address = (uint64_t)entries;
        ipc.send_bytes = answer_bytes;
        status_t came = weft_ipc_reply_receive_with(service.endpoint, &message, &badge, &ipc);
        answer_bytes = 0;
        answers = came >= 0;
        if (came < 0 && came != STATUS_TIMED_OUT) {
            weft_fail("cannot receive (status %ld)", came);
        }
        if (!answers) {
            continue;
        }
        if (WEFT_IPC_HANDLES(came) == 0) {
            ipc.receive_handles[0] = 0;
        } else if (ipc.receive_handles[0] == 0) {
            weft_fail("its table of capabilities is full: what it holds is bounded, so it is sick");
        }
        message.words[0] = (uint64_t)serve(badge, &message, &ipc, WEFT_IPC_BYTES(came));
        if (WEFT_IPC_HANDLES(came) != 0 && ipc.receive_handles[0] != 0) {
            (void)weft_cap_delete(ipc.receive_handles[0]); /* what was sent and is not kept */
        }
    }
}
