/* SPDX-License-Identifier: Apache-2.0
 *
 * Random bytes from the machine, by the server of a virtio-rng device (userspace/drivers/virtio_rng). For seeds
 * and secrets; sequences for tests come from weft/random.h.
 *
 *     status_t status = weft_entropy_read(weft_capability("entropy"), bytes, 32);
 *
 * Asking again is always safe: what a server gave before it died was never given to anybody else.
 */
#pragma once

#include <stdint.h>

#include "weft/arch.h"

#define WEFT_ENTROPY_MAX 1024u /* bytes of one call */

/* Fills `out`. STATUS_BAD_ARGUMENT: none, or more than WEFT_ENTROPY_MAX; STATUS_DEAD: the server ended. */
status_t weft_entropy_read(uint64_t service, void *out, uint32_t bytes);
