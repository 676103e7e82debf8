/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting while a guest runs. The end is that of standard input, or SIGINT or SIGTERM.
 */
#pragma once

#include <stdbool.h>

/* From now on these signals end pauses, and SIGUSR1 is noted. */
void pause_begin(void);
/* Waits for so long. False: it is time to end. */
bool pause_for(int milliseconds);
/* Has SIGUSR1 come since this was asked last? */
bool pause_signalled(void);
