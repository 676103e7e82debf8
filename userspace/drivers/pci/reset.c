/* SPDX-License-Identifier: Apache-2.0
 *
 * Making a device stop. It matters more than it seems: memory that a dead driver had shared with its device is
 * given to somebody else, and a device that still writes there is a wild write from outside.
 *
 * Theory of operation
 *
 * 1. Switching bus mastering off keeps the device from *new* accesses. Nothing promises more: what is under way
 *    may still end in memory. (QEMU 7.2 happens to wait for a disk's requests there.)
 * 2. So the function is reset as well, and this waits until the reset is over. A virtio
 *    device is reset by 0 in its device status, and has stopped when 0 is read back. PCI Express has a reset of one
 *    function for the others, which takes 100 ms.
 * 3. A function that knows neither is never allowed to be bus master: it has registers and nothing else. Behind an
 *    IOMMU it may: there it is stopped by taking its memory out of the tables (guard.c).
 * 4. A device that does not come out of its reset stays as it is, without mastering, and what it had is kept
 *    for ever, unless an IOMMU keeps it away: lost memory rather than damaged memory.
 */
#include "bus.h"

#include "weft/arch.h"
#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define VIRTIO_VENDOR 0x1af4u
#define VIRTIO_COMMON 1u    /* type of the structure with the device status */
#define VIRTIO_STATUS 0x14u /* where in it */
#define VIRTIO_COMMON_BYTES 0x38u
#define VIRTIO_FEATURE_SELECT 0u
#define VIRTIO_FEATURE 4u
#define VIRTIO_ACCESS_PLATFORM 33u

#define EXPRESS_DEVICE_CAPABILITIES 4u
#define EXPRESS_DEVICE_CONTROL 8u
#define HAS_FUNCTION_RESET (1u << 28)
#define START_FUNCTION_RESET (1u << 15)
#define FUNCTION_RESET_TIME 100000u /* microseconds that the standard gives it */

#define MESSAGES_CONTROL 2u
#define MESSAGES_ENABLE 0x8000u

#define LOOKS 1000000u /* at a status that does not become 0 */

/* A virtio device that does not offer this feature reaches memory as if there were no IOMMU. */
static _Bool offers_platform(volatile uint8_t *common)
{
    *(volatile uint32_t *)(common + VIRTIO_FEATURE_SELECT) = VIRTIO_ACCESS_PLATFORM / 32;
    return (*(volatile uint32_t *)(common + VIRTIO_FEATURE) >> VIRTIO_ACCESS_PLATFORM % 32 & 1) !=
           0;
}

static void find_virtio_status(struct function *function)
{
    uint32_t at = config_read(function->address, CONFIG_CAPABILITIES, 1) & ~3u;

    for (uint32_t turn = 0; at != 0 && turn < WEFT_PCI_CONFIG_BYTES / 4; turn++) {
        uint32_t head = config_read(function->address, at, 4);
        uint32_t number = config_read(function->address, at + 4, 1);
        if ((head & 0xff) == CAPABILITY_VENDOR && head >> 24 == VIRTIO_COMMON &&
            number < WEFT_PCI_REGIONS) {
            const struct region *region = &function->regions[number];
            uint64_t offset = config_read(function->address, at + 8, 4);
            if (region->bytes >= VIRTIO_COMMON_BYTES &&
                offset <= region->bytes - VIRTIO_COMMON_BYTES) {
                volatile uint8_t *common =
                    registers_map(region->base + offset, VIRTIO_COMMON_BYTES);
                function->status = common != NULL ? common + VIRTIO_STATUS : NULL;
                function->bypasses = common != NULL && !offers_platform(common);
            }
            return;
        }
        at = head >> 8 & 0xfc;
    }
}

void reset_prepare(struct function *function)
{
    if (function->id >> 16 == VIRTIO_VENDOR) {
        find_virtio_status(function);
    }
    if (function->status != NULL) {
        function->reset = RESET_VIRTIO; /* takes no time, and leaves the regions where they are */
    } else if (function->express != 0 &&
               (config_read(function->address, function->express + EXPRESS_DEVICE_CAPABILITIES, 4) &
                HAS_FUNCTION_RESET) != 0) {
        function->reset = RESET_FUNCTION;
    }
}

/* A function level reset forgets the regions too: the firmware gave them their addresses. */
static void reset_function(struct function *function)
{
    uint32_t saved[16], at = function->express + EXPRESS_DEVICE_CONTROL;

    for (uint32_t i = 0; i < 16; i++) {
        saved[i] = config_read(function->address, 4 * i, 4);
    }
    config_write(function->address, at, 2,
                 config_read(function->address, at, 2) | START_FUNCTION_RESET);
    weft_sleep_for(FUNCTION_RESET_TIME);
    for (uint32_t i = CONFIG_REGION / 4; i < 16; i++) {
        config_write(function->address, 4 * i, 4, saved[i]);
    }
    config_write(function->address, CONFIG_COMMAND, 2, saved[CONFIG_COMMAND / 4] & 0xffff);
}

static _Bool reset_virtio(struct function *function)
{
    *function->status = 0;
    for (uint32_t look = 0; look < LOOKS; look++) {
        if (*function->status == 0) {
            return 1;
        }
        weft_pause();
    }
    return 0;
}

_Bool reset_do(struct function *function)
{
    uint32_t command = config_read(function->address, CONFIG_COMMAND, 2);

    config_write(function->address, CONFIG_COMMAND, 2,
                 (command & ~COMMAND_MASTER) | COMMAND_MEMORY);
    if (function->messages != 0) {
        config_write(function->address, function->messages + MESSAGES_CONTROL, 2,
                     config_read(function->address, function->messages + MESSAGES_CONTROL, 2) &
                         ~MESSAGES_ENABLE);
    }
    switch (function->reset) {
    case RESET_FUNCTION:
        reset_function(function);
        return 1;
    case RESET_VIRTIO:
        return reset_virtio(function);
    case RESET_UNKNOWN:
        break; /* it was never master */
    }
    return 1;
}
