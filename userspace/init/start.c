/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the processes and services of the manifest. A service is given, beside what its lines say,
 * the memory that it shares with init (weft/service_page.h and its state), the notification by
 * which it says that it is ready, and its vault.
 */
#include "system.h"

#include "weft/layout.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/thread.h"
#include "weft/time.h"

#define BEATS 4 /* turns that an idle service makes per heartbeat */

static uint64_t milliseconds(uint32_t count)
{
    return weft_microseconds(count * 1000ull);
}

void task_prepare(struct task *task)
{
    const struct manifest_service *service = &task->process->service;
    uint64_t pages = 1 + weft_page_up(service->state) / WEFT_PAGE_SIZE;
    uint64_t address = WEFT_FREE_BASE + task_number(task) * WEFT_PAGE_SIZE;
    status_t status = weft_memory_create(pages, &task->memory);
    if (status == STATUS_OK) {
        status =
            weft_memory_map(HANDLE_SELF, task->memory, address, 0, 1, RIGHT_READ | RIGHT_WRITE);
    }
    if (status != STATUS_OK) {
        init_fail("service", task->process->name, "its state cannot be made", status);
    }
    task->page = (struct weft_service_page *)address;
    if (service->vault != 0) {
        struct weft_name name = weft_name_pack(WEFT_SERVICE_VAULT);
        status = weft_process_create(service->vault, name.words[0], name.words[1], 0, 0,
                                     task->process->home, &task->vault);
    }
    if (status != STATUS_OK) {
        init_fail("service", task->process->name, "its vault cannot be made", status);
    }
}

/* What the instance to come shall read. An older one, which is dead, may have left anything there. */
static void write_page(struct task *task)
{
    const struct manifest_service *service = &task->process->service;
    *task->page = (struct weft_service_page){
        .state_bytes = service->state,
        .beat_interval = milliseconds(service->heartbeat) / BEATS,
        .failed_at = task->last.at,
        .instance = task->instance,
        .arrow = task->instance > 1 ? task_number(task) << 16 | (uint16_t)task->instance : 0,
    };
    task->turns = 0;
    task->spared = 0;
    task->check_at = service->heartbeat ? weft_cycles() + milliseconds(service->heartbeat) : 0;
}

static uint32_t collect_grants(const struct task *task, struct weft_grant *grants)
{
    const struct manifest_process *process = task->process;
    uint32_t count = process->grant_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct manifest_grant *grant = &process->grants[i];
        grants[i] = (struct weft_grant){grant->name, init.handles[grant->object], grant->rights,
                                        grant->badge};
    }
    if (process->is_service) {
        grants[count++] =
            (struct weft_grant){WEFT_SERVICE_MEMORY, task->memory, RIGHT_READ | RIGHT_WRITE, 0};
        grants[count++] = (struct weft_grant){WEFT_SERVICE_READY, init.notification, RIGHT_WRITE,
                                              1ull << READY_BIT};
    }
    if (task->vault != 0) {
        grants[count++] = (struct weft_grant){WEFT_SERVICE_VAULT, task->vault, RIGHT_MANAGE, 0};
    }
    return count;
}

/* Of a named thread the loader tells no id. */
static void note_thread(struct weft_child *child)
{
    struct weft_thread_status about = {0};
    if (child->thread != 0 && weft_thread_status(child->thread, (uint64_t)&about) == STATUS_OK) {
        child->thread_id = about.id;
    }
}

void task_close(struct task *task)
{
    (void)weft_cap_delete(task->child.process);
    if (task->child.thread != 0) {
        (void)weft_cap_delete(task->child.thread);
    }
    weft_parts_close(&task->child);
}

status_t task_spawn(struct task *task, const char **reason)
{
    const struct manifest_process *process = task->process;
    struct weft_grant grants[MANIFEST_GRANTS_MAX + 3];
    struct weft_spawn spawn = {
        .name = process->name,
        .program = process->program,
        .arguments = task->arguments != NULL ? task->arguments : process->arguments,
        .cpu = process->cpu,
        .home = process->home,
        .cpus = process->cpus,
        .priority = process->priority,
        .pages = process->pages,
        .budget = weft_microseconds(process->budget),
        .period = weft_microseconds(process->period),
        .notification = init.notification,
        .bits = 1ull << task_number(task),
        .grants = grants,
        .grant_count = collect_grants(task, grants),
        .named = process->service.opened,
        .opened = process->service.opened,
    };
    uint64_t inspected = 0;
    task->instance++;
    task->started_at = weft_cycles();
    task->verdict = (struct verdict){0};
    if (process->is_service) {
        write_page(task);
    }
    status_t status = weft_spawn(&init.archive, &spawn, &task->child);
    *reason = spawn.reason;
    if (status == STATUS_OK) {
        (void)weft_cap_inspect(task->child.process, 0, &inspected);
        task->process_id = (uint32_t)(inspected >> 32);
        note_thread(&task->child);
    }
    return status;
}
