/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for random bytes; the header is the manual.
 */
#include "weft/entropy.h"
#include "weft/syscalls.h"

status_t weft_entropy_read(uint64_t service, void *out, uint32_t bytes)
{
    uint8_t *at = out;

    if (bytes == 0 || bytes > WEFT_ENTROPY_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    while (bytes > 0) { /* a device may give less than was asked for */
        struct weft_message message = {{bytes}};
        struct weft_ipc ipc = {.receive_address = (uint64_t)at, .receive_bytes = bytes};
        status_t came = weft_ipc_call_with(service, &message, &ipc);
        if (came < 0 || (status_t)message.words[0] != STATUS_OK) {
            return came < 0 ? came : (status_t)message.words[0];
        }
        uint32_t got = WEFT_IPC_BYTES(came);
        if (got == 0 || got > bytes) {
            return STATUS_DEAD; /* such a server is as good as none */
        }
        at += got;
        bytes -= got;
    }
    return STATUS_OK;
}
