/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a thread: start, hand-over between CPUs, death. The header has the rules of ownership.
 */
#include "kernel/thread.h"

#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/invoke.h"
#include "kernel/order.h"
#include "kernel/panic.h"
#include "kernel/sched/account.h"
#include "kernel/sched/switch.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

/* ---- hand-over ------------------------------------------------------------------------------- */

void thread_leave_cpu(uint8_t left_state)
{
    struct thread *idle = &arch_this_cpu()->idle;

    switch_trace_left(left_state);
    account_settle(current(), arch_cycles());
    percpu(current) = idle;
    percpu(sc) = &idle->own;
    percpu(need_resched) = 1;
}

__attribute__((noinline)) void thread_send(struct thread *thread, cpu_t cpu,
                                           enum trace_travel travel, void (*arrive)(struct mail *))
{
    if (thread == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_TRAVELLING);
    } else {
        account_guard(thread);
    }
    thread->state = TRACE_THREAD_STATE_TRAVELLING;
    SCHED_POINT();
    /* [thread.owner] release: an order that finds the new owner also finds `travelling`.
     * Pairs with the acquire in order_arrived(). */
    store_release(&thread->owner, cpu);
    mail_send_for(&thread->mail, cpu, travel, arrive);
}

bool thread_arrived(struct thread *thread)
{
    /* Relaxed: who set it sent an order afterwards. If we miss the flag here, that order comes
     * later and finds the thread wherever it is by then. */
    if (!load_relaxed(&thread->killed)) {
        return true;
    }
    if (thread->home == percpu(id) && !design_away()) {
        caller_arrived(thread);
        thread_die(thread, 0);
    } else {
        thread_send(thread, thread->home, TRACE_TRAVEL_RETURN_HOME, thread_home_arrived);
    }
    return false;
}

void thread_home_arrived(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, mail);

    if (thread_arrived(thread)) {
        caller_arrived(thread);
        thread_wake(thread, thread->cause);
    }
}

/* A thread that is not at home, or whose way on has to be looked at first. True: it goes on here. */
static __attribute__((noinline)) bool wake_specially(struct thread *thread)
{
    if (thread->home != percpu(id) || design_away()) {
        thread_send(thread, thread->home, TRACE_TRAVEL_RETURN_HOME, thread_home_arrived);
        return false;
    }
    if (fault_waits(thread) && !fault_over(thread)) {
        return false;
    }
    if (order_pending(thread)) {
        order_obey(thread);
        return false;
    }
    thread->fast_home = thread->home;
    return true;
}

void thread_wake(struct thread *thread, uint32_t cause)
{
    if (CONFIG_TRACE) {
        thread->cause = cause;
    }
    if (thread->fast_home != percpu(id) && !wake_specially(thread)) {
        return;
    }
    if (!account_admit(thread, true)) {
        return;
    }
    thread->state = TRACE_THREAD_STATE_RUNNABLE;
    trace_wakeup(thread->run.sc->priority, thread->id, cause);
    sched_ready(thread);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Nobody names it any more, or nobody ever did. */
static void thread_unreferenced(struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);
    struct process *process = thread->process;

    slab_free(&process->slab, thread, sizeof(*thread));
    process_object_gone(process);
}

static const struct object_class thread_class = {
    .type = OBJECT_THREAD,
    .unreferenced = thread_unreferenced,
};

void thread_free(struct thread *thread)
{
    list_remove(&thread->siblings);
    object_release(&thread->object);
}

struct thread *thread_create(struct process *process, cpu_t cpu, int8_t priority)
{
    struct thread *thread = slab_alloc(&process->slab, &process->pool, sizeof(*thread));

    if (thread == NULL) {
        return NULL;
    }
    object_init(&thread->object, &thread_class, process->object.cpu, process);
    thread->process = process;
    thread->home = cpu;
    thread->fast_home = cpu;
    thread->affinity = cpu;
    list_init(&thread->orderers);
    thread->id = thread->object.id;
    thread->ceiling = priority;
    thread->own = (struct sched_context){.limit = TIME_UNLIMITED,
                                         .owner = thread->id,
                                         .priority = priority,
                                         .weight = WEIGHT_DEFAULT};
    thread->run.sc = &thread->own;
    thread->state = TRACE_THREAD_STATE_STARTING;
    thread->mail.id = thread->id;
    thread->order.id = thread->id;
    __builtin_memcpy(thread->name, process->name, sizeof(thread->name));
    arch_fpu_init(thread);
    list_append(&process->threads, &thread->siblings);
    return thread;
}

void thread_start(struct thread *thread)
{
    thread->process->thread_count++;
    trace_thread_create((uint8_t)thread->home, thread->id, thread->process->object.id);
    trace_write_name(TRACE_NAME_KIND_THREAD, thread->id, thread->name);
    if (thread->home == percpu(id)) {
        thread->owner = thread->home;
        thread_wake(thread, thread->cause);
    } else {
        thread_send(thread, thread->home, TRACE_TRAVEL_START, thread_home_arrived);
    }
}

/* ---- capabilities on the way ----------------------------------------------------------------- */

/* At the process's CPU. */
static status_t insert_incoming(struct thread *thread, struct object *object)
{
    struct process *process = (struct process *)object;
    uint32_t handles[CAP_GIFTS_MAX] = {0};
    unsigned count = thread->incoming_count;
    status_t status = thread->collect_status;

    thread->incoming_count = 0;
    if (thread->home == percpu(id)) {
        caller_arrived(thread); /* it may come from a message, with who sent it */
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t handle = 0;
        status_t inserted = cap_insert_gift(process, &thread->incoming[i], &handle);

        handles[i] = (uint32_t)handle;
        if (inserted != STATUS_OK && thread->handles_to == 0) {
            status = inserted;
        }
    }
    if (thread->handles_to == 0) {
        arch_set_result(&thread->frame, handles[0]);
        return status;
    }
    /* If it has unmapped that memory meanwhile, it gets no handles; nobody else is harmed. */
    (void)!user_copy_out(process, handles, thread->handles_to, count * sizeof(handles[0]));
    return status;
}

status_t thread_collect(struct thread *thread, vaddr_t handles_to, status_t status)
{
    thread->handles_to = handles_to;
    thread->collect_status = status;
    return invoke_continue(thread, &thread->process->object, insert_incoming,
                           TRACE_TRAVEL_CAPABILITY);
}

/* ---- death ----------------------------------------------------------------------------------- */

static void thread_dead_arrived(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, mail);

    process_thread_dead(thread->process, thread);
}

void thread_drop_references(struct thread *thread)
{
    cap_drop_gift(&thread->second);
    while (thread->incoming_count > 0) {
        cap_drop_gift(&thread->incoming[--thread->incoming_count]);
    }
    if (thread->invoke_held) {
        object_release(thread->invoke_object);
        thread->invoke_held = false;
    }
}

void thread_die(struct thread *thread, uint32_t status)
{
    cpu_t grave = thread->process->object.cpu;

    ASSERT(thread->home == percpu(id));
    if (thread == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_EXITED);
    } else {
        account_guard(thread);
    }
    arch_fpu_forget(thread);
    caller_bereaved(thread);
    thread_drop_references(thread);
    trace_thread_exit(thread->id, (int32_t)status);
    thread->exit_status = status;
    thread->state = TRACE_THREAD_STATE_EXITED;
    store_release(&thread->owner, grave); /* [thread.owner] as in thread_send() */
    mail_send_for(&thread->mail, grave, TRACE_TRAVEL_RETURN_HOME, thread_dead_arrived);
    /* From here on the process's CPU may free the thread. */
}
