/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines, see weft/log.h.
 */
#include "weft/log.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define MICROSECONDS 1000000ul

static const char *const names[] = {"error", "warning", "info", "debug"};

/* The level that the arguments ask for. */
static enum weft_log_level level_wanted(void)
{
    char text[16];
    if (!weft_argument("log", text, sizeof(text))) {
        return WEFT_LOG_INFO;
    }
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum weft_log_level)i;
        }
    }
    weft_fail("log=%s is none of error, warning, info, debug", text);
}

_Bool weft_log_wants(enum weft_log_level level)
{
    static int wanted = -1; /* every thread that looks finds the same */
    if (wanted < 0) {
        wanted = (int)level_wanted();
    }
    return (int)level <= wanted;
}

void weft_log(enum weft_log_level level, const char *format, ...)
{
    struct weft_line line = {0};
    char text[CONSOLE_LINE_MAX - 64]; /* what is too long is cut */
    va_list arguments;
    if (!weft_log_wants(level)) {
        return;
    }
    va_start(arguments, format);
    weft_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    uint64_t hertz = weft_startup()->clock_hz, now = weft_cycles();
    (void)weft_line_add(&line, "[%5lu.%06lu] %.16s: %s: %s", now / hertz,
                        now % hertz * MICROSECONDS / hertz, weft_startup()->name, names[level],
                        text);
    weft_line_print(&line);
}
