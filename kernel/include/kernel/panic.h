/* SPDX-License-Identifier: Apache-2.0
 *
 * The end: says what is wrong, where, on which CPU and in which thread, stops the other CPUs and the
 * machine. The trace in memory stays readable for the host.
 *
 * ASSERT() is for what a bug in the kernel would break, never for what user space can do. It is
 * compiled in with the test profile, and always checked for syntax.
 */
#pragma once

#include "kernel/types.h"

_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The end of it, for who has called arch_stop_others() and said what is wrong. */
_Noreturn void panic_end(void);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (CONFIG_TEST && unlikely(!(condition))) {                                               \
            panic("assertion failed: %s (%s:%u)", #condition, __FILE__, __LINE__ + 0u);            \
        }                                                                                          \
    } while (0)
