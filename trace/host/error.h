/* SPDX-License-Identifier: Apache-2.0
 *
 * How the trace tools fail: a function that can fail on bad input returns false and leaves one
 * line of text in its struct trace_error; main() prints that line and exits with EXIT_BAD_INPUT.
 * Running out of memory ends the program at once, in memory_grow() (memory.h).
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_VIOLATIONS = 1, /* check found something */
    EXIT_BAD_INPUT = 2,  /* bad usage, bad file, or a failed system call */
};

struct trace_error {
    char text[320];
};

/* Notes what is wrong. Always returns false, so that callers can write `return trace_fail(...)`. */
__attribute__((format(printf, 2, 3))) static inline bool trace_fail(struct trace_error *error,
                                                                    const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}
