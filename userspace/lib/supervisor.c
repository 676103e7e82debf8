/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of init, see weft/supervisor.h.
 */
#include "weft/supervisor.h"
#include "weft/client.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

static status_t ask(struct supervisor_request *request, struct weft_service_info *info,
                    struct supervisor_answer *answer)
{
    struct weft_call call = {
        .service = weft_capability("supervisor"),
        .request = request,
        .answer = answer,
        .receive = info,
        .receive_bytes = info ? sizeof(*info) : 0,
    };
    return weft_call(&call);
}

status_t weft_supervisor_list(uint32_t number, struct weft_service_info *info, uint64_t *free_pages)
{
    struct supervisor_request request = {.operation = SUPERVISOR_LIST, .number = number};
    struct supervisor_answer answer = {0};
    status_t status = ask(&request, info, &answer);
    if (status == STATUS_OK && free_pages != NULL) {
        *free_pages = answer.free_pages;
    }
    return status;
}

status_t weft_supervisor_find(const char *name, struct weft_service_info *info)
{
    status_t status = STATUS_OK;
    for (uint32_t number = 0; status == STATUS_OK; number++) {
        status = weft_supervisor_list(number, info, NULL);
        if (status == STATUS_OK && info->is_service && strcmp(info->name, name) == 0) {
            break;
        }
    }
    return status;
}

status_t weft_supervisor_open(const char *name, struct weft_inside *inside)
{
    struct supervisor_request request = {.operation = SUPERVISOR_OPEN};
    struct weft_message message;
    struct weft_ipc ipc = {.receive_address = (uint64_t)inside,
                           .receive_bytes = sizeof(*inside),
                           .receive_count = IPC_HANDLES_MAX};
    if (!weft_string_copy(request.name, name, sizeof(request.name))) {
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(&message, &request, sizeof(message));
    status_t status = weft_ipc_call_with(weft_capability("supervisor"), &message, &ipc);
    if (status >= 0) {
        memcpy(inside->handles, ipc.receive_handles, sizeof(inside->handles));
        status = (status_t)message.words[0];
    }
    return status;
}

static status_t command(enum supervisor_operation operation, const char *name)
{
    struct supervisor_request request = {.operation = operation};
    struct supervisor_answer answer;
    if (!weft_string_copy(request.name, name, sizeof(request.name))) {
        return STATUS_BAD_ARGUMENT;
    }
    return ask(&request, NULL, &answer);
}

status_t weft_supervisor_kill(const char *name)
{
    return command(SUPERVISOR_KILL, name);
}

status_t weft_supervisor_restart(const char *name)
{
    return command(SUPERVISOR_RESTART, name);
}
