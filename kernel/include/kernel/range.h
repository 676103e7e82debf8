/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource ranges: the right to use a part of the machine that no process made.
 *
 * CPUs, ports, interrupts and physical pages are four objects, which init holds. The badge of a
 * capability to one of them is not a sender's name but the range that it stands for: the first number
 * in the low 32 bits, how many in the high ones. cap_copy() may narrow a range and never widens it.
 */
#pragma once

#include "kernel/cap.h"

#define RANGE(first, count) ((uint64_t)(count) << 32 | (uint32_t)(first))

/* One of the four, or the console, or the machine: what init is given. */
struct object *range_object(enum object_type type);

/* Does the capability allow `rights` on all of [first, first + count)? STATUS_BAD_HANDLE,
 * STATUS_WRONG_TYPE, STATUS_NO_RIGHT (also outside of the range). Any CPU. */
must_use status_t range_check(struct cap_table *table, uint64_t handle, enum object_type type,
                              unsigned rights, uint64_t first, uint64_t count);

/* May the caller place something there: cpu | handle of a capability to CPUs << 32? Also
 * STATUS_BAD_ARGUMENT where there is no such CPU. Any CPU. */
must_use status_t range_check_place(const struct thread *caller, uint64_t place);
