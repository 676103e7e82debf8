/* SPDX-License-Identifier: Apache-2.0
 *
 * How weft-trace is used, in words.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* All of it. */
void usage_print(FILE *file);
/* What concerns one command, as one line on standard error. False: there is no such command. */
bool usage_of_command(const char *command);
