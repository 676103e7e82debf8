/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory functions to which the compiler's built-ins fall back. Word by word where both sides
 * allow it; the attribute keeps the compiler from turning the loops into calls of themselves.
 */
#include <stddef.h>
#include <stdint.h>

#define NO_BUILTIN __attribute__((no_builtin))

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

NO_BUILTIN void *memcpy(void *to, const void *from, size_t bytes)
{
    char *out = to;
    const char *in = from;

    for (; bytes >= sizeof(word_t); bytes -= sizeof(word_t)) {
        *(word_t *)out = *(const word_t *)in;
        out += sizeof(word_t);
        in += sizeof(word_t);
    }
    while (bytes-- > 0) {
        *out++ = *in++;
    }
    return to;
}

NO_BUILTIN void *memset(void *to, int value, size_t bytes)
{
    uint64_t pattern = 0x0101010101010101ull * (uint8_t)value;
    char *out = to;

    for (; bytes >= sizeof(word_t); bytes -= sizeof(word_t)) {
        *(word_t *)out = pattern;
        out += sizeof(word_t);
    }
    while (bytes-- > 0) {
        *out++ = (char)value;
    }
    return to;
}
