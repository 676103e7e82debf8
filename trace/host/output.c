/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffered output; see output.h.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define BUFFER_SIZE (1u << 18)

void output_open_null(struct output *output)
{
    memset(output, 0, sizeof *output);
    output->descriptor = -1;
}

bool output_open(struct output *output, const char *path, struct trace_error *error)
{
    struct stat status;

    output_open_null(output);
    if (strlen(path) >= sizeof output->path) {
        return trace_fail(error, "the path is too long");
    }
    output->buffer = memory_new(BUFFER_SIZE);
    snprintf(output->path, sizeof output->path, "%s", path);
    if (strcmp(path, "-") == 0) {
        output->descriptor = STDOUT_FILENO;
        return true;
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        output->descriptor = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        snprintf(output->temporary, sizeof output->temporary, "%s.%d.part", path, (int)getpid());
        output->descriptor =
            open(output->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (output->descriptor < 0) {
        free(output->buffer);
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    return true;
}

bool output_open_descriptor(struct output *output, int descriptor, struct trace_error *error)
{
    output_open_null(output);
    output->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (output->descriptor < 0) {
        return trace_fail(error, "%s", strerror(errno));
    }
    output->buffer = memory_new(BUFFER_SIZE);
    return true;
}

static void output_flush(struct output *output)
{
    size_t done = 0;

    while (!output->failed && done < output->used) {
        ssize_t wrote = write(output->descriptor, output->buffer + done, output->used - done);

        if (wrote < 0 && errno != EINTR) {
            output->failed = errno;
        } else if (wrote > 0) {
            done += (size_t)wrote;
        }
    }
    output->used = 0;
}

void output_write(struct output *output, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;

    output->total += size;
    if (output->descriptor < 0) {
        return;
    }
    while (size) {
        size_t room = BUFFER_SIZE - output->used;
        size_t part = size < room ? size : room;

        memcpy(output->buffer + output->used, from, part);
        output->used += part;
        from += part;
        size -= part;
        if (output->used == BUFFER_SIZE) {
            output_flush(output);
        }
    }
}

void output_rewrite(struct output *output, const void *bytes, size_t size)
{
    output_flush(output);
    if (!output->failed && pwrite(output->descriptor, bytes, size, 0) != (ssize_t)size) {
        output->failed = errno;
    }
}

const char *output_name(const struct output *output)
{
    return output->temporary[0] ? output->temporary : output->path;
}

void output_print(struct output *output, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0) {
        output_write(output, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    }
}

void output_json_string(struct output *output, const char *text)
{
    output_write(output, "\"", 1);
    for (; *text; text++) {
        unsigned char character = (unsigned char)*text;

        if (character == '"' || character == '\\') {
            output_print(output, "\\%c", character);
        } else if (character < 0x20 || character >= 0x7f) {
            output_print(output, "\\u%04x", character);
        } else {
            output_write(output, text, 1);
        }
    }
    output_write(output, "\"", 1);
}

bool output_close(struct output *output, bool keep, struct trace_error *error)
{
    output_flush(output);
    if (output->descriptor > STDOUT_FILENO && close(output->descriptor) != 0 && !output->failed) {
        output->failed = errno;
    }
    free(output->buffer);
    output->buffer = NULL;
    if (output->temporary[0] && (output->failed || !keep)) {
        unlink(output->temporary);
    } else if (output->temporary[0] && rename(output->temporary, output->path) != 0) {
        output->failed = errno;
        unlink(output->temporary);
    }
    if (output->failed) {
        return trace_fail(error, "%s: %s", output->path, strerror(output->failed));
    }
    return true;
}
