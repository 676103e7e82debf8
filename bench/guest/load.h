/* SPDX-License-Identifier: Apache-2.0
 *
 * A CPU that has other things to do: a thread of this process that computes on it and never waits.
 *
 *     load_start(cpu, priority); ... load_end();
 *
 * One at a time. Now and then it says PAUSE, so that where one host thread runs all CPUs in turn the others
 * get theirs.
 */
#pragma once

#include <stdint.h>

#define LOAD_PRIORITY_LOW 8 /* below all others of the benchmarks */

/* Returns when the thread runs. */
void load_start(uint32_t cpu, uint32_t priority);
void load_end(void);
