/* SPDX-License-Identifier: Apache-2.0
 *
 * What bytes of scan code set 1 mean, on a keyboard of the US. Needs no device: the state is the caller's.
 */
#pragma once

#include "weft/keyboard.h"

struct keymap {
    uint8_t prefix;  /* 0xe0 has come */
    uint8_t skip;    /* bytes of `pause` to come, which is no key here */
    uint8_t flags;   /* what is held, and the lock */
    uint8_t repeats; /* the lock's key is held: its repetitions do not count */
};

/* One byte. True: it completes a key. */
_Bool keymap_take(struct keymap *map, uint8_t byte, struct weft_key *key);
