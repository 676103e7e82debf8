/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor is asked and told, see weft/supervisor.h. The answer comes at once: that an instance
 * has ended, and the next is there, is seen in the list.
 */
#include "system.h"

#include "weft/atomic.h"
#include "weft/string.h"
#include "weft/syscalls.h"

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

_Bool control(struct weft_message *message, struct weft_service_info *info)
{
    struct supervisor_request request;
    struct supervisor_answer answer = {.status = STATUS_BAD_ARGUMENT,
                                       .count = init.manifest.process_count};
    struct weft_process_statistics statistics = {0};
    _Bool lists = 0;
    memcpy(&request, message, sizeof(request));
    if (request.operation == SUPERVISOR_KILL || request.operation == SUPERVISOR_RESTART) {
        answer.status = command(&request);
    } else if (request.operation == SUPERVISOR_LIST && request.number < answer.count) {
        describe(&init.tasks[request.number], info);
        (void)weft_process_statistics(HANDLE_SELF, (uint64_t)&statistics);
        answer.free_pages = statistics.pages_free;
        answer.status = STATUS_OK;
        lists = 1;
    }
    memcpy(message, &answer, sizeof(answer));
    return lists;
}
