/* SPDX-License-Identifier: Apache-2.0
 *
 * One way: the partner notes in shared memory when it got something (struct bench_shared, `stamps`), and
 * the loop when it sent it.
 */
#pragma once

#include "bench.h"

/* Forgets what partners noted. Before a measurement, and after the last one of a question. */
void stamps_clear(void);

/* Turns a loop's samples, which are times of sending, into intervals up to the partner's stamps. Ends
 * the program where one is negative: then the CPUs' clocks differ. */
void stamps_join(struct bench_loop *loop, const char *name);
