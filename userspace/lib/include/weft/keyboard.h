/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of the machine's own keyboard, by its driver (userspace/drivers/keyboard).
 *
 *     uint64_t next = 0;                                    0: whatever is pressed from now on
 *     struct weft_key keys[WEFT_KEYS_MAX];
 *     int64_t count = weft_keyboard_read(weft_capability("keys"), &next, keys, 0);
 *
 * Any number of readers; each gets every key, in order. The last WEFT_KEYS_KEPT events are kept, also when the
 * driver dies: who comes later than that finds that `next` has moved on by more than the count.
 */
#pragma once

#include "weft/service.h"

#define WEFT_KEYS_KEPT 128u
#define WEFT_KEYS_MAX 32u /* of one answer */

enum weft_key_flags {
    WEFT_KEY_PRESSED = 1, /* else released */
    WEFT_KEY_SHIFT = 2,   /* held at this moment, as the next ones */
    WEFT_KEY_CONTROL = 4,
    WEFT_KEY_ALT = 8,
    WEFT_KEY_CAPS = 16, /* the lock is on */
};

struct weft_key {
    uint16_t code;     /* of a PC's scan code set 1; 0xe0 << 8 in front of those that have it */
    uint8_t flags;     /* enum weft_key_flags */
    uint8_t character; /* on a keyboard of the US: ASCII, with control as ^A; 0: none */
};

enum keyboard_operation { KEYBOARD_READ = 1 };

struct keyboard_request {
    uint64_t operation;
    uint64_t next; /* number of the first event that the reader has not had; 0: of none so far */
    uint64_t unused[2];
};
WEFT_REQUEST(struct keyboard_request);

struct keyboard_answer {
    status_t status; /* busy: too many wait */
    uint64_t next;
    uint64_t unused[2];
};
WEFT_ANSWER(struct keyboard_answer);

/* Waits for a key, up to a clock value (0: for ever). How many there are (up to WEFT_KEYS_MAX), or a negative
 * status. */
int64_t weft_keyboard_read(uint64_t service, uint64_t *next, struct weft_key *keys,
                           uint64_t deadline);
