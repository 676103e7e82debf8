/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor is asked and told, see weft/supervisor.h. The answer comes at once: that an instance
 * has ended, and the next is there, is seen in the list.
 */
#include "system.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

const uint32_t inside_rights[IPC_HANDLES_MAX] = {
    [WEFT_INSIDE_PROCESS] = RIGHT_READ | RIGHT_MANAGE,
    [WEFT_INSIDE_THREAD] = RIGHT_READ | RIGHT_MANAGE,
    [WEFT_INSIDE_CODE] = RIGHT_READ | RIGHT_WRITE,
    [WEFT_INSIDE_DATA] = RIGHT_READ | RIGHT_WRITE,
};

/* ---- questions ---------------------------------------------------------------------------------- */

static void describe(const struct task *task, struct weft_service_info *info)
{
    struct weft_process_statistics statistics = {0};
    *info = (struct weft_service_info){
        .is_service = task->process->is_service,
        .is_manual = task->process->is_manual,
        .cpu = task->process->cpu,
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
    if (task_is_up(task)) {
        (void)weft_process_statistics(task->child.process, (uint64_t)&statistics);
        info->time = statistics.time;
        info->threads = (uint32_t)statistics.threads;
        info->pages = (uint32_t)statistics.pages;
        info->pages_free = (uint32_t)statistics.pages_free;
    }
}

/* Who receives from an endpoint that init has made; empty: nobody of the manifest. */
static const char *receiver_of(uint32_t object)
{
    if (init.manifest.objects[object].kind == KIND_SUPERVISOR) {
        return "init";
    }
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        const struct manifest_process *process = &init.manifest.processes[i];
        for (uint32_t j = 0; j < process->grant_count; j++) {
            const struct manifest_grant *grant = &process->grants[j];
            if (grant->object == object && (grant->rights & RIGHT_READ) != 0 &&
                init.manifest.objects[object].kind == KIND_ENDPOINT) {
                return process->name;
            }
        }
    }
    return "";
}

static void note(struct question *question, const char *name, uint64_t handle, uint32_t rights,
                 uint64_t badge, const char *target)
{
    struct weft_capability_info *entry =
        &question->attachment.capabilities[question->attachment.bytes / sizeof(*entry)];
    uint64_t kind = 0;
    (void)weft_cap_inspect(handle, 0, &kind);
    if (badge == 0) {
        (void)weft_cap_inspect(handle, 1, &badge);
    }
    *entry = (struct weft_capability_info){.type = (uint8_t)kind, .rights = rights, .badge = badge};
    (void)weft_string_copy(entry->name, name, sizeof(entry->name));
    (void)weft_string_copy(entry->target, target, sizeof(entry->target));
    question->attachment.bytes += sizeof(*entry);
}

/* What task_spawn() and the loader give, in the same order. */
static void list_capabilities(struct question *question, const struct task *task)
{
    const struct manifest_process *process = task->process;
    uint64_t cpus = weft_startup()->cpus, kind = 0;
    note(question, "self", HANDLE_SELF, RIGHT_READ | RIGHT_MANAGE, 0, process->name);
    for (uint32_t i = 0; i < process->grant_count; i++) {
        const struct manifest_grant *grant = &process->grants[i];
        note(question, grant->name, init.handles[grant->object], grant->rights, grant->badge,
             receiver_of(grant->object));
    }
    if (process->is_service) {
        note(question, WEFT_SERVICE_MEMORY, task->memory, RIGHT_READ | RIGHT_WRITE, 0, "");
        note(question, WEFT_SERVICE_READY, init.notification, RIGHT_WRITE, 1ull << READY_BIT,
             "init");
    }
    if (task->vault != 0) {
        note(question, WEFT_SERVICE_VAULT, task->vault, RIGHT_MANAGE, 0, "");
    }
    (void)weft_cap_inspect(cpus, 0, &kind);
    note(question, "cpus", cpus, (uint8_t)(kind >> 8), process->cpus, "");
}

static status_t list(struct question *question, const struct supervisor_request *request,
                     struct supervisor_answer *answer)
{
    struct weft_process_statistics statistics = {0};
    if (request->number >= init.manifest.process_count) {
        return STATUS_BAD_ARGUMENT;
    }
    const struct task *task = &init.tasks[request->number];
    if (request->operation == SUPERVISOR_CAPABILITIES) {
        list_capabilities(question, task);
        return STATUS_OK;
    }
    describe(task, &question->attachment.info);
    question->attachment.bytes = sizeof(question->attachment.info);
    (void)weft_process_statistics(HANDLE_SELF, (uint64_t)&statistics);
    answer->free_pages = statistics.pages_free;
    return STATUS_OK;
}

/* ---- commands ----------------------------------------------------------------------------------- */

static struct task *find(const char *name, _Bool is_service)
{
    for (uint32_t i = 0; i < init.manifest.process_count; i++) {
        struct task *task = &init.tasks[i];
        _Bool fits = is_service ? task->process->is_service : task->process->is_manual;
        if (fits && strncmp(task->process->name, name,
                            sizeof(((struct supervisor_request *)0)->name)) == 0) {
            return task;
        }
    }
    return NULL;
}

static status_t kill(struct task *task)
{
    if (!task_is_up(task)) {
        return STATUS_WOULD_BLOCK;
    }
    task_end(task, (struct verdict){.cause = WEFT_CAUSE_KILLED});
    return STATUS_OK;
}

static status_t restart(struct task *task)
{
    if (task->state == WEFT_SERVICE_WAITING) {
        return STATUS_WOULD_BLOCK;
    }
    if (task_is_up(task)) {
        task_end(task, (struct verdict){.cause = WEFT_CAUSE_KILLED, .on_demand = 1});
    } else {
        task_start_again(task);
    }
    return STATUS_OK;
}

static status_t stop(struct task *task)
{
    if (task->state == WEFT_SERVICE_ENDED || task->state == WEFT_SERVICE_GIVEN_UP) {
        return STATUS_WOULD_BLOCK;
    }
    task_stop(task);
    return STATUS_OK;
}

static status_t start(struct task *task)
{
    return task_is_up(task) ? STATUS_WOULD_BLOCK : restart(task);
}

static status_t run(const char *name, const char *arguments)
{
    struct task *task = find(name, 0);
    if (task == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    if (task_is_up(task)) {
        return STATUS_WOULD_BLOCK;
    }
    task->arguments = arguments[0] != '\0' ? arguments : NULL;
    task_start_again(task);
    task->arguments = NULL; /* they stand in its start-up page */
    return STATUS_OK;
}

static status_t command(const struct supervisor_request *request, const char *text)
{
    struct task *task = find(request->name, 1);
    if (request->operation == SUPERVISOR_RUN) {
        return run(request->name, text);
    }
    if (task == NULL && request->operation == SUPERVISOR_KILL) {
        task = find(request->name, 0);
    }
    if (task == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    switch (request->operation) {
    case SUPERVISOR_KILL:
        return kill(task);
    case SUPERVISOR_RESTART:
        return restart(task);
    case SUPERVISOR_STOP:
        return stop(task);
    case SUPERVISOR_START:
        return start(task);
    default:
        return STATUS_BAD_ARGUMENT;
    }
}

/* ---- the inside ------------------------------------------------------------------------------------ */

void drop_handles(struct attachment *attachment)
{
    while (attachment->handle_count > 0) {
        (void)weft_cap_delete(attachment->handles[--attachment->handle_count]);
    }
}

/* Copies of what init holds, for the desk to hand out. */
static status_t open_inside(const struct supervisor_request *request, struct attachment *out)
{
    const struct task *task = find(request->name, 1);
    if (task == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!task->process->service.opened) {
        return STATUS_NO_RIGHT;
    }
    if (!task_is_up(task)) {
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

static _Bool uses(const struct manifest_process *process, const struct task *task)
{
    for (uint32_t i = 0; i < process->grant_count; i++) {
        if (process->grants[i].wanted[0] != '\0' && provides(task, process->grants[i].object)) {
            return 1;
        }
    }
    return 0;
}

/* Of the process with this number, about a service that it uses. */
static status_t complain(uint64_t process, const struct weft_message *message)
{
    struct supervisor_complaint complaint;
    char name[sizeof(complaint.name) + 1] = "";
    memcpy(&complaint, message, sizeof(complaint));
    if (complaint.operation != SUPERVISOR_COMPLAIN || process >= init.manifest.process_count) {
        return STATUS_NO_RIGHT;
    }
    memcpy(name, complaint.name, sizeof(complaint.name));
    struct task *task = find(name, 1);
    if (task == NULL || !uses(&init.manifest.processes[process], task)) {
        return STATUS_NO_RIGHT;
    }
    if (complaint.at >= task->started_at) {
        task_end(task, (struct verdict){.cause = WEFT_CAUSE_COMPLAINT, .detail = (int32_t)process});
    }
    return STATUS_OK;
}

void control(struct question *question)
{
    struct supervisor_request request;
    struct supervisor_answer answer = {.count = init.manifest.process_count};
    question->attachment.bytes = 0;
    question->attachment.handle_count = 0;
    memcpy(&request, &question->message, sizeof(request));
    if ((question->badge & MANIFEST_COMPLAIN) != 0) {
        answer.status = complain(question->badge & ~MANIFEST_COMPLAIN, &question->message);
    } else if (request.operation == SUPERVISOR_LIST ||
               request.operation == SUPERVISOR_CAPABILITIES) {
        answer.status = list(question, &request, &answer);
    } else if ((question->badge & WEFT_SUPERVISOR_ONLY_LIST) != 0) {
        answer.status = STATUS_NO_RIGHT;
    } else if (request.operation == SUPERVISOR_OPEN) {
        answer.status = open_inside(&request, &question->attachment);
    } else {
        answer.status = command(&request, question->text);
    }
    memcpy(&question->message, &answer, sizeof(answer));
}
