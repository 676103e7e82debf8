/* SPDX-License-Identifier: Apache-2.0
 *
 * What lwIP asks of the system that it runs on: the time, random numbers, and checksums.
 */
#include "lwip/arch.h"
#include "lwip/sys.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/time.h"

static uint64_t random_state;

uint32_t sys_now(void)
{
    return (uint32_t)(weft_cycles() / (weft_startup()->clock_hz / 1000));
}

/* Not for secrets: a start that nobody knows, from the clock, and a good mixture (splitmix64). */
uint32_t net_random(void)
{
    random_state += 0x9e3779b97f4a7c15ull + weft_cycles();
    uint64_t value = random_state;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return (uint32_t)(value >> 32);
}

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

/* Adds as many words to the sum, one chain of carries. */
static inline uint64_t add_words(uint64_t sum, const word *words, unsigned count)
{
    unsigned long long carry = 0;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < count; i++) {
        sum = __builtin_addcll(sum, words[i], carry, &carry);
    }
    sum += carry;
    return sum + (sum < carry);
}

/* The Internet checksum (RFC 1071), eight bytes at a time: a carry counts as one, wherever it falls. */
uint16_t net_checksum(const void *bytes, int length)
{
    const uint8_t *next = bytes;
    uint64_t sum = 0, last = 0;

    for (; length >= 128; length -= 128, next += 128) {
        sum = add_words(sum, (const word *)next, 16);
    }
    for (; length >= 32; length -= 32, next += 32) {
        sum = add_words(sum, (const word *)next, 4);
    }
    for (; length >= 8; length -= 8, next += 8) {
        sum += *(const word *)next;
        sum += sum < *(const word *)next;
    }
    memcpy(&last, next, (size_t)length);
    sum += last;
    sum += sum < last;
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
