/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines about what a program does, for people:
 *
 *     weft_log(WEFT_LOG_WARNING, "block %lu cannot be read", block);
 *     [   12.345678] disk: warning: block 7 cannot be read
 *
 * The time is the clock's, in seconds; the name is the process's. A line comes out whole. The argument
 * log=error|warning|info|debug in the manifest says down to which level lines are printed (info).
 */
#pragma once

#include "weft/print.h"

enum weft_log_level { WEFT_LOG_ERROR, WEFT_LOG_WARNING, WEFT_LOG_INFO, WEFT_LOG_DEBUG };

void weft_log(enum weft_log_level level, const char *format, ...) weft_printf_like(2, 3);

/* Whether a line of this level would be printed. */
_Bool weft_log_wants(enum weft_log_level level);
