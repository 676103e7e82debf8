/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's own formatted output, for boot messages and panics: %s, and %u %x %lu %lx, which a width
 * fills up with zeros. Written to the console as one piece per call, at most 256 bytes.
 */
#pragma once

#include <stdarg.h>

void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kvprintf(const char *format, va_list arguments);
