/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and string functions with their usual meaning. The compiler emits calls to the first four
 * by itself, so they are there in every program.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *left, const void *right, size_t length);

/* memcpy() for much: a third of its instructions, but more than it needs for a few bytes. */
void *weft_copy(void *restrict to, const void *restrict from, size_t length);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit);
char *strchr(const char *text, int wanted);

/* Copies as much as fits and always ends with NUL; false where something was cut off. `size` > 0. */
_Bool weft_string_copy(char *to, const char *from, size_t size);

/* Decimal or 0x hexadecimal number that fills the whole of `text`; false otherwise. */
_Bool weft_parse_number(const char *text, unsigned long long *out);
