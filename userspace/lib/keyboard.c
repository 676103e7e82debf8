/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the keyboard, see weft/keyboard.h.
 */
#include "weft/keyboard.h"
#include "weft/client.h"

#define ATTEMPTS 64u /* instances of the driver that may die with one request */

int64_t weft_keyboard_read(uint64_t service, uint64_t *next, struct weft_key *keys,
                           uint64_t deadline)
{
    struct keyboard_request request = {.operation = KEYBOARD_READ, .next = *next};
    struct keyboard_answer answer;
    struct weft_call call = {
        .service = service,
        .request = &request,
        .answer = &answer,
        .receive = keys,
        .receive_bytes = WEFT_KEYS_MAX * sizeof(*keys),
        .deadline = deadline,
        .retries = ATTEMPTS,
    };
    status_t status = weft_call(&call);
    if (status != STATUS_OK) {
        return status;
    }
    *next = answer.next;
    return (int64_t)(call.received / sizeof(*keys));
}
