/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints keys as they come, for tests/boot/test_keyboard.py, which presses them. Each character `k` that is pressed
 * ends the keyboard's driver, and the next instance is waited for; `q` ends the program.
 */
#include "weft/keyboard.h"
#include "weft/print.h"
#include "weft/startup.h"
#include "weft/supervisor.h"
#include "weft/time.h"

static void kill_the_driver(void)
{
    struct weft_service_info before, after;
    if (weft_supervisor_find("keyboard", &before) != STATUS_OK ||
        weft_supervisor_kill("keyboard") != STATUS_OK) {
        weft_fail("the driver cannot be killed");
    }
    do {
        weft_sleep_for(100);
    } while (weft_supervisor_find("keyboard", &after) == STATUS_OK &&
             (after.instance == before.instance || after.state != WEFT_SERVICE_RUNNING));
}

/* True: it was the last one. */
static _Bool take(const struct weft_key *key)
{
    _Bool pressed = (key->flags & WEFT_KEY_PRESSED) != 0;
    if (pressed && key->character == 'k') {
        kill_the_driver();
    }
    weft_print("key %x %s %u flags %u\n", key->code, pressed ? "pressed" : "released",
               key->character, key->flags & ~(uint32_t)WEFT_KEY_PRESSED);
    return !pressed && key->character == 'q';
}

int main(void)
{
    struct weft_key keys[WEFT_KEYS_MAX];
    uint64_t service = weft_capability("keys"), next = 0;
    int64_t timed_out = weft_keyboard_read(service, &next, keys, weft_deadline(1000));
    weft_print("keys: nothing yet (%ld)\n", timed_out);
    next = 1; /* 0 is what comes from the call on, and the first key may be faster */
    for (;;) {
        uint64_t before = next;
        int64_t count = weft_keyboard_read(service, &next, keys, 0);
        if (count < 0 || (before != 0 && next != before + (uint64_t)count)) {
            weft_fail("status %ld, or keys are missing between %lu and %lu", count, before, next);
        }
        for (int64_t i = 0; i < count; i++) {
            if (take(&keys[i])) {
                return 0;
            }
        }
    }
}
