/* SPDX-License-Identifier: Apache-2.0
 *
 * Held clients; the header is the manual.
 */
#include "kernel/thread.h"

#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/sched/account.h"
#include "kernel/wait.h"
#include "smp/atomic.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

static inline void go_home(struct thread *thread, status_t status)
{
    thread_set_status(thread, status);
    if (thread->home == percpu(id)) {
        thread_wake(thread, thread->cause);
    } else {
        thread_send(thread, thread->home, TRACE_TRAVEL_IPC_REPLY, thread_home_arrived);
    }
}

static __attribute__((noinline)) void go_by_process(struct thread *thread, status_t status)
{
    status = thread_collect(thread, thread->handles_to, status);
    if (status != STATUS_BLOCKED) {
        go_home(thread, status);
    }
}

void caller_go_on(struct thread *thread, uint32_t cause, status_t status)
{
    wait_over(thread);
    thread->cause = cause;
    if (likely(thread->incoming_count == 0)) {
        go_home(thread, status);
    } else {
        go_by_process(thread, status);
    }
}

__attribute__((always_inline)) struct thread *caller_take(struct thread *server)
{
    struct thread *client = server->caller;

    account_return(server);
    server->caller = NULL;
    client->server = NULL;
    return client;
}

void caller_release(struct thread *server, status_t status)
{
    caller_go_on(caller_take(server), server->id, status);
}

void caller_arrived(struct thread *server)
{
    struct thread *client = server->caller;

    if (client == NULL) {
        server->run.sc = &server->own; /* also where it had one when it left */
        return;
    }
    if (client->state != TRACE_THREAD_STATE_TRAVELLING) {
        return;
    }
    client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
    wait_begin(client);
    /* Relaxed: as in thread_arrived(), which ends it: its kill order may have been here before it. */
    if (load_relaxed(&client->killed)) {
        trace_ipc_abort(-STATUS_CANCELLED, client->id);
        server->caller = NULL;
        server->run.sc = &server->own;
        wait_over(client);
        (void)!thread_arrived(client);
    } else if (load_relaxed(&client->stop)) { /* Relaxed: the same. */
        trace_ipc_abort(-STATUS_CANCELLED, client->id);
        caller_release(server, STATUS_CANCELLED);
    }
}

void caller_follows(struct thread *server, cpu_t cpu)
{
    struct thread *client = server->caller;

    if (client != NULL) {
        wait_leave(client);
        client->state = TRACE_THREAD_STATE_TRAVELLING;
        SCHED_POINT();
        /* [thread.owner] release: as in thread_send(); the server's mail carries the client. */
        store_release(&client->owner, cpu);
    }
}

void caller_bereaved(struct thread *server)
{
    if (server->caller != NULL) {
        trace_ipc_abort(-STATUS_DEAD, server->caller->id);
        caller_release(server, STATUS_DEAD);
    }
}
