/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that cannot take the fast path: partners that are not there yet or on other CPUs, and all
 * forms beside the plain call. endpoint.c has the theory of operation.
 *
 * Each system call checks its arguments where the caller runs, then goes on where the endpoint lives
 * (object_invoke). There either the partner waits already and deliver() brings the two together, or
 * the thread is queued as the partner to come.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/sched/account.h"
#include "kernel/wait.h"
#include "ipc/endpoint.h"
#include "ipc/notification.h"
#include "ipc/transfer.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

/* How many waiting servers are looked at for one on the client's CPU. */
#define RECEIVERS_LOOKED_AT 8

static enum trace_ipc_path path_of(const struct thread *one, cpu_t cpu)
{
    return one->home == cpu ? TRACE_IPC_PATH_QUEUED : TRACE_IPC_PATH_CROSS;
}

/* ---- bringing two together -------------------------------------------------------------------- */

/* The client is the server's from here on, and goes where the server goes. */
static void hold(struct thread *server, struct thread *client)
{
    account_lend(server, client);
    server->caller = client;
    client->server = server;
    client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
    if (server->home == percpu(id)) {
        wait_begin(client);
        return;
    }
    if (client == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_BLOCKED_CALL);
    }
    caller_follows(server, server->home);
}

/* Gives the client's message to a server; both are this CPU's, neither is queued. Returns the status
 * for the server. A one-way sender must be sent on by the caller. */
static inline __attribute__((always_inline)) status_t deliver(struct thread *server,
                                                              struct thread *client)
{
    status_t status = transfer(client, server);

    arch_copy_message(&server->frame, &client->frame);
    arch_set_badge(&server->frame, client->badge);
    trace_ipc_deliver(path_of(client, server->home), client->id, server->id);
    if ((client->ipc_flags & IPC_ONE_WAY) == 0) {
        hold(server, client);
    }
    return status;
}

status_t rendezvous_answer(struct thread *server, struct thread *client)
{
    status_t status = transfer(server, client);

    arch_copy_message(&client->frame, &server->frame);
    trace_ipc_reply(path_of(client, percpu(id)), client->id);
    return status;
}

static void reply(struct thread *server)
{
    caller_release(server, rendezvous_answer(server, server->caller));
}

/* ---- calling and sending ---------------------------------------------------------------------- */

/* On the endpoint's CPU, for a thread that is here and finds no partner yet: it joins a queue. */
static status_t wait_in(struct list *queue, struct thread *thread, struct endpoint *endpoint,
                        enum trace_thread_state state)
{
    if (endpoint->orphaned) {
        return STATUS_DEAD;
    }
    if ((thread->ipc_flags & IPC_NO_WAIT) != 0) {
        return STATUS_WOULD_BLOCK;
    }
    thread->state = (uint8_t)state;
    thread->waits_on = &endpoint->object;
    list_append(queue, &thread->link);
    wait_begin(thread);
    return STATUS_BLOCKED;
}

/* The server for a client from that CPU; NULL: nobody waits. */
static struct thread *receiver_for(struct endpoint *endpoint, cpu_t cpu)
{
    struct list_link *first = list_first(&endpoint->receivers);
    struct list_link *link = first;

    if (first == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < RECEIVERS_LOOKED_AT && link != &endpoint->receivers.head; i++) {
        if (thread_of(link)->home == cpu) {
            return thread_of(link);
        }
        link = link->next;
    }
    return thread_of(first);
}

/* On the endpoint's CPU, for a client or sender that is here. */
static status_t endpoint_call(struct thread *client, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    bool one_way = (client->ipc_flags & IPC_ONE_WAY) != 0;
    struct thread *server = receiver_for(endpoint, client->home);
    status_t status;

    if (server != NULL) {
        list_remove(&server->link);
        caller_go_on(server, client->id, deliver(server, client));
        return one_way ? STATUS_OK : STATUS_BLOCKED;
    }
    status = wait_in(&endpoint->callers, client, endpoint,
                     one_way ? TRACE_THREAD_STATE_BLOCKED_SEND : TRACE_THREAD_STATE_BLOCKED_CALL);
    if (status != STATUS_BLOCKED) {
        trace_ipc_abort((uint8_t)-status, client->id);
    }
    return status;
}

/* For the current thread, whose message is prepared. */
static inline __attribute__((always_inline)) status_t call(struct object *endpoint, uint64_t badge)
{
    struct thread *client = current();
    enum trace_ipc_path path = path_of(client, endpoint->cpu);

    percpu(statistics.messages)++;
    client->badge = badge;
    client->server = NULL;
    if ((client->ipc_flags & IPC_ONE_WAY) == 0) {
        trace_ipc_call(path, client->id, endpoint->id);
    } else {
        trace_ipc_send(path, client->id, endpoint->id);
    }
    return object_invoke_as(endpoint, endpoint_call, TRACE_TRAVEL_IPC_CALL);
}

status_t rendezvous_call(struct object *endpoint, uint64_t badge)
{
    transfer_nothing(current());
    return call(endpoint, badge);
}

static status_t call_with(uint64_t handle, vaddr_t ipc, enum ipc_flags flags)
{
    struct thread *client = current();
    struct cap cap;
    status_t status = cap_lookup(client->process->caps, handle, OBJECT_ENDPOINT, RIGHT_WRITE, &cap);

    if (status == STATUS_OK) {
        status = transfer_prepare(client, ipc);
    }
    if (status != STATUS_OK) {
        return status;
    }
    client->ipc_flags |= (uint8_t)flags;
    /* A sender goes on, but who got its message may be more important. */
    return sched_preemption_point(call(cap.object, cap.badge));
}

/* The words are in the frame: here, and below. */
status_t sys_ipc_call_with(uint64_t handle, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t ipc)
{
    return call_with(handle, ipc, 0);
}

status_t sys_ipc_send(uint64_t handle, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t ipc)
{
    return call_with(handle, ipc, IPC_ONE_WAY);
}

/* ---- receiving and answering ------------------------------------------------------------------- */

/* On the endpoint's CPU, for a server that is here. */
static status_t endpoint_receive(struct thread *server, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    struct thread *client;
    struct list_link *link;
    status_t status;
    bool one_way;

    if (unlikely(server->ipc != 0) && server->notification != 0) {
        status = notification_join(server);
        if (status != STATUS_BLOCKED) {
            return status;
        }
    }
    link = list_take_first(&endpoint->callers);
    if (link == NULL) {
        status =
            wait_in(&endpoint->receivers, server, endpoint, TRACE_THREAD_STATE_BLOCKED_RECEIVE);
        if (status != STATUS_BLOCKED) {
            wait_over(server);
        }
        return status;
    }
    client = thread_of(link);
    one_way = (client->ipc_flags & IPC_ONE_WAY) != 0;
    wait_over(server);
    status = deliver(server, client);
    if (one_way) {
        caller_go_on(client, server->id, STATUS_OK);
    }
    return likely(server->incoming_count == 0) ? status
                                               : thread_collect(server, server->handles_to, status);
}

/* For the current thread, whose answer and next receipt are prepared. */
static status_t reply_receive(struct object *endpoint)
{
    if (current()->caller != NULL) {
        reply(current());
    }
    /* A message waited here already, but who got the answer may be more important. */
    return sched_preemption_point(object_invoke(endpoint, endpoint_receive));
}

status_t rendezvous_reply_receive(struct object *endpoint)
{
    transfer_nothing(current());
    return reply_receive(endpoint);
}

status_t sys_ipc_reply_receive_with(uint64_t handle, uint64_t, uint64_t, uint64_t, uint64_t,
                                    uint64_t ipc)
{
    struct thread *server = current();
    struct cap cap;
    status_t status = cap_lookup(server->process->caps, handle, OBJECT_ENDPOINT, RIGHT_READ, &cap);

    if (status == STATUS_OK) {
        status = transfer_prepare(server, ipc);
    }
    return status != STATUS_OK ? status : reply_receive(cap.object);
}

status_t sys_ipc_receive(uint64_t handle, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t ipc)
{
    return current()->caller != NULL ? STATUS_BUSY
                                     : sys_ipc_reply_receive_with(handle, 0, 0, 0, 0, ipc);
}

status_t sys_ipc_reply(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t ipc)
{
    status_t status;

    if (current()->caller == NULL) {
        return STATUS_NO_CALLER;
    }
    status = transfer_prepare(current(), ipc);
    if (status == STATUS_OK) {
        reply(current());
    }
    return sched_preemption_point(status);
}
