/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator's side of a capture: rings of records per CPU as the kernel writes them, and the file
 * around them (trace/host/file.h). Ticks are nanoseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CAPTURED_CPUS_MAX 255u /* of more, the first ones are in the capture */

/* Adds a record; `life`: to the ring of names and lives. Of CPUs beyond the limit nothing is kept. */
void capture_event(uint32_t cpu, bool life, uint64_t time, uint8_t id, uint8_t small, uint32_t a,
                   uint32_t b);

void capture_name(uint32_t cpu, uint8_t kind, uint32_t id, const char *name);

/* False: errno says why. */
bool capture_write(const char *path, uint32_t cpus);
