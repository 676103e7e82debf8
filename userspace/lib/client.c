/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of services, and what is asked again, see weft/client.h.
 */
#include "weft/client.h"
#include "weft/string.h"
#include "weft/syscalls.h"

status_t weft_call_answered(struct weft_call *call, _Bool *answered)
{
    struct weft_message message;
    status_t status;
    call->deaths = 0;
    call->received = 0;
    do {
        struct weft_ipc ipc = {
            .deadline = call->deadline,
            .send_address = (uint64_t)call->send,
            .receive_address = (uint64_t)call->receive,
            .send_bytes = call->send_bytes,
            .receive_bytes = call->receive_bytes,
        };
        memcpy(&message, call->request, sizeof(message));
        status = weft_ipc_call_with(call->service, &message, &ipc);
        call->deaths += status == STATUS_DEAD;
    } while (status == STATUS_DEAD && call->deaths <= call->retries);
    if (answered != NULL) {
        *answered = status >= 0;
    }
    if (status < 0) {
        return status;
    }
    call->received = WEFT_IPC_BYTES(status);
    memcpy(call->answer, &message, sizeof(message));
    return (status_t)message.words[0];
}
