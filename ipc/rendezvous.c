/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that cannot take the fast path: partners that are not there yet or on other CPUs, and all
 * forms beside the plain call. endpoint.c has the theory of operation.
 *
 * Each system call checks its arguments where the caller runs, then goes on where the endpoint lives
 * (object_invoke). There either the partner waits already and deliver() brings the two together, or
 * the thread is queued as the partner to come.
 */
#include "kernel/caller.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/sched/account.h"
#include "kernel/wait.h"
#include "ipc/endpoint.h"
#include "ipc/notification.h"
#include "ipc/transfer.h"
#include "smp/sched_point.h"
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
    if (server->home == percpu(id)) {
        client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
        wait_begin(client);
        return;
    }
    wait_leave(client);
    if (client == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_BLOCKED_CALL);
    }
    client->state = TRACE_THREAD_STATE_TRAVELLING;
    SCHED_POINT();
    /* [thread.owner] release: as in thread_send(); the server's mail carries the client. */
    store_release(&client->owner, server->home);
}

/* Gives the client's message to a server; both are this CPU's, neither is queued. Returns the status
 * for the server. A one-way sender must be sent on by the caller. */
static inline __attribute__((always_inline)) status_t deliver(struct thread *server,
                                                              struct thread *client)
{
    status_t status = transfer(client, server);

    arch_copy_message(&server->frame, &client->frame);
    arch_set_badge(&server->frame, client->badge);
    trace_ipc_deliver(path_of(client, server->home), client->message, server->id);
    if ((client->ipc_flags & IPC_ONE_WAY) == 0) {
        hold(server, client);
    }
    return status;
}

/* The server goes on with what came; where capabilities came, by way of its process's CPU. */
static status_t with_capabilities(struct thread *server, status_t status)
{
    return likely(server->incoming_count == 0) ? status
                                               : thread_collect(server, server->handles_to, status);
}

/* The same for a server that was waiting. */
static void deliver_and_wake(struct thread *server, struct thread *client)
{
    status_t status = with_capabilities(server, deliver(server, client));

    if (status != STATUS_BLOCKED) {
        thread_set_status(server, status);
        thread_wake(server, client->id);
    }
}

void rendezvous_answer(struct thread *server, struct thread *client)
{
    arch_copy_message(&client->frame, &server->frame);
    trace_ipc_reply(path_of(client, percpu(id)), client->message, client->id);
}

static void reply(struct thread *server)
{
    struct thread *client = server->caller;
    status_t status = transfer(server, client);

    rendezvous_answer(server, client);
    caller_release(server, status);
}

/* ---- calling and sending ---------------------------------------------------------------------- */

/* The server for a client from that CPU; NULL: nobody waits. */
static struct thread *receiver_for(struct endpoint *endpoint, cpu_t cpu)
{
    struct list_link *first = endpoint->receivers.head.next;
    struct list_link *link = first;

    if (first == &endpoint->receivers.head) {
        return NULL;
    }
    for (unsigned i = 0; i < RECEIVERS_LOOKED_AT; i++) {
        if (thread_of(link)->home == cpu) {
            return thread_of(link);
        }
        link = link->next;
        if (link == &endpoint->receivers.head) {
            break;
        }
    }
    return thread_of(first);
}

static status_t call_aborted(struct thread *client, status_t status)
{
    trace_ipc_abort((uint8_t)-status, client->message, client->id);
    return status;
}

/* On the endpoint's CPU, for a client or sender that is here. */
status_t endpoint_call(struct thread *client, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    bool one_way = (client->ipc_flags & IPC_ONE_WAY) != 0;
    struct thread *server;

    if (endpoint->orphaned) {
        return call_aborted(client, STATUS_DEAD);
    }
    server = receiver_for(endpoint, client->home);
    if (server == NULL) {
        if ((client->ipc_flags & IPC_NO_WAIT) != 0) {
            return call_aborted(client, STATUS_WOULD_BLOCK);
        }
        client->state = one_way ? TRACE_THREAD_STATE_BLOCKED_SEND : TRACE_THREAD_STATE_BLOCKED_CALL;
        client->waits_on = object;
        list_append(&endpoint->callers, &client->link);
        wait_begin(client);
        return STATUS_BLOCKED;
    }
    list_remove(&server->link);
    wait_over(server);
    deliver_and_wake(server, client);
    return one_way ? STATUS_OK : STATUS_BLOCKED;
}

/* For the current thread, whose message is prepared. */
static inline __attribute__((always_inline)) status_t call(struct object *endpoint, uint64_t badge)
{
    struct thread *client = current();
    enum trace_ipc_path path = path_of(client, endpoint->cpu);

    percpu(statistics.messages)++;
    client->badge = badge;
    client->server = NULL;
    if (CONFIG_TRACE) {
        client->message = trace_message_id();
    }
    if ((client->ipc_flags & IPC_ONE_WAY) == 0) {
        trace_ipc_call(path, client->message, endpoint->id);
    } else {
        trace_ipc_send(path, client->message, endpoint->id);
    }
    return object_invoke_as(endpoint, endpoint_call, TRACE_TRAVEL_IPC_CALL);
}

status_t rendezvous_call(struct object *endpoint, uint64_t badge)
{
    transfer_nothing(current());
    return call(endpoint, badge);
}

static status_t call_with(uint64_t handle, vaddr_t ipc, uint8_t flags)
{
    struct thread *client = current();
    uint64_t notification;
    struct cap cap;
    status_t status = cap_lookup(client->process->caps, handle, OBJECT_ENDPOINT, RIGHT_WRITE, &cap);

    if (status == STATUS_OK) {
        status = transfer_prepare(client, ipc, &notification);
    }
    if (status != STATUS_OK) {
        return status;
    }
    client->ipc_flags |= flags;
    /* A sender goes on, but who got its message may be more important. */
    return sched_preemption_point(call(cap.object, cap.badge));
}

status_t sys_ipc_call_with(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                           uint64_t word3, uint64_t ipc)
{
    (void)word0, (void)word1, (void)word2, (void)word3; /* they are in the frame */
    return call_with(handle, ipc, 0);
}

status_t sys_ipc_send(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                      uint64_t word3, uint64_t ipc)
{
    (void)word0, (void)word1, (void)word2, (void)word3; /* they are in the frame */
    return call_with(handle, ipc, IPC_ONE_WAY);
}

/* ---- receiving --------------------------------------------------------------------------------- */

/* On the endpoint's CPU, for a server that is here: nobody sends yet. */
static status_t wait_for_message(struct thread *server, struct endpoint *endpoint)
{
    if ((server->ipc_flags & IPC_NO_WAIT) != 0) {
        return STATUS_WOULD_BLOCK;
    }
    server->state = TRACE_THREAD_STATE_BLOCKED_RECEIVE;
    server->waits_on = &endpoint->object;
    list_append(&endpoint->receivers, &server->link);
    wait_begin(server);
    return STATUS_BLOCKED;
}

static status_t endpoint_receive(struct thread *server, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    struct thread *client;
    struct list_link *link;
    status_t status;

    if (server->waits_also != NULL) {
        status = notification_join(server->waits_also, server);
        if (status != STATUS_OK) {
            server->waits_also = NULL;
            return status;
        }
        server->fast_home = FAST_NEVER;
    }
    link = list_take_first(&endpoint->callers);
    if (link != NULL) {
        client = thread_of(link);
        wait_over(server);
        status = deliver(server, client);
        if ((client->ipc_flags & IPC_ONE_WAY) != 0) {
            wait_over(client);
            thread_set_status(client, STATUS_OK);
            thread_wake(client, server->id);
        }
        return with_capabilities(server, status);
    }
    status = endpoint->orphaned ? STATUS_DEAD : wait_for_message(server, endpoint);
    if (status != STATUS_BLOCKED) {
        wait_over(server);
    }
    return status;
}

/* The server wants to wait for a notification, too, at an endpoint that lives on `cpu`. */
static status_t wait_also_prepare(struct thread *server, uint64_t notification, cpu_t cpu)
{
    struct cap cap;
    status_t status =
        cap_lookup(server->process->caps, notification, OBJECT_NOTIFICATION, RIGHT_READ, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    if (cap.object->cpu != cpu) {
        return STATUS_BAD_ARGUMENT;
    }
    /* It needs no reference on the way: who waits is known to it before it can be gone. */
    server->waits_also = cap.object;
    return STATUS_OK;
}

/* Checks all that a receiving call needs; *endpoint is where it goes on. */
static status_t receive_prepare(struct thread *server, uint64_t handle, vaddr_t ipc,
                                struct object **endpoint)
{
    uint64_t notification = 0;
    struct cap cap;
    status_t status = cap_lookup(server->process->caps, handle, OBJECT_ENDPOINT, RIGHT_READ, &cap);

    if (status == STATUS_OK) {
        *endpoint = cap.object;
        status = transfer_prepare(server, ipc, &notification);
    }
    return likely(notification == 0) || status != STATUS_OK
               ? status
               : wait_also_prepare(server, notification, cap.object->cpu);
}

static status_t receive(struct object *endpoint)
{
    /* A message waited here already, but who got the answer may be more important. */
    return sched_preemption_point(object_invoke(endpoint, endpoint_receive));
}

/* For the current thread, whose answer and next receipt are prepared. */
static status_t reply_receive(struct object *endpoint)
{
    if (current()->caller != NULL) {
        reply(current());
    }
    return receive(endpoint);
}

status_t rendezvous_reply_receive(struct object *endpoint)
{
    transfer_nothing(current());
    return reply_receive(endpoint);
}

status_t sys_ipc_reply_receive_with(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                                    uint64_t word3, uint64_t ipc)
{
    struct object *endpoint;
    status_t status;

    (void)word0, (void)word1, (void)word2, (void)word3; /* they are in the frame */
    status = receive_prepare(current(), handle, ipc, &endpoint);
    return status != STATUS_OK ? status : reply_receive(endpoint);
}

status_t sys_ipc_receive(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                         uint64_t word3, uint64_t ipc)
{
    struct object *endpoint;
    status_t status;

    (void)word0, (void)word1, (void)word2, (void)word3; /* nothing is sent */
    if (current()->caller != NULL) {
        return STATUS_BUSY;
    }
    status = receive_prepare(current(), handle, ipc, &endpoint);
    return status != STATUS_OK ? status : receive(endpoint);
}

/* ---- answering --------------------------------------------------------------------------------- */

status_t sys_ipc_reply_with(uint64_t unused, uint64_t word0, uint64_t word1, uint64_t word2,
                            uint64_t word3, uint64_t ipc)
{
    uint64_t notification;
    status_t status;

    (void)unused, (void)word0, (void)word1, (void)word2, (void)word3; /* they are in the frame */
    if (current()->caller == NULL) {
        return STATUS_NO_CALLER;
    }
    status = transfer_prepare(current(), ipc, &notification);
    if (status != STATUS_OK) {
        return status;
    }
    reply(current());
    return sched_preemption_point(STATUS_OK);
}

status_t sys_ipc_reply(uint64_t unused, uint64_t word0, uint64_t word1, uint64_t word2,
                       uint64_t word3)
{
    return sys_ipc_reply_with(unused, word0, word1, word2, word3, 0);
}
