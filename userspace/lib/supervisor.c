/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of init, see weft/supervisor.h.
 */
#include "weft/supervisor.h"
#include "weft/client.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

/* `call` says what goes with the request, and where to put what comes back. */
static status_t ask(struct supervisor_request *request, struct supervisor_answer *answer,
                    struct weft_call *call)
{
    call->service = weft_capability("supervisor");
    call->request = request;
    call->answer = answer;
    return weft_call(call);
}

status_t weft_supervisor_list(uint32_t number, struct weft_service_info *info, uint64_t *free_pages)
{
    struct supervisor_request request = {.operation = SUPERVISOR_LIST, .number = number};
    struct supervisor_answer answer = {0};
    struct weft_call call = {.receive = info, .receive_bytes = sizeof(*info)};
    status_t status = ask(&request, &answer, &call);
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

status_t weft_supervisor_complain(const char *name, uint64_t at)
{
    struct supervisor_complaint complaint = {.operation = SUPERVISOR_COMPLAIN, .at = at};
    struct supervisor_answer answer;
    size_t length = strlen(name);
    if (length > sizeof(complaint.name)) {
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(complaint.name, name, length);
    struct weft_call call = {
        .service = weft_capability("complain"), .request = &complaint, .answer = &answer};
    return weft_call(&call);
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

static status_t command(enum supervisor_operation operation, const char *name, const char *text)
{
    struct supervisor_request request = {.operation = operation};
    struct supervisor_answer answer;
    struct weft_call call = {.send = text, .send_bytes = (uint32_t)strlen(text)};
    if (!weft_string_copy(request.name, name, sizeof(request.name))) {
        return STATUS_BAD_ARGUMENT;
    }
    return ask(&request, &answer, &call);
}

status_t weft_supervisor_kill(const char *name)
{
    return command(SUPERVISOR_KILL, name, "");
}

status_t weft_supervisor_restart(const char *name)
{
    return command(SUPERVISOR_RESTART, name, "");
}

status_t weft_supervisor_stop(const char *name)
{
    return command(SUPERVISOR_STOP, name, "");
}

status_t weft_supervisor_start(const char *name)
{
    return command(SUPERVISOR_START, name, "");
}

status_t weft_supervisor_run(const char *name, const char *arguments)
{
    return command(SUPERVISOR_RUN, name, arguments);
}

status_t weft_supervisor_capabilities(uint32_t number, struct weft_capability_info *capabilities,
                                      uint32_t *count)
{
    struct supervisor_request request = {.operation = SUPERVISOR_CAPABILITIES, .number = number};
    struct supervisor_answer answer = {0};
    struct weft_call call = {
        .receive = capabilities,
        .receive_bytes = WEFT_SUPERVISOR_CAPABILITIES_MAX * sizeof(*capabilities),
    };
    status_t status = ask(&request, &answer, &call);
    *count = status == STATUS_OK ? call.received / (uint32_t)sizeof(*capabilities) : 0;
    return status;
}
