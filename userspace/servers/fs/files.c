/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations on files, and littlefs under them.
 *
 * Clients open paths (handles.c); littlefs has some of these files open, each once, whoever uses it: `open_files`, of which
 * the one not used for longest makes room. Between two requests none of them has anything that is not on the
 * disk: each write and each truncation ends with a commit, and what cannot be committed is forgotten.
 *
 * The order on the disk, when a file is written: its data, in blocks that nothing names yet; a flush; the metadata that
 * names them; a flush (which littlefs asks for itself). So after a power cut the file is what it was before the write, or
 * after it.
 *
 * After an error of the disk nobody knows what littlefs believes: everything is closed and mounted anew
 * before the next request.
 */
#include "fs.h"

#include "weft/log.h"
#include "weft/string.h"

struct open_file {
    char path[WEFT_FILE_PATH_MAX]; /* empty: free */
    uint64_t turn;                 /* of its last use */
    lfs_file_t file;
    struct lfs_file_config config;
};

static lfs_t lfs;
static enum { UNMOUNTED, MOUNTED, DAMAGED } mounted;
static struct open_file open_files[OPEN_FILES];
static uint64_t turns;

/* ---- mounting ------------------------------------------------------------------------------------- */

static int64_t result_of(int error)
{
    switch (error) {
    case LFS_ERR_OK:
        return WEFT_FILE_OK;
    case LFS_ERR_NOENT:
        return WEFT_FILE_NOT_FOUND;
    case LFS_ERR_EXIST:
        return WEFT_FILE_EXISTS;
    case LFS_ERR_NOTDIR:
        return WEFT_FILE_NOT_DIRECTORY;
    case LFS_ERR_ISDIR:
        return WEFT_FILE_IS_DIRECTORY;
    case LFS_ERR_NOTEMPTY:
        return WEFT_FILE_NOT_EMPTY;
    case LFS_ERR_FBIG:
        return WEFT_FILE_TOO_LARGE;
    case LFS_ERR_NOSPC:
        return WEFT_FILE_NO_SPACE;
    case LFS_ERR_NAMETOOLONG:
        return WEFT_FILE_BAD_NAME;
    case LFS_ERR_IO:
        return WEFT_FILE_DISK;
    case LFS_ERR_CORRUPT:
        return WEFT_FILE_DAMAGED;
    default:
        return WEFT_FILE_BAD;
    }
}

/* What littlefs answered, for the client. */
static int64_t told(int error)
{
    if (error == LFS_ERR_IO || error == LFS_ERR_CORRUPT) {
        mounted = UNMOUNTED;
    }
    return error < 0 ? result_of(error) : WEFT_FILE_OK;
}

static int format_if_empty(void)
{
    int empty = disk_empty();
    if (empty == 1 && !disk_read_only()) {
        weft_log(WEFT_LOG_INFO, "the disk is empty: making a file system of %u blocks of %u KiB",
                 disk_config()->block_count, BLOCK_BYTES / 1024);
        int error = lfs_format(&lfs, disk_config());
        return error == 0 ? lfs_mount(&lfs, disk_config()) : error;
    }
    return empty < 0 ? empty : LFS_ERR_CORRUPT;
}

static int64_t mount(void)
{
    for (uint32_t i = 0; i < OPEN_FILES; i++) {
        open_files[i].path[0] = '\0';
    }
    int error = lfs_mount(&lfs, disk_config());
    if (error != 0 && error != LFS_ERR_IO) {
        error = format_if_empty();
    }
    if (error == 0) {
        mounted = MOUNTED;
        return WEFT_FILE_OK;
    }
    if (error != LFS_ERR_IO) {
        mounted = DAMAGED;
        weft_log(WEFT_LOG_ERROR,
                 "the disk holds something, but no file system of mine that is whole: I leave it "
                 "alone (littlefs says %d; ./weft disk looks at it on the host)",
                 error);
        return WEFT_FILE_DAMAGED;
    }
    return WEFT_FILE_DISK;
}

void files_open(void)
{
    (void)mount(); /* each request asks again */
}

/* What each operation begins with. */
static int64_t ready(_Bool changes)
{
    if (mounted == DAMAGED) {
        return WEFT_FILE_DAMAGED;
    }
    if (mounted == UNMOUNTED) {
        int64_t result = mount();
        if (result != WEFT_FILE_OK) {
            return result;
        }
    }
    return changes && disk_read_only() ? WEFT_FILE_READ_ONLY : WEFT_FILE_OK;
}

/* ---- open files ------------------------------------------------------------------------------------ */

/* Nothing is left to be written, or must not be. */
static void forget(struct open_file *open)
{
    if (open->path[0] != '\0' && mounted == MOUNTED) {
        (void)lfs_file_close(&lfs, &open->file);
    }
    open->path[0] = '\0';
    open->turn = 0;
}

/* All at this path and below. */
static void forget_path(const char *path)
{
    size_t length = strlen(path);

    for (uint32_t i = 0; i < OPEN_FILES; i++) {
        struct open_file *open = &open_files[i];
        if (strncmp(open->path, path, length) == 0 &&
            (open->path[length] == '\0' || open->path[length] == '/')) {
            forget(open);
        }
    }
}

static int open_path(const char *path, int flags, struct open_file **out)
{
    struct open_file *oldest = &open_files[0];

    for (uint32_t i = 0; i < OPEN_FILES; i++) {
        struct open_file *open = &open_files[i];
        if (strcmp(open->path, path) == 0) {
            open->turn = ++turns;
            *out = open;
            return 0;
        }
        oldest = open->turn < oldest->turn ? open : oldest;
    }
    forget(oldest);
    oldest->config =
        (struct lfs_file_config){.buffer = disk_file_memory((uint32_t)(oldest - open_files))};
    int error =
        lfs_file_opencfg(&lfs, &oldest->file, path,
                         (disk_read_only() ? LFS_O_RDONLY : LFS_O_RDWR) | flags, &oldest->config);
    if (error == 0) {
        (void)weft_string_copy(oldest->path, path, sizeof(oldest->path));
        oldest->turn = ++turns;
        *out = oldest;
    }
    return error;
}

/* The data of a file that was written to, and then what names it. */
static int commit(struct open_file *open)
{
    /* Going elsewhere makes littlefs write what it holds of the data; a file that is kept beside its name
     * has none. */
    lfs_soff_t moved = lfs_file_seek(&lfs, &open->file, 0, LFS_SEEK_SET);
    int error = moved < 0 ? (int)moved : disk_flush();
    return error < 0 ? error : lfs_file_sync(&lfs, &open->file);
}

/* The end of a change: it is there as a whole, or not at all. */
static int64_t finish(struct open_file *open, int error)
{
    if (error >= 0) {
        error = commit(open);
    }
    if (error < 0) {
        open->file.flags |= LFS_F_ERRED; /* so that closing it writes nothing */
        int64_t result = told(error);
        forget(open);
        return result;
    }
    return WEFT_FILE_OK;
}

/* ---- the operations -------------------------------------------------------------------------------- */

int64_t files_create(const char *path, uint32_t flags, uint64_t *size)
{
    _Bool changes = (flags & (WEFT_FILE_WRITE | WEFT_FILE_CREATE | WEFT_FILE_TRUNCATE)) != 0;
    int64_t result = ready(changes);
    struct open_file *open;

    if (result != WEFT_FILE_OK) {
        return result;
    }
    if ((flags & WEFT_FILE_EXCLUSIVE) != 0) {
        forget_path(path); /* littlefs itself shall look */
    }
    int error = open_path(path,
                          ((flags & WEFT_FILE_CREATE) != 0 ? LFS_O_CREAT : 0) |
                              ((flags & WEFT_FILE_EXCLUSIVE) != 0 ? LFS_O_EXCL : 0),
                          &open);
    if (error != 0) {
        return told(error);
    }
    if ((flags & WEFT_FILE_TRUNCATE) != 0 && lfs_file_size(&lfs, &open->file) > 0) {
        result = finish(open, lfs_file_truncate(&lfs, &open->file, 0));
    }
    *size = result == WEFT_FILE_OK ? (uint64_t)lfs_file_size(&lfs, &open->file) : 0;
    return result;
}

int64_t files_read(const char *path, uint64_t position, void *to, uint64_t bytes, uint64_t *done)
{
    int64_t result = ready(0);
    struct open_file *open;

    *done = 0;
    if (result != WEFT_FILE_OK) {
        return result;
    }
    int error = open_path(path, 0, &open);
    if (error != 0) {
        return told(error);
    }
    if (position >= (uint64_t)lfs_file_size(&lfs, &open->file)) {
        return WEFT_FILE_OK;
    }
    lfs_soff_t moved = lfs_file_seek(&lfs, &open->file, (lfs_soff_t)position, LFS_SEEK_SET);
    lfs_ssize_t got = moved < 0 ? moved : lfs_file_read(&lfs, &open->file, to, (lfs_size_t)bytes);
    *done = got < 0 ? 0 : (uint64_t)got;
    return told(got < 0 ? (int)got : 0);
}

int64_t files_write(const char *path, uint64_t position, const void *from, uint64_t bytes)
{
    int64_t result = ready(1);
    struct open_file *open;

    if (result != WEFT_FILE_OK) {
        return result;
    }
    if (position > LFS_FILE_MAX || bytes > LFS_FILE_MAX - position) {
        return WEFT_FILE_TOO_LARGE;
    }
    int error = open_path(path, 0, &open);
    if (error != 0) {
        return told(error);
    }
    if (bytes == 0) {
        return WEFT_FILE_OK;
    }
    lfs_soff_t moved = lfs_file_seek(&lfs, &open->file, (lfs_soff_t)position, LFS_SEEK_SET);
    return finish(open, moved < 0
                            ? (int)moved
                            : (int)lfs_file_write(&lfs, &open->file, from, (lfs_size_t)bytes));
}

int64_t files_truncate(const char *path, uint64_t size)
{
    int64_t result = ready(1);
    struct open_file *open;

    if (result != WEFT_FILE_OK) {
        return result;
    }
    if (size > LFS_FILE_MAX) {
        return WEFT_FILE_TOO_LARGE;
    }
    int error = open_path(path, 0, &open);
    if (error != 0) {
        return told(error);
    }
    return finish(open, lfs_file_truncate(&lfs, &open->file, (lfs_off_t)size));
}

int64_t files_size(const char *path, uint64_t *size)
{
    int64_t result = ready(0);
    struct open_file *open;

    if (result != WEFT_FILE_OK) {
        return result;
    }
    int error = open_path(path, 0, &open);
    *size = error == 0 ? (uint64_t)lfs_file_size(&lfs, &open->file) : 0;
    return told(error);
}

int64_t files_remove(const char *path)
{
    int64_t result = ready(1);

    if (result != WEFT_FILE_OK) {
        return result;
    }
    forget_path(path);
    return told(lfs_remove(&lfs, path));
}

int64_t files_make_directory(const char *path)
{
    int64_t result = ready(1);
    return result != WEFT_FILE_OK ? result : told(lfs_mkdir(&lfs, path));
}

int64_t files_rename(const char *from, const char *to)
{
    int64_t result = ready(1);

    if (result != WEFT_FILE_OK) {
        return result;
    }
    size_t length = strlen(from);
    if (strncmp(from, to, length) == 0 && to[length] == '/') {
        return WEFT_FILE_BAD; /* into itself */
    }
    forget_path(from);
    forget_path(to);
    return told(lfs_rename(&lfs, from, to));
}

static uint32_t kind_of(const struct lfs_info *info)
{
    return info->type == LFS_TYPE_DIR ? WEFT_FILE_DIRECTORY : WEFT_FILE_PLAIN;
}

int64_t files_stat(const char *path, uint64_t *kind, uint64_t *size)
{
    int64_t result = ready(0);
    struct lfs_info info = {0};

    if (result != WEFT_FILE_OK) {
        return result;
    }
    int error = lfs_stat(&lfs, path, &info);
    *kind = kind_of(&info);
    *size = info.type == LFS_TYPE_DIR ? 0 : info.size;
    return told(error);
}

/* The first two entries of littlefs's directories are `.` and `..`. */
int64_t files_list(const char *path, uint64_t *next, struct weft_file_entry *entries,
                   uint64_t *count)
{
    int64_t result = ready(0);
    uint64_t most = *count;
    struct lfs_info info;
    lfs_dir_t directory;

    *count = 0;
    if (result != WEFT_FILE_OK) {
        return result;
    }
    int error = lfs_dir_open(&lfs, &directory, path);
    if (error != 0) {
        return told(error);
    }
    uint64_t from = *next + 2 < INT32_MAX ? *next + 2 : INT32_MAX;
    error = lfs_dir_seek(&lfs, &directory, (lfs_off_t)from);
    error = error == LFS_ERR_INVAL ? 0 : error; /* behind the end */
    while (error == 0 && *count < most && (error = lfs_dir_read(&lfs, &directory, &info)) > 0) {
        struct weft_file_entry *entry = &entries[(*count)++];
        *entry = (struct weft_file_entry){.size = info.type == LFS_TYPE_DIR ? 0 : info.size,
                                          .kind = kind_of(&info)};
        (void)weft_string_copy(entry->name, info.name, sizeof(entry->name));
        error = 0;
    }
    (void)lfs_dir_close(&lfs, &directory);
    *next += *count;
    return told(error);
}

int64_t files_space(struct weft_file_space *space)
{
    int64_t result = ready(0);

    if (result != WEFT_FILE_OK) {
        return result;
    }
    lfs_ssize_t used = lfs_fs_size(&lfs);
    *space = (struct weft_file_space){.block_bytes = BLOCK_BYTES,
                                      .blocks = disk_config()->block_count,
                                      .used = used < 0 ? 0 : (uint64_t)used};
    return told(used < 0 ? (int)used : 0);
}
