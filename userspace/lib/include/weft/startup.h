/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process was given: its name, its arguments and its capabilities by name. All of it stands
 * in the read-only page at STARTUP_ADDRESS and never changes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "weft/abi.h"

static inline const struct weft_startup *weft_startup(void)
{
    return (const struct weft_startup *)STARTUP_ADDRESS;
}

/* The time stamp of this program's first instruction of C. */
extern uint64_t weft_entered;

/* The handle that was given under this name, or 0. */
uint64_t weft_capability(const char *name);

/* The value of the word `name=value` among the arguments: copied to `out`, false where there is
 * none or it does not fit. A word `name` alone counts as an empty value. */
_Bool weft_argument(const char *name, char *out, size_t size);

/* The same for numbers; `otherwise` where there is none. */
uint64_t weft_argument_number(const char *name, uint64_t otherwise);

/* Ends the process: all its threads. */
_Noreturn void weft_exit(uint64_t status);

/* Prints one line `<process>: <reason>` and ends the process with status 99. */
_Noreturn void weft_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What every program defines. Its value becomes the process's exit status. */
int main(void);
