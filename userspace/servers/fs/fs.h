/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the file system server. One thread uses all of it. Private to this server.
 *
 *     main.c      the loop, and which request is whose
 *     session.c   clients' memory
 *     handles.c   what clients have open: the state, which outlives an instance
 *     files.c     the operations, and littlefs's open files
 *     disk.c      littlefs's block device: sectors of a disk (weft/block.h)
 */
#pragma once

#include <stdint.h>

#include "lfs.h"
#include "weft/file.h"

/* The geometry. It stands on the disk, and `./weft disk` knows it too (cli/weft/disk.py). */
#define BLOCK_BYTES (64u * 1024)
#define SECTOR_BYTES 512u
#define METADATA_BYTES (8u * 1024) /* of the two blocks of a directory: how long its log grows */
#define BLOCKS_MIN 4u
#define LOOKAHEAD_BYTES 8192u /* the allocator looks at 64 Ki blocks at once: 4 GiB */

/* ---- disk.c -------------------------------------------------------------------------------------- */

#define OPEN_FILES 12u /* that littlefs has open at a time; each needs a block of memory */

/* Attaches to the disk, or ends the process with a line. `waiting` is called before each request to it, and
 * whenever one has taken `interval` cycles (0: no limit). */
void disk_open(void (*waiting)(void), uint64_t interval);

/* littlefs's view of it. Its errors are LFS_ERR_IO. */
const struct lfs_config *disk_config(void);

/* Memory for an open file's cache, which the disk reads and writes without a copy. */
void *disk_file_memory(uint32_t number);

/* What was written is on the disk after this, and before what is written after it. */
int disk_flush(void);

_Bool disk_read_only(void);

/* Whether the places of a superblock hold nothing but zeros: 1, 0, or LFS_ERR_IO. */
int disk_empty(void);

/* ---- files.c ------------------------------------------------------------------------------------- */

/* Mounts what is on the disk, or makes an empty file system on an empty disk. */
void files_open(void);

int64_t files_create(const char *path, uint32_t flags, uint64_t *size);
int64_t files_read(const char *path, uint64_t position, void *to, uint64_t bytes, uint64_t *done);
int64_t files_write(const char *path, uint64_t position, const void *from, uint64_t bytes);
int64_t files_truncate(const char *path, uint64_t size);
int64_t files_size(const char *path, uint64_t *size);
int64_t files_remove(const char *path);
int64_t files_make_directory(const char *path);
int64_t files_rename(const char *from, const char *to);
int64_t files_stat(const char *path, uint64_t *kind, uint64_t *size);
int64_t files_list(const char *path, uint64_t *next, struct weft_file_entry *entries,
                   uint64_t *count);
int64_t files_space(struct weft_file_space *space);

/* ---- handles.c ------------------------------------------------------------------------------------- */

/* Something that a client has open. */
struct handle {
    uint64_t used; /* 0: it does not count; else which of the paths does, from 1 on; written last */
    uint64_t badge;
    uint64_t cookie; /* the client's name for the request that opened it */
    uint64_t turn;   /* of its last use */
    uint32_t generation;
    uint32_t flags; /* enum weft_file_flags */
    char paths[2][WEFT_FILE_PATH_MAX];
};

static inline const char *handle_path(const struct handle *handle)
{
    return handle->paths[handle->used - 1];
}

/* Finds the state, and repairs what the instance before left half done. Files are mounted by then. */
void handles_open(void *state, uint64_t bytes);
uint64_t handles_bytes(void);

/* NULL: not open, or not by this client. */
struct handle *handle_find(uint64_t badge, uint64_t number);

/* The number of a new one, or of the one that the same request has opened already (`again`). 0: all are taken. */
uint64_t handle_make(uint64_t badge, uint64_t cookie, uint32_t flags, const char *path,
                     _Bool *again);
void handle_close(struct handle *handle);
void handles_forget(uint64_t badge); /* all of a client */

/* A rename takes what is open along. To be called before and after it; what an instance that died between them did
 * is found out by the next. */
void handles_rename_begin(const char *from, const char *to);
void handles_rename_end(_Bool done);

/* ---- session.c ------------------------------------------------------------------------------------- */

/* Maps a client's memory, in the place of what it had; keeps the capability, unless this fails. When all places are
 * taken, who has not asked for longest loses his, and is told to attach again when he does. */
int64_t session_attach(uint64_t badge, uint64_t memory, uint64_t pages);
void session_detach(uint64_t badge);
_Bool session_there(uint64_t badge);

/* `bytes` of the client's data at `offset`, or NULL with the reason in `result`. */
void *session_data(uint64_t badge, uint64_t offset, uint64_t bytes, int64_t *result);
