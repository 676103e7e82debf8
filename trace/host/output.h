/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffered output to a file, standard output ("-") or nowhere. A write error is remembered and
 * reported once, by output_close(). A file is written under a temporary name next to its final one
 * and renamed when it is complete, so that a failed run leaves no half file behind.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct output {
    unsigned char *buffer;
    size_t used;
    uint64_t total; /* bytes handed over so far */
    int descriptor; /* -1: everything is thrown away */
    int failed;     /* errno of the first failed write */
    char path[1024];
    char temporary[1040]; /* empty: nothing to rename */
};

bool output_open(struct output *output, const char *path, struct trace_error *error);
/* To a file that is open already, and stays so. */
bool output_open_descriptor(struct output *output, int descriptor, struct trace_error *error);
void output_open_null(struct output *output);
void output_write(struct output *output, const void *bytes, size_t size);
__attribute__((format(printf, 2, 3))) void output_print(struct output *output, const char *format,
                                                        ...);
/* Replaces the first bytes of a file, which must have been written before. */
void output_rewrite(struct output *output, const void *bytes, size_t size);
/* Where what was written can be read, as far as output_rewrite() has brought it there. */
const char *output_name(const struct output *output);
/* `keep` false removes what was written. Returns false when a write had failed. */
bool output_close(struct output *output, bool keep, struct trace_error *error);

/* Writes text as a JSON string with its quotes. */
void output_json_string(struct output *output, const char *text);
