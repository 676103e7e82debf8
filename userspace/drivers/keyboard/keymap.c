/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan codes, see keymap.h.
 */
#include "keymap.h"

#define RELEASED 0x80u
#define PREFIX 0xe0u
#define PAUSE 0xe1u
#define PAUSE_REST 5u /* bytes behind it */

#define CODE_CONTROL 0x1du
#define CODE_SHIFT_LEFT 0x2au
#define CODE_SHIFT_RIGHT 0x36u
#define CODE_ALT 0x38u
#define CODE_CAPS 0x3au
#define EXTENDED(code) (0xe000u | (code))

#define CODES 0x3au
static const char plain[CODES] = "\0\x1b"
                                 "1234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[CODES] =
    "\0\x1b"
    "!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static uint8_t modifier_of(uint16_t code)
{
    switch (code) {
    case CODE_SHIFT_LEFT:
    case CODE_SHIFT_RIGHT:
        return WEFT_KEY_SHIFT;
    case CODE_CONTROL:
    case EXTENDED(CODE_CONTROL):
        return WEFT_KEY_CONTROL;
    case CODE_ALT:
    case EXTENDED(CODE_ALT):
        return WEFT_KEY_ALT;
    default:
        return 0;
    }
}

static uint8_t character_of(uint16_t code, uint8_t flags)
{
    if (code == EXTENDED(0x1c)) { /* the number block's */
        return '\n';
    }
    if (code == EXTENDED(0x35)) {
        return '/';
    }
    if (code >= CODES) {
        return 0;
    }
    char low = plain[code];
    _Bool is_letter = low >= 'a' && low <= 'z';
    _Bool shift = (flags & WEFT_KEY_SHIFT) != 0;
    if (is_letter && (flags & WEFT_KEY_CONTROL) != 0) {
        return (uint8_t)(low - 'a' + 1);
    }
    if (is_letter && (flags & WEFT_KEY_CAPS) != 0) {
        shift = !shift;
    }
    return (uint8_t)(shift ? shifted[code] : low);
}

static void take_caps(struct keymap *map, _Bool pressed)
{
    if (pressed && !map->repeats) {
        map->flags ^= WEFT_KEY_CAPS;
    }
    map->repeats = pressed;
}

_Bool keymap_take(struct keymap *map, uint8_t byte, struct weft_key *key)
{
    if (map->skip > 0) {
        map->skip--;
        return 0;
    }
    if (byte == PAUSE) {
        map->skip = PAUSE_REST;
        return 0;
    }
    if (byte == PREFIX) {
        map->prefix = 1;
        return 0;
    }
    _Bool pressed = (byte & RELEASED) == 0, extended = map->prefix;
    uint16_t code = byte & (RELEASED - 1);
    map->prefix = 0;
    if (extended && (code == CODE_SHIFT_LEFT || code == CODE_SHIFT_RIGHT)) {
        return 0; /* no shift: some keys say it around theirs */
    }
    code = extended ? EXTENDED(code) : code;
    uint8_t modifier = modifier_of(code);
    map->flags = pressed ? map->flags | modifier : map->flags & (uint8_t)~modifier;
    if (code == CODE_CAPS) {
        take_caps(map, pressed);
    }
    *key = (struct weft_key){.code = code,
                             .flags = map->flags | (pressed ? WEFT_KEY_PRESSED : 0),
                             .character = character_of(code, map->flags)};
    return 1;
}
