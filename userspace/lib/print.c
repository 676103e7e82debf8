/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing: everything goes through weft_print_bytes(), one system call per piece of whole lines, which the
 * kernel prints without a break; or, where a process has the terminal in place of the console, one message.
 */
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/terminal.h"

/* How many bytes to print next: up to the last end of a line that fits, else as many as fit. */
static size_t piece_length(const char *bytes, size_t length)
{
    if (length <= CONSOLE_LINE_MAX) {
        return length;
    }
    for (size_t end = CONSOLE_LINE_MAX; end > 0; end--) {
        if (bytes[end - 1] == '\n') {
            return end;
        }
    }
    return CONSOLE_LINE_MAX;
}

void weft_print_bytes(const char *bytes, size_t length)
{
    uint64_t console = weft_capability("console"), terminal;
    if (console == 0) {
        terminal = weft_capability("terminal");
        if (terminal != 0) {
            (void)weft_terminal_write(terminal, bytes, length); /* who would be told? */
        }
        return;
    }
    while (length > 0) {
        size_t piece = piece_length(bytes, length);
        if (weft_console_write(console, (uint64_t)bytes, piece) != STATUS_OK) {
            return; /* a console that fails has nobody to be told */
        }
        bytes += piece;
        length -= piece;
    }
}

void weft_print(const char *format, ...)
{
    char text[CONSOLE_LINE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    size_t length = weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length >= sizeof(text)) {
        length = CONSOLE_LINE_MAX;
        text[length - 1] = '\n';
    }
    weft_print_bytes(text, length);
}

_Bool weft_line_add(struct weft_line *line, const char *format, ...)
{
    size_t room = sizeof(line->text) - line->length;
    va_list arguments;
    va_start(arguments, format);
    size_t length = weft_format_list(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length >= room) {
        return 0;
    }
    line->length += length;
    return 1;
}

void weft_line_print(struct weft_line *line)
{
    line->text[line->length] = '\n';
    weft_print_bytes(line->text, line->length + 1);
    line->length = 0;
}
