/* SPDX-License-Identifier: Apache-2.0
 *
 * littlefs's checksum of metadata, CRC-32 (polynomial 0x04c11db7, reflected, no final inversion). Its own
 * implementation makes a table of 16 entries do; this one has 256, and takes a third of the instructions.
 *
 * The table is constant, where no stray write of the server reaches it. With a wrong entry the server would find its own
 * checksums right, and no other instance ever would: all of the disk were lost.
 */
#include "fs.h"

/* What each bit of a byte adds; the table's entries are sums of these. */
#define BIT(byte, number, value) (((byte) >> (number)&1u) * (value))
#define ENTRY(byte)                                                                                \
    (BIT(byte, 0, 0x77073096u) ^ BIT(byte, 1, 0xee0e612cu) ^ BIT(byte, 2, 0x076dc419u) ^           \
     BIT(byte, 3, 0x0edb8832u) ^ BIT(byte, 4, 0x1db71064u) ^ BIT(byte, 5, 0x3b6e20c8u) ^           \
     BIT(byte, 6, 0x76dc4190u) ^ BIT(byte, 7, 0xedb88320u))
#define ENTRIES_4(byte) ENTRY(byte), ENTRY((byte) + 1u), ENTRY((byte) + 2u), ENTRY((byte) + 3u)
#define ENTRIES_16(byte)                                                                           \
    ENTRIES_4(byte), ENTRIES_4((byte) + 4u), ENTRIES_4((byte) + 8u), ENTRIES_4((byte) + 12u)
#define ENTRIES_64(byte)                                                                           \
    ENTRIES_16(byte), ENTRIES_16((byte) + 16u), ENTRIES_16((byte) + 32u), ENTRIES_16((byte) + 48u)

static const uint32_t table[256] = {ENTRIES_64(0u), ENTRIES_64(64u), ENTRIES_64(128u),
                                    ENTRIES_64(192u)};

uint32_t lfs_crc(uint32_t crc, const void *buffer, size_t size)
{
    const uint8_t *bytes = buffer;

    for (size_t i = 0; i < size; i++) {
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
    }
    return crc;
}
