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
#include "kernel/range.h"
#include "kernel/user_copy.h"
#include "smp/quiescence.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

static struct cap_table *own_caps(void)
{
    return current()->process->caps;
}

/* A call on an object that needs no more than a handle. */
static status_t invoke_by_handle(uint64_t handle, enum object_type type, unsigned rights,
                                 invoke_fn function)
{
    struct cap cap;
    status_t status = cap_lookup(own_caps(), handle, type, rights, &cap);

    return status != STATUS_OK ? status : object_invoke(cap.object, function);
}

/* ---- nothing and waiting --------------------------------------------------------------------- */

status_t sys_null(void)
{
    return STATUS_OK;
}

status_t sys_yield(void)
{
    if (percpu(queue).ready == 0) {
        return STATUS_OK;
    }
    sched_yield_current();
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

static status_t process_status(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;

    arch_set_result(&caller->frame, process->state == PROCESS_ALIVE
                                        ? 0
                                        : (uint64_t)process->cause << 32 | process->status);
    return STATUS_OK;
}

status_t sys_process_status(uint64_t process)
{
    return invoke_by_handle(process, OBJECT_PROCESS, RIGHT_READ, process_status);
}

static status_t process_kill(struct thread *caller, struct object *object)
{
    (void)caller;
    process_end((struct process *)object, CAUSE_KILLED, 0);
    return STATUS_OK;
}

status_t sys_process_kill(uint64_t process)
{
    return invoke_by_handle(process, OBJECT_PROCESS, RIGHT_MANAGE, process_kill);
}

/* ---- threads --------------------------------------------------------------------------------- */

static status_t create_thread(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    uint64_t placement = arch_argument(&caller->frame, 1);
    bool named = (placement & THREAD_UNNAMED) == 0;
    struct thread_start start = {
        .cpu = (cpu_t)(placement & 0xffff),
        .priority = (int8_t)(placement >> 16 & 0x7f),
        .entry = arch_argument(&caller->frame, 2),
        .stack = arch_argument(&caller->frame, 3),
        .argument = arch_argument(&caller->frame, 4),
        .cause = caller->id,
    };
    struct thread *thread;

    if (process->state != PROCESS_ALIVE) {
        return STATUS_DEAD;
    }
    thread = thread_create(process, &start, named);
    if (thread == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (!named) {
        arch_set_result(&caller->frame, thread->id);
        thread_start(thread);
        return STATUS_OK;
    }
    thread_carry(caller, &thread->object, RIGHTS_ALL);
    thread_start(thread);
    return thread_collect(caller, 0, STATUS_OK);
}

status_t sys_thread_create(uint64_t process, uint64_t placement, uint64_t entry, uint64_t stack,
                           uint64_t argument)
{
    status_t status = range_check_cpu(placement & 0xffff, placement >> 32);

    (void)argument; /* read on the process's CPU */
    if (status != STATUS_OK) {
        return status;
    }
    if (((uint32_t)placement & ~THREAD_UNNAMED) >> 16 > (uint32_t)current()->ceiling ||
        entry >= USER_TOP || stack > USER_TOP) {
        return STATUS_BAD_ARGUMENT;
    }
    return invoke_by_handle(process, OBJECT_PROCESS, RIGHT_MANAGE, create_thread);
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
    cpu_t cpu = (cpu_t)place;
    status_t status = range_check_cpu((uint32_t)place, place >> 32);

    if (status != STATUS_OK) {
        return status;
    }
    if (cpu == percpu(id)) {
        return STATUS_OK;
    }
    thread_set_status(current(), STATUS_OK);
    thread_migrate_current(cpu);
}

status_t sys_thread_exit(uint64_t status)
{
    thread_exit_current((uint32_t)status);
}

/* ---- capabilities ---------------------------------------------------------------------------- */

static status_t cap_copy(struct thread *caller, struct object *object)
{
    uint64_t handle = 0;
    status_t status = cap_insert_gift((struct process *)object, &caller->second, &handle);

    arch_set_result(&caller->frame, handle);
    return status;
}

status_t sys_cap_copy(uint64_t process, uint64_t handle, uint64_t rights, uint64_t badge)
{
    struct thread *caller = current();
    struct cap target;
    status_t status = cap_lookup(own_caps(), process, OBJECT_PROCESS, RIGHT_MANAGE, &target);

    if (status == STATUS_OK) {
        status = cap_take(caller->process, handle, rights, badge, &caller->second);
    }
    return status != STATUS_OK ? status : object_invoke(target.object, cap_copy);
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

    if (cap_lookup(own_caps(), handle, OBJECT_NONE, 0, &cap) != STATUS_OK) {
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

static status_t console_write(struct thread *caller, struct object *object)
{
    static char
        line[CONSOLE_LINE_MAX]; /* the console has one owner, which handles one call at once */
    uint64_t length = arch_argument(&caller->frame, 2);
    status_t status = user_copy_in(caller->process, arch_argument(&caller->frame, 1), line, length);

    (void)object;
    if (status == STATUS_OK) {
        arch_console_write(line, length);
    }
    return status;
}

status_t sys_console_write(uint64_t console, uint64_t address, uint64_t length)
{
    (void)address;
    if (length > CONSOLE_LINE_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    return invoke_by_handle(console, OBJECT_CONSOLE, RIGHT_WRITE, console_write);
}

status_t sys_machine_off(uint64_t machine, uint64_t status)
{
    struct cap cap;
    status_t found = cap_lookup(own_caps(), machine, OBJECT_MACHINE, RIGHT_MANAGE, &cap);

    if (found != STATUS_OK) {
        return found;
    }
    arch_machine_off(status > 99 ? 99 : (uint32_t)status);
}

/* ---- trace ----------------------------------------------------------------------------------- */

status_t sys_trace_user(uint64_t kind, uint64_t name, uint64_t value)
{
    _Static_assert(TRACE_EVENT_USER_BEGIN == TRACE_EVENT_USER_INSTANT + TRACE_KIND_BEGIN &&
                       TRACE_EVENT_USER_END == TRACE_EVENT_USER_INSTANT + TRACE_KIND_END &&
                       TRACE_EVENT_USER_COUNTER == TRACE_EVENT_USER_INSTANT + TRACE_KIND_COUNTER,
                   "the kinds count from the first user event on");

    if (unlikely(self_check() != STATUS_OK)) {
        return STATUS_BAD_HANDLE;
    }
    if (unlikely(kind > TRACE_KIND_COUNTER)) {
        return STATUS_BAD_ARGUMENT;
    }
    TRACE_EMIT(TRACE_CATEGORY_USER, (uint16_t)(TRACE_EVENT_USER_INSTANT + kind),
               value << 32 | (uint32_t)name);
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

/* The machine's object carries a new mask to every CPU; one caller at a time. */
static struct trace_switch {
    struct visitor visitor;
    struct thread *caller; /* (O) who waits for it; NULL: free */
    uint8_t mask;
} trace_switch_walk;

static bool mask_visit(struct visitor *visitor)
{
    trace_set_mask(container_of(visitor, struct trace_switch, visitor)->mask);
    return true;
}

static void mask_done(struct visitor *visitor)
{
    struct trace_switch *walk = container_of(visitor, struct trace_switch, visitor);
    struct thread *caller = walk->caller;

    walk->caller = NULL;
    if (thread_arrived(caller)) {
        thread_set_status(caller, STATUS_OK);
        thread_wake(caller, 0);
    }
}

static status_t trace_control(struct thread *caller, struct object *object)
{
    if (trace_switch_walk.caller != NULL) {
        return STATUS_AGAIN;
    }
    arch_set_result(&caller->frame, percpu(trace.mask));
    caller->state = TRACE_THREAD_STATE_TRAVELLING;
    trace_switch_walk.caller = caller;
    trace_switch_walk.mask = (uint8_t)arch_argument(&caller->frame, 1);
    trace_switch_walk.visitor.mail.id = object->id;
    trace_switch_walk.visitor.visit = mask_visit;
    trace_switch_walk.visitor.done = mask_done;
    quiescence_walk(&trace_switch_walk.visitor);
    return STATUS_BLOCKED;
}

status_t sys_trace_control(uint64_t machine, uint64_t mask)
{
    (void)mask; /* read on the machine's CPU */
    return invoke_by_handle(machine, OBJECT_MACHINE, RIGHT_MANAGE, trace_control);
}
