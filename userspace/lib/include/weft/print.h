/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatted text, and the console.
 *
 * Conversions: %d %i %u %x %X %c %s %p %%, with the lengths l, ll and z, a width, the flags `-` and
 * `0`, and a precision (also `.*`) for %s. Numbers are integers: no program here prints floating
 * point.
 *
 * Everything that one call prints is handed to the kernel whole, as far as CONSOLE_LINE_MAX allows:
 * lines of different threads and processes never mix. There is no buffer between calls, so any
 * thread may print at any time without a lock. Build a line piece by piece with struct weft_line.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "weft/abi.h"

#define weft_printf_like(text, first) __attribute__((format(printf, text, first)))

/* Formats into `out` (always NUL-terminated where size > 0) and returns the length that the whole
 * text has, which is more than fits when it is >= size. */
size_t weft_format(char *out, size_t size, const char *format, ...) weft_printf_like(3, 4);
size_t weft_format_list(char *out, size_t size, const char *format, va_list arguments);

/* Prints on the capability named `console`, which is the kernel's; without one, on `terminal` (weft/terminal.h);
 * without either, silently nothing. Text that is longer than CONSOLE_LINE_MAX is cut there, and ends with a
 * newline all the same. */
void weft_print(const char *format, ...) weft_printf_like(1, 2);

/* Prints bytes as they are, in pieces of whole lines where lines are short enough. */
void weft_print_bytes(const char *bytes, size_t length);

/* A line under construction. Zero it, add to it, print it (which empties it). */
struct weft_line {
    size_t length;
    char text[CONSOLE_LINE_MAX];
};

/* False, and the line unchanged, where the text does not fit any more (one byte stays for \n). */
_Bool weft_line_add(struct weft_line *line, const char *format, ...) weft_printf_like(2, 3);
void weft_line_print(struct weft_line *line);
