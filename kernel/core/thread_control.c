/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls on another thread, by its capability. They run where the thread's process lives, which
 * gives the orders (kernel/core/order.c) and owns the thread while it rests.
 */
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/invoke.h"
#include "kernel/order.h"
#include "kernel/range.h"
#include "kernel/sched/account.h"
#include "kernel/user_copy.h"
#include "weft/kernel_syscalls.h"

static status_t invoke_on_thread(uint64_t handle, unsigned rights, invoke_fn function)
{
    struct cap cap;
    status_t status = cap_lookup(current()->process->caps, handle, OBJECT_THREAD, rights, &cap);

    return status != STATUS_OK ? status : object_invoke(cap.object, function);
}

/* ---- orders ---------------------------------------------------------------------------------- */

status_t sys_thread_kill(uint64_t thread)
{
    return invoke_on_thread(thread, RIGHT_MANAGE, order_to_die);
}

status_t sys_thread_suspend(uint64_t thread)
{
    return invoke_on_thread(thread, RIGHT_MANAGE, order_to_rest);
}

status_t sys_thread_resume(uint64_t thread)
{
    return sched_preemption_point(invoke_on_thread(thread, RIGHT_MANAGE, order_to_go_on));
}

status_t sys_thread_affinity(uint64_t thread, uint64_t place)
{
    status_t status = range_check_cpu((uint32_t)place, place >> 32);

    return status != STATUS_OK ? status : invoke_on_thread(thread, RIGHT_MANAGE, order_to_move);
}

/* ---- looking into it ------------------------------------------------------------------------- */

/* STATUS_OK where the thread rests, so that it is this CPU's to read and write. */
static status_t check_resting(const struct thread *thread)
{
    if (thread->dead) {
        return STATUS_DEAD;
    }
    return thread->resting ? STATUS_OK : STATUS_BUSY;
}

static status_t registers_read(struct thread *caller, struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);
    struct weft_registers registers;
    struct arch_frame frame;
    status_t status = check_resting(thread);

    if (status == STATUS_OK) {
        arch_registers_read(&thread->frame, &registers);
    } else if (status == STATUS_BUSY && fault_read(thread, &frame)) {
        arch_registers_read(&frame, &registers);
    } else {
        return status;
    }
    return user_copy_out(caller->process, &registers, arch_argument(&caller->frame, 1),
                         sizeof(registers));
}

status_t sys_thread_registers_read(uint64_t thread, uint64_t address)
{
    (void)address; /* read on the thread's CPU */
    return invoke_on_thread(thread, RIGHT_READ, registers_read);
}

static status_t registers_write(struct thread *caller, struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);
    struct weft_registers registers;
    status_t status = check_resting(thread);

    if (status == STATUS_OK) {
        status = user_copy_in(caller->process, arch_argument(&caller->frame, 1), &registers,
                              sizeof(registers));
    }
    if (status != STATUS_OK) {
        return status;
    }
    return arch_registers_write(&thread->frame, &registers) ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

status_t sys_thread_registers_write(uint64_t thread, uint64_t address)
{
    (void)address; /* read on the thread's CPU */
    return invoke_on_thread(thread, RIGHT_MANAGE, registers_write);
}

static status_t thread_status(struct thread *caller, struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);
    struct weft_thread_status status = {
        .id = thread->id,
        .state = thread->dead      ? WEFT_THREAD_DEAD
                 : thread->resting ? WEFT_THREAD_SUSPENDED
                                   : WEFT_THREAD_ACTIVE,
        .cpu = load_relaxed(&thread->home), /* Relaxed: its home's; may change at any moment */
        .priority = (uint32_t)thread->own.priority,
        .time = account_used(thread),
    };

    return user_copy_out(caller->process, &status, arch_argument(&caller->frame, 1),
                         sizeof(status));
}

status_t sys_thread_status(uint64_t thread, uint64_t address)
{
    (void)address; /* read on the thread's CPU */
    return invoke_on_thread(thread, RIGHT_READ, thread_status);
}
