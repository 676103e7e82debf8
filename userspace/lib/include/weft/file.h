/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories, kept by the file system server (userspace/servers/fs; docs/files.md).
 *
 *     struct weft_files files;
 *     weft_files_open(&files, weft_capability("files"), WEFT_FREE_BASE, 32);      32 pages of data
 *     struct weft_file file;
 *     weft_file_open(&files, &file, "/log/today", WEFT_FILE_WRITE | WEFT_FILE_CREATE);
 *     weft_file_write(&file, "hello\n", 6);
 *     weft_file_sync(&file);                                          now a power cut takes it no more
 *     weft_file_close(&file);
 *
 * Results are 0 or a number of bytes, or a negative enum weft_file_result. Paths begin with `/`, their parts
 * are up to 255 bytes of anything but `/` and NUL, and neither `.` nor `..`; of all they have less than
 * WEFT_FILE_PATH_MAX bytes.
 *
 * What holds
 *
 * 1. A session is memory of the client, the data, which the server maps: what is read and written goes through it, and
 *    not through messages. It belongs to one thread. The badge of the client's capability is the session:
 *    who opens one again replaces it, and its open files are closed.
 * 2. weft_file_write() gathers small pieces in the data, and weft_file_read() reads ahead into it, for one file at a time.
 *    Others see what was written when it has been sent: at the latest with weft_file_sync() and weft_file_close(), or
 *    when another file's turn comes. A failure to send is told by the file's next write, sync or close.
 *    weft_file_read_at() and weft_file_write_at() work with the data itself, without a copy on this side.
 * 3. What the server has answered is on the disk, also after a power cut: each write that is sent is a
 *    whole that is there or not, and so is each change of names. So weft_file_sync() means only this side's data.
 * 4. When the server dies, whatever the client had open stays open: the next instance knows it, and the library asks
 *    again what was not answered. That is the same as once, but for one thing: who removes what is not there (or
 *    renames, or makes what is there) while the server dies may be told that it was done.
 * 5. A file that is removed is gone for those who have it open (WEFT_FILE_NOT_FOUND). One that is renamed stays theirs.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"
#include "weft/layout.h"

#define WEFT_FILE_PATH_MAX 256u
#define WEFT_FILE_NAME_MAX 255u
#define WEFT_FILES_PAGES 1024u /* most of the data of a session */

enum weft_file_result {
    WEFT_FILE_OK = 0,
    WEFT_FILE_NOT_FOUND = -1,
    WEFT_FILE_EXISTS = -2,
    WEFT_FILE_NOT_DIRECTORY = -3,
    WEFT_FILE_IS_DIRECTORY = -4,
    WEFT_FILE_NOT_EMPTY = -5, /* a directory that shall be removed */
    WEFT_FILE_NO_SPACE = -6,
    WEFT_FILE_BAD_NAME = -7, /* the path is not one, or too long */
    WEFT_FILE_BAD = -8,      /* an argument, or a file that is not open, or not for this */
    WEFT_FILE_TOO_MANY = -9, /* open files */
    WEFT_FILE_DISK = -10,    /* the disk says that it failed, or there is none any more */
    WEFT_FILE_DAMAGED =
        -11, /* what is on the disk is no file system of this server, and not empty */
    WEFT_FILE_READ_ONLY = -12,
    WEFT_FILE_TOO_LARGE = -13,
    WEFT_FILE_LOST = -14,        /* the server died, and there is no other */
    WEFT_FILE_NO_SESSION = -100, /* the library's own: attaches again */
};

/* How a result is called, for people. */
const char *weft_file_result_text(int64_t result);

enum weft_file_flags {
    WEFT_FILE_READ = 1,
    WEFT_FILE_WRITE = 2,
    WEFT_FILE_CREATE = 4,    /* if it is not there */
    WEFT_FILE_EXCLUSIVE = 8, /* with CREATE: it must not be there */
    WEFT_FILE_TRUNCATE = 16, /* to no bytes */
    WEFT_FILE_APPEND = 32,   /* begins at the end, as it is when it is opened */
};

enum weft_file_kind { WEFT_FILE_PLAIN = 1, WEFT_FILE_DIRECTORY = 2 };

struct weft_file_entry {
    uint64_t size;
    uint32_t kind; /* enum weft_file_kind */
    char name[WEFT_FILE_NAME_MAX + 1];
};

struct weft_file_space {
    uint64_t block_bytes; /* what a file of more than a few hundred bytes takes at least */
    uint64_t blocks;
    uint64_t used;
};

struct weft_file;

struct weft_files {
    uint64_t service;
    uint64_t memory; /* the data */
    uint8_t *here;
    uint64_t bytes; /* of the data */
    uint64_t cookie;
    /* What the data holds: of `owner`, from `start` on, `length` bytes; `dirty`: to be sent. */
    struct weft_file *owner;
    uint64_t start, length;
    _Bool dirty;
    uint32_t deaths; /* statistics: of instances that had a call of ours */
};

struct weft_file {
    struct weft_files *files;
    uint64_t handle;
    uint64_t position;
    int64_t error; /* of what was gathered, not told yet */
};

/* ---- sessions ------------------------------------------------------------------------------------- */

/* Makes a session with `pages` of data, mapped at `place`. Waits for the server. */
int64_t weft_files_open(struct weft_files *files, uint64_t service, uint64_t place, uint64_t pages);

/* Its files must have been closed. */
void weft_files_close(struct weft_files *files);

static inline void *weft_files_data(const struct weft_files *files, uint64_t offset)
{
    return files->here + offset;
}

/* ---- files ---------------------------------------------------------------------------------------- */

int64_t weft_file_open(struct weft_files *files, struct weft_file *file, const char *path,
                       uint32_t flags);
int64_t
weft_file_close(struct weft_file *file); /* and tells what went wrong with what was gathered */

/* At the file's position, which moves on. Reading ends at the end of the file: fewer bytes, or 0. Writing
 * behind the end fills with zeros what lies between. */
int64_t weft_file_read(struct weft_file *file, void *to, uint64_t bytes);
int64_t weft_file_write(struct weft_file *file, const void *from, uint64_t bytes);

/* The same at any place, into and out of the session's data at `offset`; the file's position stays. What the data
 * held for weft_file_read() is forgotten, and what it held of writes is sent before. */
int64_t weft_file_read_at(struct weft_file *file, uint64_t position, uint64_t offset,
                          uint64_t bytes);
int64_t weft_file_write_at(struct weft_file *file, uint64_t position, uint64_t offset,
                           uint64_t bytes);

int64_t weft_file_size(struct weft_file *file);
int64_t weft_file_truncate(struct weft_file *file, uint64_t size); /* or makes larger, with zeros */
int64_t weft_file_sync(struct weft_file *file);

/* ---- names ---------------------------------------------------------------------------------------- */

int64_t weft_files_remove(struct weft_files *files, const char *path); /* also an empty directory */
int64_t weft_files_make_directory(struct weft_files *files, const char *path);

/* In one step, also from one directory to another. What is at `to` is replaced: a file by a file, an empty
 * directory by a directory. */
int64_t weft_files_rename(struct weft_files *files, const char *from, const char *to);

int64_t weft_files_stat(struct weft_files *files, const char *path, struct weft_file_entry *entry);

/* The entries of a directory, `count` at most, in no order: how many there are, 0 behind the last. `*next` is
 * 0 to begin with, and moves on. What changes meanwhile may be told twice, or not. */
int64_t weft_files_list(struct weft_files *files, const char *path, uint64_t *next,
                        struct weft_file_entry *entries, uint32_t count);

int64_t weft_files_space(struct weft_files *files, struct weft_file_space *space);

/* ---- messages ------------------------------------------------------------------------------------- */

/* The first word; the others in order. Answers begin with a result. Paths come with the message, NUL included. */
enum weft_file_message {
    WEFT_FILES_ATTACH =
        1, /* pages, fresh: forgets what this badge has open; with the data's memory */
    WEFT_FILES_DETACH,
    WEFT_FILES_OPEN,     /* flags, cookie, other for each open; path -> handle, size */
    WEFT_FILES_CLOSE,    /* handle */
    WEFT_FILES_READ,     /* handle, position, offset << 32 | bytes -> bytes */
    WEFT_FILES_WRITE,    /* the same */
    WEFT_FILES_SIZE,     /* handle -> size */
    WEFT_FILES_TRUNCATE, /* handle, size */
    WEFT_FILES_SYNC,
    WEFT_FILES_REMOVE,
    WEFT_FILES_MAKE_DIRECTORY,
    WEFT_FILES_RENAME, /* both paths, one after the other */
    WEFT_FILES_STAT,   /* -> kind, size */
    WEFT_FILES_LIST,   /* next, how many -> how many, next; with entries */
    WEFT_FILES_SPACE,  /* -> bytes of a block, blocks, used ones */
};
#define WEFT_FILES_LIST_MAX (IPC_BYTES_MAX / sizeof(struct weft_file_entry))
