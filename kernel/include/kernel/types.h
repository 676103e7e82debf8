/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's basic types and the few macros that everything uses. A typedef exists only for what
 * fits a register and must not be mixed up with something else that does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/abi.h"

typedef uint64_t paddr_t;  /* physical address */
typedef uint64_t vaddr_t;  /* address in a user's space */
typedef uint32_t cpu_t;    /* CPU number, 0 .. cpu_count - 1 */
typedef uint64_t cycles_t; /* ticks of the time stamp counter */
typedef int64_t status_t;  /* STATUS_OK or a negative error from the ABI */

#define CPU_MAX 255u
#define PAGE_SIZE 4096ull

#define must_use __attribute__((warn_unused_result))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define align_up(value, alignment) (((value) + (alignment)-1) & ~((alignment)-1ull))
#define align_down(value, alignment) ((value) & ~((alignment)-1ull))

/* Have [start, end) and [from, to) something in common? */
#define overlaps(start, end, from, to) ((start) < (to) && (from) < (end))
