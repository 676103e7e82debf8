/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders to threads: die, rest, live elsewhere.
 *
 * Theory of operation
 *
 * 1. Motivation. Only its owner may change a thread, and the owner changes while it travels. Who wants
 *    something of it does not know where it is by the time that the wish arrives.
 * 2. An order is a word in the thread (`killed`, `stop`, `affinity`) and a mail that chases it. Words and
 *    mail belong to the CPU of the thread's process, so callers are served one after the other; they
 *    travel there, and wait there where they want to see the order carried out. (Two exceptions: a
 *    thread that moves itself writes its own `affinity`, and who ends its process `killed`.)
 * 3. The mail goes to the thread's `owner`. On arrival:
 *      - the owner has changed: it is forwarded;
 *      - travelling: the thread is on its way here, and looks at the words when it arrives; done;
 *      - at home, running or ready: it is taken from the CPU and obeys; done;
 *      - blocked or asleep: to die or to rest it is taken out of what it waits for (STATUS_CANCELLED) and
 *        sent home; a move waits until it comes home by itself; done.
 *    Then the mail goes home. One mail is enough: who has a new wish meanwhile writes the word and has
 *    the mail sent once more when it is back. Who looks at a word without seeing it yet is found by it.
 * 4. Whoever goes on at home passes thread_wake(), which looks at the words where `fast_home` says that it
 *    must (FAST_NEVER, which also keeps the fast paths away). So a blocked thread obeys before it runs
 *    again. The owner sets that when the mail does not find the thread running; whoever resets it
 *    looks at the words again (order_pending). At a word that comes too late for that, its mail does.
 * 5. Resting. A thread that shall rest gives up the FPU at home, travels to its process's CPU, and is
 *    owned there, in no queue, until it is resumed: its registers can be read and written in place. A
 *    client that it holds stays where it was, as for any other journey of a server.
 * 6. Who waits for an order is blocked on the thread like on any object, and can be killed or stopped as
 *    such: two threads that stop each other do not wait for each other for ever. When the thread has
 *    come to rest, was resumed, or is dead, all that wait there run their function again.
 *
 * Limit: order_retry() sends one mail for each that waits.
 */
#include "kernel/order.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/invoke.h"
#include "kernel/sched/account.h"
#include "kernel/timer.h"
#include "smp/sched_point.h"
#include "kernel/wait.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

static struct thread *thread_of(struct object *object)
{
    return container_of(object, struct thread, object);
}

/* ---- obeying --------------------------------------------------------------------------------- */

static void rest_arrived(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, mail);

    if (!thread_arrived(thread)) {
        return;
    }
    if (!load_relaxed(&thread->stop)) { /* Relaxed: this CPU's own: resumed on the way */
        thread_wake(thread, 0);
        return;
    }
    thread->state = TRACE_THREAD_STATE_SUSPENDED;
    thread->resting = true;
    trace_thread_suspend(1, thread->id);
    order_retry(thread, false);
}

void order_obey(struct thread *thread)
{
    cpu_t target = load_relaxed(&thread->affinity); /* Relaxed: as for all orders, see 3. */

    fault_forget(thread);
    arch_fpu_evict(thread);
    if (load_relaxed(&thread->stop)) {
        thread_send(thread, thread->process->object.cpu, TRACE_TRAVEL_REMOTE_CALL, rest_arrived);
        return;
    }
    if (target == thread->home) { /* it was resumed at this moment */
        thread_send(thread, target, TRACE_TRAVEL_RETURN_HOME, thread_home_arrived);
        return;
    }
    trace_migrate((uint8_t)target, thread->id, thread->home);
    caller_follows(thread, target);
    thread->home = target;
    thread->fast_home = target;
    thread_send(thread, target, TRACE_TRAVEL_START, thread_home_arrived);
}

bool order_cancels(struct thread *thread)
{
    /* Who ends its process has nothing to come back to; who carries capabilities to its table has been
     * served already. Relaxed: see 3. */
    if (!load_relaxed(&thread->stop) || thread->end_reason != 0 || thread->incoming_count != 0) {
        return false;
    }
    if (thread->mail.travel == TRACE_TRAVEL_IPC_CALL) { /* it was on its way with a message */
        trace_ipc_abort((uint8_t)-STATUS_CANCELLED, thread->id);
    }
    thread_drop_references(thread);
    thread_set_status(thread, STATUS_CANCELLED);
    thread->fast_home = FAST_NEVER; /* it obeys at home, also where it is before the order's mail */
    thread_wake(thread, 0);
    return true;
}

/* ---- the order's mail ------------------------------------------------------------------------ */

/* Goes on towards what it was ordered: at home now, or when it has come home. */
static void go_and_obey(struct thread *thread)
{
    if (thread->home != percpu(id)) {
        thread->fast_home = FAST_NEVER;
        thread_send(thread, thread->home, TRACE_TRAVEL_RETURN_HOME, thread_home_arrived);
    } else if (load_relaxed(&thread->killed)) { /* Relaxed: see 3. */
        thread_die(thread, 0);
    } else {
        order_obey(thread);
    }
}

static void carry_out(struct thread *thread)
{
    bool ends_waits = load_relaxed(&thread->killed) || load_relaxed(&thread->stop); /* see 3. */

    if (thread->state == TRACE_THREAD_STATE_SUSPENDED) {
        if (load_relaxed(&thread->killed)) { /* Relaxed: this CPU's own. */
            thread->resting = false;
            go_and_obey(thread);
        }
    } else if (thread->state == TRACE_THREAD_STATE_RUNNABLE ||
               thread->state == TRACE_THREAD_STATE_OUT_OF_BUDGET) {
        if (ends_waits || order_pending(thread)) {
            if (thread->state == TRACE_THREAD_STATE_OUT_OF_BUDGET) {
                timer_cancel(&thread->timeout);
            } else if (thread != current()) {
                percpu(queue.policy)->dequeue(&arch_this_cpu()->queue, &thread->run);
            }
            go_and_obey(thread);
        }
    } else if (ends_waits && wait_cancel(thread, STATUS_CANCELLED)) {
        go_and_obey(thread);
    } else if (thread->state != TRACE_THREAD_STATE_EXITED) {
        thread->fast_home = FAST_NEVER;
    }
}

static void order_send(struct thread *thread);
static status_t order_delivered(struct thread *caller, struct object *object);

void order_retry(struct thread *thread, bool delivered_only)
{
    struct list_link *link = thread->orderers.head.next;

    while (link != &thread->orderers.head) {
        struct thread *caller = container_of(link, struct thread, link);

        link = link->next;
        if (!delivered_only || caller->invoke == order_delivered) {
            list_remove(&caller->link);
            thread_send(caller, percpu(id), TRACE_TRAVEL_REMOTE_CALL, invoke_arrived);
        }
    }
}

static void order_done(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, order);
    struct process *process = thread->process;

    process->pending--;
    thread->order_out = false;
    if (thread->dead) {
        thread_free(thread);
    } else if (thread->order_again) {
        order_send(thread);
    } else {
        order_retry(thread, true);
    }
    process_check_end(process);
}

static void order_arrived(struct mail *mail)
{
    struct thread *thread = container_of(mail, struct thread, order);
    /* [thread.owner] acquire: if it is us, we see at least the state with which it was sent to us.
     * Pairs with the release in thread_send(). */
    cpu_t owner = load_acquire(&thread->owner);

    SCHED_POINT();
    if (owner != percpu(id)) {
        mail_send(mail, owner);
        return;
    }
    carry_out(thread);
    mail->arrive = order_done;
    mail_send(mail, thread->process->object.cpu);
}

/* After the word was written; the push releases it. */
static void order_send(struct thread *thread)
{
    thread->order_again = thread->order_out;
    if (thread->order_out) {
        return;
    }
    SCHED_POINT();
    thread->order_out = true;
    thread->process->pending++;
    /* Relaxed: our own word. [thread.owner] acquire: a first guess. */
    mail_send_for(&thread->order, load_acquire(&thread->owner),
                  load_relaxed(&thread->killed) ? TRACE_TRAVEL_KILL : TRACE_TRAVEL_ORDER,
                  order_arrived);
}

/* ---- giving orders --------------------------------------------------------------------------- */

void order_kill(struct thread *thread)
{
    store_relaxed(&thread->killed, 1); /* Relaxed: released with the mail. */
    order_send(thread);
}

static status_t wait_for(struct thread *thread, struct thread *caller)
{
    caller->state = TRACE_THREAD_STATE_BLOCKED_ORDER;
    caller->waits_on = &thread->object;
    list_append(&thread->orderers, &caller->link);
    return STATUS_BLOCKED;
}

/* The caller is the one to obey: at once, or when it has come home. */
static status_t obey_oneself(struct thread *caller)
{
    if (caller->home != percpu(id)) {
        caller->fast_home = FAST_NEVER;
        return STATUS_OK;
    }
    thread_set_status(caller, STATUS_OK);
    go_and_obey(caller);
    return STATUS_BLOCKED;
}

status_t do_thread_kill(struct thread *caller, struct object *object)
{
    struct thread *thread = thread_of(object);

    if (thread->dead) {
        return STATUS_OK;
    }
    if (thread == caller) {
        store_relaxed(&thread->killed, 1); /* Relaxed: nobody else looks before it was pushed. */
        return obey_oneself(caller);
    }
    order_kill(thread);
    return wait_for(thread, caller);
}

status_t do_thread_suspend(struct thread *caller, struct object *object)
{
    struct thread *thread = thread_of(object);

    if (thread->dead) {
        return STATUS_DEAD;
    }
    store_relaxed(&thread->stop, 1); /* Relaxed: released with the mail. */
    if (thread == caller) {
        return obey_oneself(caller);
    }
    if (thread->resting) {
        return STATUS_OK;
    }
    order_send(thread);
    return wait_for(thread, caller);
}

status_t do_thread_resume(struct thread *caller, struct object *object)
{
    struct thread *thread = thread_of(object);

    if (thread->dead) {
        return STATUS_DEAD;
    }
    store_relaxed(&thread->stop, 0); /* Relaxed: who still sees it comes here, where it counts. */
    if (thread->resting) {
        thread->resting = false;
        thread->fast_home = FAST_NEVER; /* where it shall live may have changed meanwhile */
        trace_thread_suspend(0, thread->id);
        thread_wake(thread, caller->id);
    } else {
        order_retry(thread, false); /* they would wait for a rest that may not come */
    }
    return STATUS_OK;
}

/* Waits until the thread has heard of what it was ordered. */
static status_t order_delivered(struct thread *caller, struct object *object)
{
    struct thread *thread = thread_of(object);

    if (thread->dead) {
        return STATUS_DEAD;
    }
    return thread->order_out ? wait_for(thread, caller) : STATUS_OK;
}

status_t do_thread_affinity(struct thread *caller, struct object *object)
{
    struct thread *thread = thread_of(object);
    uint64_t place = arch_argument(&caller->frame, 1);
    status_t status = range_check_place(caller, place);

    if (status != STATUS_OK || thread->dead) {
        return status != STATUS_OK ? status : STATUS_DEAD;
    }
    store_relaxed(&thread->affinity, (cpu_t)place); /* Relaxed: released with the mail. */
    if (thread == caller) {
        return order_pending(thread) ? obey_oneself(caller) : STATUS_OK;
    }
    if (thread->resting) {
        return STATUS_OK;
    }
    order_send(thread);
    caller->invoke = order_delivered;
    return wait_for(thread, caller);
}
