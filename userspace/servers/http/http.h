/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the HTTP server: main.c has the threads and their connections, request.c reads what clients ask for,
 * content.c and content_files.c have the files. request.c makes no system calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_MAX 8192u /* bytes of a request's head */
#define PATH_MAX 256u

/* ---- request.c ------------------------------------------------------------------------------------ */

enum http_method { METHOD_GET, METHOD_HEAD };

struct request {
    enum http_method method;
    bool keep;           /* the connection, after this one */
    char path[PATH_MAX]; /* decoded, begins with a slash; has neither empty parts nor `.` or `..` */
};

/* How many bytes of `text` are the head of a request, with the empty line behind it; 0: it is not all there yet. */
size_t request_head(const char *text, size_t length);

/* Reads a head. Returns 200, or the status to answer with; then the connection ends with that answer. */
int request_read(const char *head, size_t length, struct request *out);

const char *status_text(int status);

/* What a file is, by the end of its name. */
const char *content_type(const char *path);

/* ---- content.c, content_files.c ------------------------------------------------------------------- */

#define WORKERS_MAX 24u /* as many files are open at most */

struct content {
    uint64_t size;
    const uint8_t *bytes; /* of the boot image */
    uint32_t place;       /* of an open file */
};

/* To be called once. NULL, or why there are no files. */
const char *content_begin(void);

/* 200, or the status that says why not. */
int content_open(struct content *content, const char *path);

/* Exactly `count` bytes from `offset` on, all of which are there. False: they cannot be had. */
bool content_read(const struct content *content, uint64_t offset, void *out, size_t count);
void content_close(const struct content *content);

/* The same for files of the file system. */
const char *files_begin(void);
int files_open(struct content *content, const char *path);
bool files_read(const struct content *content, uint64_t offset, void *out, size_t count);
void files_close(const struct content *content);
