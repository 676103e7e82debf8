/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that are not at home with one kind of object: processes, threads, capabilities,
 * console, machine, trace. Each handler reads: look up, validate, act (there where the object lives),
 * return a status. The interface itself, with what each call needs and returns, is kernel/abi/abi.toml.
 */
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/order.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

/* ---- nothing and waiting --------------------------------------------------------------------- */

status_t sys_null(void)
{
    return STATUS_OK;
}

static void slept(struct timeout *timeout)
{
    struct thread *thread = container_of(timeout, struct thread, timeout);

    thread_set_status(thread, STATUS_OK);
    thread_wake(thread, 0);
}

status_t sys_sleep(uint64_t deadline)
{
    struct thread *thread = current();

    if (self_check() != STATUS_OK) {
        return STATUS_BAD_HANDLE;
    }
    if (deadline <= arch_cycles()) {
        return STATUS_OK;
    }
    thread_leave_cpu(TRACE_THREAD_STATE_SLEEPING);
    thread->state = TRACE_THREAD_STATE_SLEEPING;
    timer_set(&thread->timeout, deadline, slept);
    schedule();
}

/* ---- processes ------------------------------------------------------------------------------- */

status_t sys_process_exit(uint64_t status)
{
    process_end_current(CAUSE_EXITED, (uint32_t)status);
}

status_t do_process_status(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;

    arch_set_result(&caller->frame, process->state == PROCESS_ALIVE
                                        ? 0
                                        : (uint64_t)process->cause << 32 | process->status);
    return STATUS_OK;
}

status_t do_process_kill(struct thread *caller, struct object *object)
{
    (void)caller;
    process_end((struct process *)object, CAUSE_KILLED, 0);
    return STATUS_OK;
}

/* ---- threads --------------------------------------------------------------------------------- */

status_t do_thread_create(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    uint64_t placement = arch_argument(&caller->frame, 1);
    uint64_t priority = (placement & 0xffffffff & ~THREAD_UNNAMED) >> 16;
    vaddr_t entry = arch_argument(&caller->frame, 2);
    vaddr_t stack = arch_argument(&caller->frame, 3);
    bool named = (placement & THREAD_UNNAMED) == 0;
    struct thread *thread;
    status_t status = range_check_place(caller, placement & 0xffffffff0000ffff);

    if (status != STATUS_OK) {
        return status;
    }
    if (priority > (uint64_t)caller->ceiling || entry >= USER_TOP || stack > USER_TOP) {
        return STATUS_BAD_ARGUMENT;
    }
    if (process->state != PROCESS_ALIVE) {
        return STATUS_DEAD;
    }
    thread = thread_create(process, (cpu_t)(placement & 0xffff), (int8_t)priority);
    if (thread == NULL) {
        return STATUS_NO_MEMORY;
    }
    arch_frame_init(&thread->frame, entry, stack, arch_argument(&caller->frame, 4));
    thread->cause = caller->id;
    if (named) {
        object_retain(&thread->object);
        thread_carry(caller, &thread->object, RIGHTS_ALL);
    }
    arch_set_result(&caller->frame, thread->id);
    thread_start(thread);
    return named ? thread_collect(caller, 0, STATUS_OK) : STATUS_OK;
}

status_t sys_thread_name(uint64_t name0, uint64_t name1)
{
    if (self_check() != STATUS_OK) {
        return STATUS_BAD_HANDLE;
    }
    name_from_words(current()->name, name0, name1);
    trace_write_name(TRACE_NAME_KIND_THREAD, current()->id, current()->name);
    return STATUS_OK;
}

status_t sys_thread_migrate(uint64_t place)
{
    struct thread *thread = current();
    status_t status = range_check_place(thread, place);

    if (status != STATUS_OK || (cpu_t)place == percpu(id)) {
        return status;
    }
    thread->cause = thread->id;
    thread_set_status(thread, STATUS_OK);
    store_relaxed(&thread->affinity,
                  (cpu_t)place); /* Relaxed: its own order; who comes last has it. */
    order_obey(thread);
    schedule();
}

status_t sys_thread_exit(uint64_t status)
{
    thread_die(current(), (uint32_t)status);
    schedule();
}

/* ---- capabilities ---------------------------------------------------------------------------- */

/* Taken and inserted in one go, on the CPU of the process that gets it: a revocation sees it before or
 * after that. */
status_t do_cap_copy(struct thread *caller, struct object *object)
{
    struct cap_gift gift;
    uint64_t handle = 0;
    status_t status =
        cap_take(caller->process, arch_argument(&caller->frame, 1), OBJECT_NONE,
                 arch_argument(&caller->frame, 2), arch_argument(&caller->frame, 3), &gift);

    if (status == STATUS_OK) {
        status = cap_insert_gift((struct process *)object, &gift, &handle);
        arch_set_result(&caller->frame, handle);
    }
    return status;
}

static status_t delete_cap(struct thread *caller, struct object *object)
{
    return cap_delete((struct process *)object, arch_argument(&caller->frame, 0));
}

status_t sys_cap_delete(uint64_t handle)
{
    (void)handle; /* read on the process's CPU */
    return object_invoke(&current()->process->object, delete_cap);
}

status_t sys_cap_inspect(uint64_t handle, uint64_t what)
{
    struct cap cap;

    if (cap_lookup(current()->process->caps, handle, OBJECT_NONE, 0, &cap) != STATUS_OK) {
        return STATUS_BAD_HANDLE;
    }
    if (what > 1) {
        return STATUS_BAD_ARGUMENT;
    }
    arch_set_result(&current()->frame,
                    what == 1 ? cap.badge : cap.kind | (uint64_t)cap.object->id << 32);
    return STATUS_OK;
}

/* ---- console and machine --------------------------------------------------------------------- */

status_t do_console_write(struct thread *caller, struct object *object)
{
    static char line[CONSOLE_LINE_MAX]; /* the console's owner handles one call at once */
    uint64_t length = arch_argument(&caller->frame, 2);
    status_t status = STATUS_BAD_ARGUMENT;

    (void)object;
    if (length <= CONSOLE_LINE_MAX) {
        status = user_copy_in(caller->process, arch_argument(&caller->frame, 1), line, length);
    }
    if (status == STATUS_OK) {
        arch_console_write(line, length);
    }
    return status;
}

status_t do_machine_off(struct thread *caller, struct object *)
{
    uint64_t status = arch_argument(&caller->frame, 1);

    arch_machine_off(status > 99 ? 99 : (uint32_t)status);
}

/* ---- trace ----------------------------------------------------------------------------------- */

status_t sys_trace_user(uint64_t kind, uint64_t name, uint64_t value)
{
    _Static_assert(TRACE_EVENT_USER_BEGIN == TRACE_EVENT_USER_INSTANT + TRACE_KIND_BEGIN &&
                       TRACE_EVENT_USER_END == TRACE_EVENT_USER_INSTANT + TRACE_KIND_END &&
                       TRACE_EVENT_USER_COUNTER == TRACE_EVENT_USER_INSTANT + TRACE_KIND_COUNTER &&
                       TRACE_EVENT_USER_FLOW_OUT ==
                           TRACE_EVENT_USER_INSTANT + TRACE_KIND_FLOW_OUT &&
                       TRACE_EVENT_USER_FLOW_IN == TRACE_EVENT_USER_INSTANT + TRACE_KIND_FLOW_IN,
                   "the kinds count from the first user event on");

    if (unlikely(self_check() != STATUS_OK)) {
        return STATUS_BAD_HANDLE;
    }
    if (unlikely(kind > TRACE_KIND_FLOW_IN)) {
        return STATUS_BAD_ARGUMENT;
    }
    TRACE_EMIT(TRACE_CATEGORY_USER, (uint8_t)(TRACE_EVENT_USER_INSTANT + kind), 0, (uint32_t)name,
               (uint32_t)value);
    return STATUS_OK;
}

status_t sys_trace_name(uint64_t name, uint64_t name0, uint64_t name1)
{
    char text[NAME_MAX + 1];

    if (self_check() != STATUS_OK) {
        return STATUS_BAD_HANDLE;
    }
    name_from_words(text, name0, name1);
    trace_name(TRACE_NAME_KIND_USER << 4 | TRACE_NAME_OWNER, (uint32_t)name,
               current()->process->object.id);
    trace_write_name(TRACE_NAME_KIND_USER, (uint32_t)name, text);
    return STATUS_OK;
}

/* The caller makes every CPU look at the new mask, from the machine's on round to it again. */
static void mask_arrived(struct mail *mail)
{
    struct thread *caller = container_of(mail, struct thread, mail);

    trace_update_mask();
    if (percpu(id) == caller->invoke_object->cpu) {
        caller->cause = 0;
        thread_send(caller, caller->home, TRACE_TRAVEL_RETURN_HOME, thread_home_arrived);
    } else {
        thread_send(caller, (percpu(id) + 1) % boot_info.cpu_count, TRACE_TRAVEL_REMOTE_CALL,
                    mask_arrived);
    }
}

status_t do_trace_control(struct thread *caller, struct object *object)
{
    thread_set_status(caller, STATUS_OK);
    arch_set_result(&caller->frame, percpu(trace.mask));
    store_relaxed(&trace_area.mask, (uint8_t)arch_argument(&caller->frame, 1));
    thread_send(caller, (object->cpu + 1) % boot_info.cpu_count, TRACE_TRAVEL_REMOTE_CALL,
                mask_arrived);
    return STATUS_BLOCKED;
}
