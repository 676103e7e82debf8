/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor is asked and told, see weft/supervisor.h. The answer comes at once: that an instance
 * has ended, and the next is there, is seen in the list.
 */
#include "system.h"

#include "weft/atomic.h"
#include "weft/string.h"
#include "weft/syscalls.h"

const uint32_t inside_rights[IPC_HANDLES_MAX] = {
    [WEFT_INSIDE_PROCESS] = RIGHT_READ | RIGHT_MANAGE,
    [WEFT_INSIDE_THREAD] = RIGHT_READ | RIGHT_MANAGE,
    [WEFT_INSIDE_CODE] = RIGHT_READ | RIGHT_WRITE,
    [WEFT_INSIDE_DATA] = RIGHT_READ | RIGHT_WRITE,
};

static void describe(const struct task *task, struct weft_service_info *info)
{
    *info = (struct weft_service_info){
        .is_service = task->process->is_service,
        .state = task->state,
        .cause = task->last.cause,
        .detail = task->last.detail,
        .instance = task->instance,
        .failures = task->failures,
        .process_id = task->process_id,
        .thread_id = task->child.thread_id,
        .failed_at = task->last.at,
        .started_at = task->started_at,
    };
    (void)weft_string_copy(info->name, task->process->name, sizeof(info->name));
    if (task->page != NULL) {
        /* [service.ready] acquire: nothing hangs on it here. */
        info->ready_at = weft_load64_acquire(&task->page->ready_at);
        info->answered_at = weft_load64_acquire(&task->page->answered_at); /* [service.ready] too */
    }
}

static struct task *find(const char *name)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        if (task->process->is_service &&
            strncmp(task->process->name, name, sizeof(((struct supervisor_request *)0)->name)) ==
                0) {
            return task;
        }
    }
    return NULL;
}

static status_t kill(struct task *task)
{
    if (task->state != WEFT_SERVICE_STARTING && task->state != WEFT_SERVICE_RUNNING) {
        return STATUS_WOULD_BLOCK;
    }
    task_end(task, (struct verdict){.cause = WEFT_CAUSE_KILLED});
    return STATUS_OK;
}

static status_t restart(struct task *task)
{
    switch (task->state) {
    case WEFT_SERVICE_WAITING:
        return STATUS_WOULD_BLOCK;
    case WEFT_SERVICE_STARTING:
    case WEFT_SERVICE_RUNNING:
        task_end(task, (struct verdict){.cause = WEFT_CAUSE_KILLED, .on_demand = 1});
        return STATUS_OK;
    default:
        task_start_again(task);
        return STATUS_OK;
    }
}

static status_t command(const struct supervisor_request *request)
{
    struct task *task = find(request->name);
    if (task == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    return request->operation == SUPERVISOR_KILL ? kill(task) : restart(task);
}

void drop_handles(struct attachment *attachment)
{
    while (attachment->handle_count > 0) {
        (void)weft_cap_delete(attachment->handles[--attachment->handle_count]);
    }
}

/* Copies of what init holds, for the desk to hand out. */
static status_t open_inside(const struct supervisor_request *request, struct attachment *out)
{
    const struct task *task = find(request->name);
    if (task == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!task->process->service.opened) {
        return STATUS_NO_RIGHT;
    }
    if (task->state != WEFT_SERVICE_STARTING && task->state != WEFT_SERVICE_RUNNING) {
        return STATUS_WOULD_BLOCK;
    }
    const struct weft_child *child = &task->child;
    const uint64_t held[] = {
        [WEFT_INSIDE_PROCESS] = child->process,
        [WEFT_INSIDE_THREAD] = child->thread,
        [WEFT_INSIDE_CODE] = child->code.memory,
        [WEFT_INSIDE_DATA] = child->data.memory,
    };
    out->inside = (struct weft_inside){
        .instance = task->instance,
        .priority = task->process->priority,
        .code_address = child->code.address,
        .code_pages = child->code.pages,
        .data_address = child->data.address,
        .data_pages = child->data.pages,
    };
    out->bytes = sizeof(out->inside);
    for (out->handle_count = 0; out->handle_count < IPC_HANDLES_MAX; out->handle_count++) {
        status_t status = weft_cap_copy(HANDLE_SELF, held[out->handle_count],
                                        inside_rights[out->handle_count] | RIGHT_COPY, 0,
                                        &out->handles[out->handle_count]);
        if (status != STATUS_OK) {
            drop_handles(out);
            return status;
        }
    }
    return STATUS_OK;
}

void control(struct weft_message *message, struct attachment *attachment)
{
    struct supervisor_request request;
    struct supervisor_answer answer = {.status = STATUS_BAD_ARGUMENT,
                                       .count = init.manifest.process_count};
    struct weft_process_statistics statistics = {0};
    attachment->bytes = 0;
    attachment->handle_count = 0;
    memcpy(&request, message, sizeof(request));
    if (request.operation == SUPERVISOR_KILL || request.operation == SUPERVISOR_RESTART) {
        answer.status = command(&request);
    } else if (request.operation == SUPERVISOR_LIST && request.number < answer.count) {
        describe(&init.tasks[request.number], &attachment->info);
        (void)weft_process_statistics(HANDLE_SELF, (uint64_t)&statistics);
        answer.free_pages = statistics.pages_free;
        answer.status = STATUS_OK;
        attachment->bytes = sizeof(attachment->info);
    } else if (request.operation == SUPERVISOR_OPEN) {
        answer.status = open_inside(&request, attachment);
    }
    memcpy(message, &answer, sizeof(answer));
}
