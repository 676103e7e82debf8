/* SPDX-License-Identifier: Apache-2.0
 *
 * littlefs's checksum of metadata, CRC-32 (polynomial 0x04c11db7, reflected, no final inversion). Its own
 * implementation makes a table of 16 entries do; this one has 256, made at the first use, and takes a third of the
 * instructions.
 */
#include "fs.h"

#define REFLECTED 0xedb88320u

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (unsigned bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ ((value & 1) != 0 ? REFLECTED : 0);
        }
        table[byte] = value;
    }
}

uint32_t lfs_crc(uint32_t crc, const void *buffer, size_t size)
{
    const uint8_t *bytes = buffer;

    if (table[1] == 0) {
        make_table();
    }
    for (size_t i = 0; i < size; i++) {
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    }
    return crc;
}
