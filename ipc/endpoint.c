/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: synchronous call and answer.
 *
 * Theory of operation
 *
 * 1. Motivation. A client sends four words, waits, and gets four words back. On one core that should
 *    cost little more than entering the kernel twice; across cores it should cost one mailbox push
 *    each way.
 * 2. Objects. An endpoint lives on one CPU, its owner. It has two queues, of which at least one is
 *    empty: servers that wait for messages, clients that wait for servers. A server that has a
 *    client's message holds that client in `caller` until it answers, asks for the next message
 *    without an answer being due, or dies.
 * 3. A message is never copied to a buffer: it stays in the client's saved registers until a server
 *    is there, and goes from registers to registers. Across cores the client's thread is the message:
 *    it travels to the endpoint, is held by the server, and travels home with its answer.
 * 4. Same core, fast path (sys_ipc_call, sys_ipc_reply_receive): if the partner waits here, lives here
 *    and nobody more important is ready, the CPU switches straight to it. No run queue is touched, and
 *    the partner goes on with the time slice of the one that called.
 * 5. Everything else goes through the functions endpoint_call and endpoint_receive, which run on the
 *    endpoint's CPU, for a local thread or for one that has travelled there.
 * 6. A held client belongs to its server's home CPU (see kernel/thread.h). If the server's home is
 *    not the endpoint's CPU, both travel there together, in one mail: the server's.
 * 7. Ends. When a server dies its caller gets STATUS_DEAD. When the last capability to receive is
 *    gone, the endpoint is orphaned: all queued clients and all later ones get STATUS_DEAD.
 *
 * Limits: a server holds one caller at a time; the queue is first-come first-served whatever the
 * priorities; a message has four words and no capabilities yet.
 */
#include "ipc/endpoint.h"

#include "kernel/boot.h"
#include "kernel/caller.h"
#include "kernel/sched/switch.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/panic.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

static struct thread *thread_of(struct list_link *link)
{
    return container_of(link, struct thread, link);
}

/* ---- slow path: call ------------------------------------------------------------------------- */

/* Gives the client's message to a server; both are this CPU's. The client is held from here on. */
static void deliver(struct thread *server, struct thread *client)
{
    bool here = server->home == percpu(id);

    arch_copy_message(&server->frame, &client->frame);
    arch_set_badge(&server->frame, client->badge);
    server->caller = client;
    client->server = server;
    trace_ipc_deliver(client->home == server->home ? TRACE_IPC_PATH_QUEUED : TRACE_IPC_PATH_CROSS,
                      client->message, server->id);
    if (here) {
        client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
        return;
    }
    if (client == current()) {
        thread_leave_cpu(TRACE_THREAD_STATE_BLOCKED_CALL);
    }
    client->state = TRACE_THREAD_STATE_TRAVELLING;
    SCHED_POINT();
    /* [thread.owner] release: as in thread_send(); the server's mail carries the client. */
    store_release(&client->owner, server->home);
}

/* On the endpoint's CPU, for a client that is here. */
static status_t endpoint_call(struct thread *client, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    struct list_link *receiver;

    if (endpoint->orphaned) {
        trace_ipc_abort(-STATUS_DEAD, client->message, client->id);
        return STATUS_DEAD;
    }
    receiver = list_take_first(&endpoint->receivers);
    if (receiver == NULL) {
        client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
        client->waits_on = object;
        list_append(&endpoint->callers, &client->link);
        return STATUS_BLOCKED;
    }
    deliver(thread_of(receiver), client);
    thread_set_status(thread_of(receiver), STATUS_OK);
    thread_wake(thread_of(receiver), client->id);
    return STATUS_BLOCKED;
}

static __attribute__((noinline)) status_t call_slow(uint64_t handle)
{
    struct thread *client = current();
    struct cap cap;
    status_t status = cap_lookup(client->process->caps, handle, OBJECT_ENDPOINT, RIGHT_WRITE, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    client->badge = cap.badge;
    client->server = NULL;
    if (CONFIG_TRACE) {
        client->message = trace_message_id();
    }
    trace_ipc_call(cap.object->cpu == percpu(id) ? TRACE_IPC_PATH_QUEUED : TRACE_IPC_PATH_CROSS,
                   client->message, cap.object->id);
    return object_invoke_as(cap.object, endpoint_call, TRACE_TRAVEL_IPC_CALL);
}

/* ---- slow path: answer and receive ----------------------------------------------------------- */

static void reply(struct thread *server)
{
    struct thread *client = server->caller;

    arch_copy_message(&client->frame, &server->frame);
    trace_ipc_reply(client->home == percpu(id) ? TRACE_IPC_PATH_QUEUED : TRACE_IPC_PATH_CROSS,
                    client->message, client->id);
    caller_release(server, STATUS_OK);
}

/* On the endpoint's CPU, for a server that is here. */
static status_t endpoint_receive(struct thread *server, struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    struct list_link *client = list_take_first(&endpoint->callers);

    if (endpoint->orphaned) {
        return STATUS_DEAD;
    }
    if (client == NULL) {
        server->state = TRACE_THREAD_STATE_BLOCKED_RECEIVE;
        server->waits_on = object;
        list_append(&endpoint->receivers, &server->link);
        return STATUS_BLOCKED;
    }
    deliver(server, thread_of(client));
    return STATUS_OK;
}

static __attribute__((noinline)) status_t reply_receive_slow(uint64_t handle)
{
    struct thread *server = current();
    struct cap cap;
    status_t status = cap_lookup(server->process->caps, handle, OBJECT_ENDPOINT, RIGHT_READ, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    if (server->caller != NULL) {
        reply(server);
    }
    /* A message waited here already, but who got the answer may be more important. */
    return sched_preemption_point(object_invoke(cap.object, endpoint_receive));
}

status_t sys_ipc_reply(uint64_t unused, uint64_t word0, uint64_t word1, uint64_t word2,
                       uint64_t word3)
{
    (void)unused, (void)word0, (void)word1, (void)word2, (void)word3; /* they are in the frame */
    if (current()->caller == NULL) {
        return STATUS_NO_CALLER;
    }
    reply(current());
    return sched_preemption_point(STATUS_OK);
}

/* ---- fast path ------------------------------------------------------------------------------- */

status_t sys_ipc_call(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                      uint64_t word3)
{
    struct thread *client = current();
    struct endpoint *endpoint;
    struct list_link *link;
    struct thread *server;
    struct cap cap;

    /* It is an endpoint, and the caller may call it. */
    if (unlikely(!cap_find(client->process->caps, handle, CAP_KIND(OBJECT_ENDPOINT, RIGHT_WRITE),
                           &cap))) {
        goto slow;
    }
    endpoint = (struct endpoint *)cap.object;
    /* It lives on this CPU. */
    if (unlikely(endpoint->object.cpu != percpu(id))) {
        goto slow;
    }
    /* A server waits. */
    link = endpoint->receivers.head.next;
    if (unlikely(link == &endpoint->receivers.head)) {
        goto slow;
    }
    server = thread_of(link);
    /* It runs on this CPU too. */
    if (unlikely(server->home != percpu(id))) {
        goto slow;
    }
    /* Nobody more important is ready. */
    if (unlikely(!run_queue_lets_run(&arch_this_cpu()->queue, server->priority))) {
        goto slow;
    }

    list_remove(link);
    client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
    client->server = server;
    server->caller = client;
    server->state = TRACE_THREAD_STATE_RUNNABLE;
    server->frame.rdi = cap.badge;
    server->frame.rsi = word0;
    server->frame.rdx = word1;
    server->frame.r10 = word2;
    server->frame.r8 = word3;
    if (CONFIG_TRACE) {
        client->message = trace_message_id();
        trace_ipc_call(TRACE_IPC_PATH_DIRECT, client->message, endpoint->object.id);
        trace_ipc_deliver(TRACE_IPC_PATH_DIRECT, client->message, server->id);
        switch_trace(TRACE_THREAD_STATE_BLOCKED_CALL, server->id);
    }
    switch_current(server);
    return STATUS_OK; /* the server's status: it is current now */

slow:
    return call_slow(handle);
}

status_t sys_ipc_reply_receive(uint64_t handle, uint64_t word0, uint64_t word1, uint64_t word2,
                               uint64_t word3)
{
    struct thread *server = current();
    struct thread *client = server->caller;
    struct endpoint *endpoint;
    struct cap cap;

    /* It is an endpoint from which the caller may receive. */
    if (unlikely(!cap_find(server->process->caps, handle, CAP_KIND(OBJECT_ENDPOINT, RIGHT_READ),
                           &cap))) {
        goto slow;
    }
    endpoint = (struct endpoint *)cap.object;
    /* A client waits for the answer. */
    if (unlikely(client == NULL)) {
        goto slow;
    }
    /* It lives on this CPU, and so does the client. */
    if (unlikely(endpoint->object.cpu != percpu(id)) || unlikely(client->home != percpu(id))) {
        goto slow;
    }
    /* No other client waits, so that we shall block. */
    if (unlikely(!list_empty(&endpoint->callers)) || unlikely(endpoint->orphaned)) {
        goto slow;
    }
    /* Nobody more important than the client is ready. */
    if (unlikely(!run_queue_lets_run(&arch_this_cpu()->queue, client->priority))) {
        goto slow;
    }

    server->caller = NULL;
    server->state = TRACE_THREAD_STATE_BLOCKED_RECEIVE;
    server->waits_on = &endpoint->object;
    list_append(&endpoint->receivers, &server->link);
    client->server = NULL;
    client->state = TRACE_THREAD_STATE_RUNNABLE;
    client->frame.rsi = word0;
    client->frame.rdx = word1;
    client->frame.r10 = word2;
    client->frame.r8 = word3;
    if (CONFIG_TRACE) {
        trace_ipc_reply(TRACE_IPC_PATH_DIRECT, client->message, client->id);
        switch_trace(TRACE_THREAD_STATE_BLOCKED_RECEIVE, client->id);
    }
    switch_current(client);
    return STATUS_OK; /* the client's status: it is current now */

slow:
    return reply_receive_slow(handle);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Ends the wait of a thread that this CPU owns. */
static void wake_dead(struct thread *thread, bool client)
{
    if (client) {
        trace_ipc_abort(-STATUS_DEAD, thread->message, thread->id);
    }
    thread_set_status(thread, STATUS_DEAD);
    thread_wake(thread, 0);
}

static void endpoint_orphaned(struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;
    struct list_link *link;

    endpoint->orphaned = true;
    while ((link = list_take_first(&endpoint->callers)) != NULL) {
        wake_dead(thread_of(link), true);
    }
    while ((link = list_take_first(&endpoint->receivers)) != NULL) {
        wake_dead(thread_of(link), false);
    }
}

static void orphan_arrived(struct mail *mail)
{
    endpoint_orphaned(&container_of(mail, struct endpoint, orphan_mail)->object);
}

static bool endpoint_granted(struct object *object, unsigned rights)
{
    return (rights & RIGHT_READ) == 0 ||
           count_up_unless_zero(&((struct endpoint *)object)->readers);
}

static void endpoint_withdrawn(struct object *object, unsigned rights)
{
    struct endpoint *endpoint = (struct endpoint *)object;

    if ((rights & RIGHT_READ) == 0) {
        return;
    }
    /* [endpoint.readers] acquire and release: what receivers did happened before the end. */
    if (fetch_sub_acq_rel(&endpoint->readers, 1) == 1) {
        endpoint->orphan_mail.arrive = orphan_arrived;
        endpoint->orphan_mail.travel = TRACE_TRAVEL_DESTROY;
        mail_send(&endpoint->orphan_mail, object->cpu);
    }
}

static void endpoint_forget(struct thread *thread)
{
    list_remove(&thread->link);
}

static const struct object_class endpoint_class = {
    .type = OBJECT_ENDPOINT,
    .size = sizeof(struct endpoint),
    .granted = endpoint_granted,
    .withdrawn = endpoint_withdrawn,
    .orphaned = endpoint_orphaned,
    .forget = endpoint_forget,
};

/* ---- creation -------------------------------------------------------------------------------- */

static status_t endpoint_create(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct endpoint *endpoint = slab_alloc(&process->slab, &process->pool, sizeof(*endpoint));
    uint64_t handle;
    status_t status;

    if (endpoint == NULL) {
        return STATUS_NO_MEMORY;
    }
    list_init(&endpoint->receivers);
    list_init(&endpoint->callers);
    object_init(&endpoint->object, &endpoint_class, (cpu_t)arch_argument(&caller->frame, 0),
                process);
    endpoint->orphan_mail.id = endpoint->object.id;
    endpoint->readers = 1;
    trace_object_create(TRACE_OBJECT_KIND_ENDPOINT, endpoint->object.id, process->object.id);
    status =
        cap_insert(process, &endpoint->object, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, 0, &handle);
    if (status != STATUS_OK) {
        object_release(&endpoint->object);
        return status;
    }
    arch_set_result(&caller->frame, handle);
    return STATUS_OK;
}

status_t sys_endpoint_create(uint64_t cpu)
{
    if (cpu >= boot_info.cpu_count) {
        return STATUS_BAD_ARGUMENT;
    }
    return object_invoke(&current()->process->object, endpoint_create);
}
