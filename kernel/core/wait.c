/* SPDX-License-Identifier: Apache-2.0
 *
 * Ends of waits; the header is the manual.
 */
#include "kernel/wait.h"

#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/sched/account.h"
#include "trace/kernel/trace.h"

static void wait_timed_out(struct timeout *timeout)
{
    wait_end(container_of(timeout, struct thread, timeout), STATUS_TIMED_OUT);
}

void wait_limit(struct thread *thread)
{
    if (thread->deadline != 0 && !timer_is_set(&thread->timeout)) {
        thread->fast_home = FAST_NEVER;
        timer_set(&thread->timeout, thread->deadline, wait_timed_out);
    }
}

void wait_forget(struct object *object, struct thread *thread)
{
    if (object->class->forget != NULL) {
        object->class->forget(object, thread);
    } else {
        list_remove(&thread->link);
    }
}

__attribute__((preserve_most)) void wait_call_off(struct thread *thread)
{
    struct object *also = thread->waits_also;

    /* Must thread_wake() look at the thread before it goes on? */
    thread->fast_home = fault_waits(thread) || order_pending(thread) ? FAST_NEVER : thread->home;
    timer_cancel(&thread->timeout);
    if (also != NULL) {
        thread->waits_also = NULL;
        wait_forget(also, thread);
    }
}

bool wait_cancel(struct thread *thread, status_t status)
{
    struct thread *server = thread->server;

    switch (thread->state) {
    case TRACE_THREAD_STATE_SLEEPING:
        timer_cancel(&thread->timeout);
        break;
    case TRACE_THREAD_STATE_BLOCKED_CALL:
    case TRACE_THREAD_STATE_BLOCKED_SEND:
        trace_ipc_abort((uint8_t)-status, thread->id);
        /* fall through */
    case TRACE_THREAD_STATE_BLOCKED_RECEIVE:
    case TRACE_THREAD_STATE_BLOCKED_NOTIFICATION:
    case TRACE_THREAD_STATE_BLOCKED_ORDER:
        wait_over(thread);
        if (server != NULL) { /* its call is being served */
            thread->server = NULL;
            server->caller = NULL;
            account_fall_back(server);
        } else {
            wait_forget(thread->waits_on, thread);
        }
        break;
    default:
        return false;
    }
    thread_set_status(thread, status);
    return true;
}

void wait_end(struct thread *thread, status_t status)
{
    if (wait_cancel(thread, status)) {
        thread_wake(thread, 0);
    }
}
