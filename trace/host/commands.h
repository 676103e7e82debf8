/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of weft-trace. Each reads a checked capture as a stream and writes its answer to
 * an output; false means that the capture is damaged (the error says where). They keep no state
 * between calls and print nothing by themselves, so that tests can run them on bytes in memory.
 */
#pragma once

#include <stdint.h>

#include "file.h"
#include "output.h"

struct capture_options {
    const char *ram;             /* the file that backs the guest's memory */
    const char *kernel;          /* its kernel's ELF file */
    const char *metadata;        /* JSON text to be kept in the capture, or null */
    uint64_t last_ms;            /* of capture: only what is newer than so long; 0: all */
    const char *trigger;         /* of capture: what made somebody take it, or null */
    const char *const *triggers; /* of watch (trigger.h) */
    unsigned trigger_count;
    unsigned limit; /* of watch: so many captures */
};

bool capture_guest(const struct capture_options *options, struct output *output,
                   struct trace_error *error);
/* The same while the guest runs, until standard input ends or a signal asks to end. The metadata are
 * read at the end. */
bool stream_guest(const struct capture_options *options, struct output *output,
                  struct trace_error *error);

/* Takes captures of a running guest when triggers fire; the same ends it. `path` gets numbers. */
bool watch_guest(const struct capture_options *options, const char *path,
                 struct trace_error *error);

bool convert_capture(const struct trace_file *file, struct output *output,
                     struct trace_error *error);
bool dump_capture(const struct trace_file *file, bool json, struct output *output,
                  struct trace_error *error);
bool stat_capture(const struct trace_file *file, bool json, struct output *output,
                  struct trace_error *error);
struct latency_options {
    bool json;
    size_t slowest;   /* messages that are named */
    const char *hgrm; /* folder for percentile files, or null */
};

bool latency_capture(const struct trace_file *file, const struct latency_options *options,
                     struct output *output, struct trace_error *error);
struct clock_options {
    bool json;
    bool record; /* the output becomes a copy of the capture that has the clocks recorded */
};

bool clock_capture(const struct trace_file *file, const struct clock_options *options,
                   struct output *output, struct trace_error *error);
/* Also tells how many violations it found. */
bool check_capture(const struct trace_file *file, struct output *output, uint64_t *violations,
                   struct trace_error *error);

struct path_options {
    bool json;
    uint32_t thread;   /* id of the thread at whose progress we look; 0: by message */
    uint64_t from, to; /* ns */
    uint32_t message;  /* id of a round trip that starts at `from` or later; 0: the slowest */
};

bool path_capture(const struct trace_file *file, const struct path_options *options,
                  struct output *output, struct trace_error *error);
bool diff_captures(const struct trace_file *a, const struct trace_file *b, bool json,
                   struct output *output, struct trace_error *error);
/* Writes the table of that name as a NumPy file; the output must be one that can be rewritten. */
bool table_capture(const struct trace_file *file, const char *name, struct output *output,
                   struct trace_error *error);
bool ctf_capture(const struct trace_file *file, const char *folder, struct trace_error *error);
