/* SPDX-License-Identifier: Apache-2.0
 *
 * The little of the protobuf wire format that the converter needs. A writer points into memory
 * that its owner has made large enough: nothing is checked here, and nothing is allocated.
 *
 * A nested message starts with a length that is known only at its end. proto_open() leaves two
 * bytes for it and proto_close() fills them in as a padded varint, which every decoder accepts; so
 * nested messages are at most 16383 bytes long.
 */
#pragma once

#include <stdint.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static inline uint8_t *proto_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *proto_tag(uint8_t *at, unsigned field, enum wire_type type)
{
    return proto_varint(at, field << 3 | (unsigned)type);
}

static inline uint8_t *proto_uint(uint8_t *at, unsigned field, uint64_t value)
{
    return proto_varint(proto_tag(at, field, WIRE_VARINT), value);
}

static inline uint8_t *proto_fixed64(uint8_t *at, unsigned field, uint64_t value)
{
    at = proto_tag(at, field, WIRE_FIXED64);
    memcpy(at, &value, sizeof value); /* hosts of this tool are little-endian, see main.c */
    return at + sizeof value;
}

static inline uint8_t *proto_bytes(uint8_t *at, unsigned field, const void *bytes, size_t size)
{
    at = proto_varint(proto_tag(at, field, WIRE_BYTES), size);
    memcpy(at, bytes, size);
    return at + size;
}

static inline uint8_t *proto_string(uint8_t *at, unsigned field, const char *text)
{
    return proto_bytes(at, field, text, strlen(text));
}

/* Begins a nested message; returns where its content goes. Pass that to proto_close(). */
static inline uint8_t *proto_open(uint8_t *at, unsigned field)
{
    return proto_tag(at, field, WIRE_BYTES) + 2;
}

static inline uint8_t *proto_close(uint8_t *content, uint8_t *end)
{
    size_t size = (size_t)(end - content);

    content[-2] = (uint8_t)(size | 0x80);
    content[-1] = (uint8_t)(size >> 7);
    return end;
}
