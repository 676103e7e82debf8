/* SPDX-License-Identifier: Apache-2.0
 *
 * The system call that creates a process. Its quota moves from the creator's pool in pieces, so that it
 * takes no longer where the pool is scattered; it is built in the first few pages. All this is done on the
 * creator's CPU; then the calling thread, which carries the first capability to it, takes it to the CPU
 * where it shall be at home. Its `second` is the notification that shall tell of the process's end.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "weft/kernel_syscalls.h"

_Static_assert(PROCESS_PAGES_MIN <= POOL_SEARCH, "the first pages move at once");

/* Looks at what is asked for, takes the first pages from the creator, and builds the process in them; no
 * handle names it yet. */
static status_t process_begin(struct thread *caller, struct process *creator)
{
    uint64_t pages = arch_argument(&caller->frame, 0);
    uint64_t notification = arch_argument(&caller->frame, 3);
    uint64_t place = arch_argument(&caller->frame, 5);
    struct pool pool = {0};
    struct process *process;
    char name[NAME_MAX + 1];
    uint64_t own_handle;
    status_t status = range_check_place(caller, place);

    if (status == STATUS_OK && pages < PROCESS_PAGES_MIN) {
        status = STATUS_BAD_ARGUMENT;
    }
    if (status == STATUS_OK && notification != 0) {
        status = invoke_take_notification(caller, notification, arch_argument(&caller->frame, 4));
    }
    if (status == STATUS_OK && creator->pool.free_pages < pages) {
        status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)pool_move(&creator->pool, &pool, PROCESS_PAGES_MIN);
    name_from_words(name, arch_argument(&caller->frame, 1), arch_argument(&caller->frame, 2));
    process = process_build(creator, &pool, name, (cpu_t)place);
    /* Its handle on itself; cannot fail, as the table is empty. */
    (void)!cap_insert(process, &process->object, RIGHT_READ | RIGHT_MANAGE, 0, &own_handle);
    process->quota = PROCESS_PAGES_MIN;
    thread_carry(caller, &process->object, RIGHTS_ALL);
    return STATUS_OK;
}

/* On its own CPU, before anybody can name it: no revocation passes it by. */
static status_t process_joins(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;

    process->watcher = caller->second.object;
    process->watcher_bits = caller->second.badge;
    caller->second.object = NULL;
    process_join(process);
    process_tell_memory(process);
    return thread_collect(caller, 0, STATUS_OK);
}

/* Gives it the rest of its pages, a bounded number of runs at once, and sends it on its way. */
static status_t process_grow(struct thread *caller, struct process *creator)
{
    struct process *process;
    uint64_t wanted = arch_argument(&caller->frame, 0);
    uint64_t moved;
    status_t status = caller->incoming_count == 0 ? process_begin(caller, creator) : STATUS_OK;

    if (status != STATUS_OK) {
        return status;
    }
    process = (struct process *)caller->incoming[0].object;
    moved = pool_move(&creator->pool, &process->pool, wanted - process->quota);
    process->quota += moved;
    if (process->quota < wanted) {
        return moved > 0 ? STATUS_AGAIN : STATUS_NO_MEMORY;
    }
    process_tell_memory(creator);
    return invoke_continue(caller, &process->object, process_joins, TRACE_TRAVEL_REMOTE_CALL);
}

/* Runs the above. If it fails, the watcher and the process that nobody can name go: it ends and gives
 * everything back. */
status_t do_process_create(struct thread *caller, struct object *object)
{
    status_t status = process_grow(caller, (struct process *)object);

    if (status != STATUS_AGAIN && status != STATUS_BLOCKED) {
        thread_drop_references(caller);
    }
    return status;
}
