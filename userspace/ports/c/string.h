/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of the C library's names for code of others; what is needed of them, and no more.
 */
#pragma once

#include "weft/string.h"

static inline char *strcpy(char *restrict to, const char *restrict from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}

static inline size_t strspn(const char *text, const char *accepted)
{
    size_t length = 0;
    while (text[length] != '\0' && strchr(accepted, text[length]) != NULL) {
        length++;
    }
    return length;
}

static inline size_t strcspn(const char *text, const char *refused)
{
    size_t length = 0;
    while (text[length] != '\0' && strchr(refused, text[length]) == NULL) {
        length++;
    }
    return length;
}
