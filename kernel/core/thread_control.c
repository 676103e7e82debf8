/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls on another thread, by its capability. They run where the thread's process lives, which
 * gives the orders (kernel/core/order.c) and owns the thread while it rests.
 */
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/order.h"
#include "kernel/sched/account.h"
#include "weft/kernel_syscalls.h"

/* STATUS_OK where the thread rests, so that it is this CPU's to read and write. */
static status_t check_resting(const struct thread *thread)
{
    if (thread->dead) {
        return STATUS_DEAD;
    }
    return thread->resting ? STATUS_OK : STATUS_BUSY;
}

status_t do_thread_registers_read(struct thread *caller, struct object *object)
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

status_t do_thread_registers_write(struct thread *caller, struct object *object)
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

status_t do_thread_status(struct thread *caller, struct object *object)
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
