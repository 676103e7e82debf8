/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a system call where its object lives; the header is the manual.
 */
#include "kernel/invoke.h"

#include "kernel/cap.h"
#include "kernel/cpu.h"
#include "kernel/order.h"
#include "smp/sched_point.h"
#include "weft/kernel_syscalls.h"

/* Sends the thread to itself, to go on later. Other than on one journey, an object could meanwhile be
 * gone, so the thread holds a reference for as long as this lasts; `held`: it does already. Returns
 * STATUS_BLOCKED, or STATUS_DEAD where the object is gone. */
static status_t invoke_again(struct thread *thread, bool held)
{
    if (!held && !count_up_unless_zero(&thread->invoke_object->references)) {
        cap_drop_gift(&thread->second);
        return STATUS_DEAD;
    }
    thread->invoke_held = true;
    if (thread == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_TRAVELLING);
    }
    thread->state = TRACE_THREAD_STATE_TRAVELLING;
    thread->mail.arrive = invoke_arrived;
    thread->mail.travel = TRACE_TRAVEL_REMOTE_CALL;
    mail_again(&thread->mail);
    return STATUS_BLOCKED;
}

void invoke_arrived(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, mail);
    struct object *object = thread->invoke_object;
    bool held = thread->invoke_held;
    status_t status;

    if (!thread_arrived(thread)) {
        return;
    }
    SCHED_POINT();
    if (order_cancels(thread)) {
        return;
    }
    thread->invoke_held = false;
    status = thread->invoke(thread, object);
    if (status == STATUS_AGAIN) {
        status = invoke_again(thread, held);
    } else if (held) {
        object_release(object);
    }
    if (status != STATUS_BLOCKED) { /* else it is not ours to touch any more */
        thread_set_status(thread, status);
        thread_wake(thread, 0);
    }
}

status_t invoke_continue(struct thread *thread, struct object *object, invoke_fn function,
                         enum trace_travel travel)
{
    thread->invoke = function;
    thread->invoke_object = object;
    if (object->cpu == percpu(id)) {
        return function(thread, object);
    }
    thread_send(thread, object->cpu, travel, invoke_arrived);
    return STATUS_BLOCKED;
}

status_t object_invoke_as(struct object *object, invoke_fn function, enum trace_travel travel)
{
    struct thread *caller = current();
    status_t status;

    caller->invoke = function;
    caller->invoke_object = object;
    if (object->cpu != percpu(id)) {
        thread_send(caller, object->cpu, travel, invoke_arrived);
        schedule();
    }
    status = function(caller, object);
    if (status == STATUS_AGAIN) {
        status = invoke_again(caller, false);
    }
    if (status != STATUS_BLOCKED) {
        return status;
    }
    if (current() == caller) {
        thread_leave_cpu(caller->state);
    }
    schedule();
}

status_t object_invoke(struct object *object, invoke_fn function)
{
    return object_invoke_as(object, function, TRACE_TRAVEL_REMOTE_CALL);
}

/* ---- system calls ---------------------------------------------------------------------------- */

status_t self_check(void)
{
    struct cap cap;

    return likely(cap_find(current()->process->caps, HANDLE_SELF,
                           CAP_KIND(OBJECT_PROCESS, RIGHT_MANAGE), &cap))
               ? STATUS_OK
               : STATUS_BAD_HANDLE;
}

status_t invoke_on_self(invoke_fn function)
{
    status_t status = self_check();

    return status != STATUS_OK ? status : object_invoke(&current()->process->object, function);
}

status_t invoke_take_notification(struct thread *caller, uint64_t handle, uint64_t bits)
{
    struct cap cap;
    status_t status =
        cap_lookup(caller->process->caps, handle, OBJECT_NOTIFICATION, RIGHT_WRITE, &cap);

    if (status == STATUS_OK && !cap_keep(&cap, 0)) {
        status = STATUS_BAD_HANDLE;
    }
    if (status == STATUS_OK) {
        caller->second =
            (struct cap_gift){.object = cap.object, .badge = cap.badge != 0 ? cap.badge : bits};
    }
    return status;
}

/* The caller goes nowhere: what it needs of the object never changes, or any CPU may do it. */
static status_t invoke_here(struct object *object, invoke_fn function)
{
    return function(current(), object);
}

static status_t invoke_by_handle(uint64_t handle, enum object_type type, unsigned right,
                                 invoke_fn function,
                                 status_t (*how)(struct object *object, invoke_fn function))
{
    struct cap cap;
    status_t status = cap_lookup(current()->process->caps, handle, type, right, &cap);

    return status != STATUS_OK ? status : sched_preemption_point(how(cap.object, function));
}

/* The handlers of all calls that abi.toml gives an `object`. */
#define HANDLER_ON_OBJECT(name, type, right, how)                                                  \
    status_t sys_##name(uint64_t handle)                                                           \
    {                                                                                              \
        return invoke_by_handle(handle, type, right, do_##name, how);                              \
    }
#define HANDLER_ON_SELF(name)                                                                      \
    status_t sys_##name(void)                                                                      \
    {                                                                                              \
        return invoke_on_self(do_##name);                                                          \
    }
SYSCALLS_ON_OBJECTS(HANDLER_ON_OBJECT)
SYSCALLS_ON_SELF(HANDLER_ON_SELF)
