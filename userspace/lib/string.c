/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and string functions. Portable C, eight bytes at a time where both sides allow it: the
 * programs that use them are measured in instructions, and moved blocks are small.
 *
 * no_builtin keeps the compiler from turning these loops into calls of themselves.
 */
#include "weft/string.h"

#include <stdint.h>

#define no_builtin __attribute__((no_builtin))

/* May alias anything, need not be aligned. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

no_builtin void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    char *out = to;
    const char *in = from;
    for (; length >= sizeof(word); length -= sizeof(word)) {
        *(word *)out = *(const word *)in;
        out += sizeof(word);
        in += sizeof(word);
    }
    while (length-- > 0) {
        *out++ = *in++;
    }
    return to;
}

no_builtin void *memmove(void *to, const void *from, size_t length)
{
    char *out = to;
    const char *in = from;
    if ((uintptr_t)out - (uintptr_t)in >= length) { /* forwards never overwrites what is to come */
        while (length-- > 0) {
            *out++ = *in++;
        }
        return to;
    }
    while (length-- > 0) {
        out[length] = in[length];
    }
    return to;
}

no_builtin void *memset(void *to, int byte, size_t length)
{
    char *out = to;
    uint64_t pattern = 0x0101010101010101ull * (unsigned char)byte;
    for (; length >= sizeof(word); length -= sizeof(word)) {
        *(word *)out = pattern;
        out += sizeof(word);
    }
    while (length-- > 0) {
        *out++ = (char)byte;
    }
    return to;
}

no_builtin int memcmp(const void *left, const void *right, size_t length)
{
    const unsigned char *a = left;
    const unsigned char *b = right;
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

no_builtin size_t strnlen(const char *text, size_t limit)
{
    size_t length = 0;
    while (length < limit && text[length] != '\0') {
        length++;
    }
    return length;
}

no_builtin size_t strlen(const char *text)
{
    return strnlen(text, SIZE_MAX);
}

no_builtin int strncmp(const char *left, const char *right, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        unsigned char a = (unsigned char)left[i];
        unsigned char b = (unsigned char)right[i];
        if (a != b) {
            return a < b ? -1 : 1;
        }
        if (a == '\0') {
            break;
        }
    }
    return 0;
}

no_builtin int strcmp(const char *left, const char *right)
{
    return strncmp(left, right, SIZE_MAX);
}

no_builtin char *strchr(const char *text, int wanted)
{
    for (;; text++) {
        if (*text == (char)wanted) {
            return (char *)text;
        }
        if (*text == '\0') {
            return NULL;
        }
    }
}

_Bool weft_string_copy(char *to, const char *from, size_t size)
{
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
    return from[length] == '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

_Bool weft_parse_number(const char *text, unsigned long long *out)
{
    unsigned base = 10;
    if (text[0] == '0' && (text[1] | 0x20) == 'x') {
        base = 16;
        text += 2;
    }
    if (*text == '\0') {
        return 0;
    }
    unsigned long long value = 0;
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);
        if (digit < 0 || (unsigned)digit >= base || value > (~0ull - (unsigned)digit) / base) {
            return 0;
        }
        value = value * base + (unsigned)digit;
    }
    *out = value;
    return 1;
}
