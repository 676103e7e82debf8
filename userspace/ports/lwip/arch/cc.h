/* SPDX-License-Identifier: Apache-2.0
 *
 * What lwIP must know of this system and its compiler. net_*: in userspace/servers/net.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "weft/startup.h"
#include "weft/string.h"

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"
#define BYTE_ORDER LITTLE_ENDIAN

/* One instruction each, where lwIP has functions. */
#define lwip_htons(value) __builtin_bswap16((uint16_t)(value))
#define lwip_htonl(value) __builtin_bswap32((uint32_t)(value))

uint16_t net_checksum(const void *bytes, int length);
#define LWIP_CHKSUM net_checksum

/* What lwIP calls so is the data of frames, mostly. */
#define MEMCPY(to, from, length) weft_copy(to, from, length)

uint32_t net_random(void);
#define LWIP_RAND() net_random()

/* Used for names of interfaces only, of which there is one. */
static inline int atoi(const char *text)
{
    return *text - '0';
}

/* An invariant of lwIP that does not hold ends the process; init starts the next. */
#define LWIP_PLATFORM_ASSERT(text) weft_fail("lwIP: %s", text)
#define LWIP_PLATFORM_DIAG(text)
