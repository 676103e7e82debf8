/* SPDX-License-Identifier: Apache-2.0
 *
 * The system call that creates a process. Its quota moves from the creator's pool in pieces, so that it
 * takes no longer where the pool is scattered; it is built in the first few pages. All this is done on the
 * creator's CPU; then the calling thread takes the process to the CPU where it shall be at home.
 */
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/process.h"
#include "kernel/range.h"
#include "kernel/thread.h"
#include "weft/kernel_syscalls.h"

#define PROCESS_PAGES_MIN 8 /* below this nothing could run in it */

/* Takes the first pages from the creator and builds the process in them; no handle names it yet. */
static status_t process_begin(struct thread *caller, struct process *creator)
{
    struct pool pool = {0};
    struct process *process = NULL;
    char name[NAME_MAX + 1];
    uint64_t own_handle;
    status_t status = STATUS_NO_MEMORY;

    name_from_words(name, arch_argument(&caller->frame, 1), arch_argument(&caller->frame, 2));
    if (creator->pool.free_pages >= arch_argument(&caller->frame, 0) &&
        pool_move(&creator->pool, &pool, PROCESS_PAGES_MIN) == PROCESS_PAGES_MIN) {
        status =
            process_build(creator, &pool, name, (cpu_t)arch_argument(&caller->frame, 5), &process);
    }
    if (status != STATUS_OK) {
        (void)pool_move(&pool, &creator->pool, pool.free_pages); /* so few go at once */
        return status;
    }
    /* Its handle on itself; cannot fail, as the table is empty. */
    (void)!cap_insert_self(process, RIGHT_READ | RIGHT_MANAGE, &own_handle);
    process->quota = PROCESS_PAGES_MIN;
    process->watcher = caller->second.object;
    process->watcher_bits =
        caller->second.badge != 0 ? caller->second.badge : arch_argument(&caller->frame, 4);
    /* With its first reference: if the caller dies meanwhile, so does it. */
    caller->second.object = &process->object;
    return STATUS_OK;
}

/* Nobody can name it: it ends and gives everything back, without a word to its watcher. */
static status_t process_give_up(struct thread *caller, struct process *process, status_t status)
{
    caller->second.object = process->watcher;
    process->watcher = NULL;
    object_release(&process->object);
    return status;
}

/* Back on the creator's CPU: from here on the process can be named. */
static status_t process_named(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)caller->second.object;
    uint64_t handle;
    status_t status =
        cap_insert((struct process *)object, &process->object, RIGHTS_ALL, 0, &handle);

    if (status != STATUS_OK) {
        status = process_give_up(caller, process, status);
        cap_drop_gift(&caller->second);
        return status;
    }
    caller->second.object = NULL;
    arch_set_result(&caller->frame, handle);
    return STATUS_OK;
}

/* On its own CPU, before anybody can name it: no revocation passes it by. */
static status_t process_joins(struct thread *caller, struct object *object)
{
    process_join((struct process *)object);
    return invoke_continue(caller, &caller->process->object, process_named,
                           TRACE_TRAVEL_REMOTE_CALL);
}

/* Gives it the rest of its pages, a bounded number of runs at once, and sends it on its way. `second` is
 * the watcher at first and the new process afterwards. */
static status_t process_create(struct thread *caller, struct object *object)
{
    struct process *creator = (struct process *)object;
    struct process *process;
    uint64_t wanted = arch_argument(&caller->frame, 0);
    uint64_t moved;
    status_t status = STATUS_OK;

    if (caller->second.object == NULL || caller->second.object->class->type != OBJECT_PROCESS) {
        status = process_begin(caller, creator);
    }
    if (status != STATUS_OK) {
        return status; /* `second` is dropped with the call, see below */
    }
    process = (struct process *)caller->second.object;
    moved = pool_move(&creator->pool, &process->pool, wanted - process->quota);
    process->quota += moved;
    if (process->quota < wanted) {
        return moved > 0 ? STATUS_AGAIN : process_give_up(caller, process, STATUS_NO_MEMORY);
    }
    return invoke_continue(caller, &process->object, process_joins, TRACE_TRAVEL_REMOTE_CALL);
}

/* Runs the above and drops the watcher if it was not used. */
static status_t process_create_or_drop(struct thread *caller, struct object *object)
{
    status_t status = process_create(caller, object);

    if (status != STATUS_AGAIN && status != STATUS_BLOCKED) {
        cap_drop_gift(&caller->second);
    }
    return status;
}

status_t sys_process_create(uint64_t pages, uint64_t name0, uint64_t name1, uint64_t notification,
                            uint64_t bits, uint64_t place)
{
    struct thread *caller = current();
    status_t status = range_check_cpu((uint32_t)place, place >> 32);

    (void)name0, (void)name1, (void)bits; /* read on the process's CPU */
    if (status == STATUS_OK) {
        status = self_check();
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (pages < PROCESS_PAGES_MIN) {
        return STATUS_BAD_ARGUMENT;
    }
    if (notification != 0) {
        struct cap cap;

        status =
            cap_lookup(caller->process->caps, notification, OBJECT_NOTIFICATION, RIGHT_WRITE, &cap);

        if (status != STATUS_OK) {
            return status;
        }
        if (!cap_keep(&cap, 0)) {
            return STATUS_BAD_HANDLE;
        }
        caller->second = (struct cap_gift){.object = cap.object, .badge = cap.badge};
    }
    return object_invoke(&caller->process->object, process_create_or_drop);
}
