/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: synchronous messages, on one CPU and across.
 *
 * Theory of operation
 *
 * 1. Motivation. A client sends four words, waits, and gets four words back. On one core that should
 *    cost little more than entering the kernel twice; across cores it should cost one mailbox push
 *    each way.
 * 2. Objects. An endpoint lives on one CPU, its owner. It has two queues, of which at least one is
 *    empty: servers that wait for messages, clients that wait for servers. A server that has a
 *    client's message holds that client in `caller` until it answers, saves it as a capability
 *    (reply.c), asks for the next message without an answer being due, or dies.
 * 3. A message is never copied to a buffer: it stays in the client's saved registers until a server
 *    is there, and goes from registers to registers. Across cores the client's thread is the message:
 *    it travels to the endpoint, is held by the server, and travels home with its answer. Bytes and
 *    capabilities that go with it (transfer.c) go from one process to the other at the same moment.
 * 4. Same core, fast path (sys_ipc_call, sys_ipc_reply_receive, here): if the partner waits here, and
 *    lives here, the CPU switches straight to it. No run queue is touched, and the partner goes on with
 *    the time and the priority of the one that called, who was the best.
 * 5. Everything else goes through rendezvous.c, on the endpoint's CPU, for a local thread or for one
 *    that has travelled there.
 * 6. A held client belongs to its server's home CPU (see kernel/thread.h). If the server's home is
 *    not the endpoint's CPU, both travel there together, in one mail: the server's.
 * 7. Several servers may wait; one that lives on the client's CPU comes first, for both may then go on
 *    there.
 * 8. Ends. When a server dies its caller gets STATUS_DEAD. When the last capability to receive is
 *    gone, the endpoint is orphaned: all queued clients and all later ones get STATUS_DEAD.
 *
 * Limits: a thread holds one caller at a time; the queues are first-come first-served whatever the
 * priorities.
 */
#include "ipc/endpoint.h"

#include "kernel/cpu.h"
#include "kernel/sched/switch.h"
#include "kernel/wait.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define WAKES_PER_PIECE 16 /* of those that wait at an orphaned endpoint */

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
        return cap_refusal(client->process->caps, handle, OBJECT_ENDPOINT, RIGHT_WRITE);
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
    /* It runs on this CPU too, and waits for nothing else. */
    if (unlikely(server->fast_home != percpu(id))) {
        goto slow;
    }

    percpu(statistics.messages)++;
    list_remove(link);
    client->state = TRACE_THREAD_STATE_BLOCKED_CALL;
    client->server = server;
    client->ipc = 0;
    server->caller = client;
    server->state = TRACE_THREAD_STATE_RUNNABLE;
    server->frame.rdi = cap.badge;
    server->frame.rsi = word0;
    server->frame.rdx = word1;
    server->frame.r10 = word2;
    server->frame.r8 = word3;
    if (CONFIG_TRACE) {
        switch_trace_message(TRACE_EVENT_IPC_CALL_DIRECT, TRACE_THREAD_STATE_BLOCKED_CALL,
                             server->id, endpoint->object.id);
    }
    switch_current(server);
    return STATUS_OK; /* the server's status: it is current now */

slow:
    return rendezvous_call(cap.object, cap.badge);
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
        return cap_refusal(server->process->caps, handle, OBJECT_ENDPOINT, RIGHT_READ);
    }
    endpoint = (struct endpoint *)cap.object;
    /* A client waits for the answer. */
    if (unlikely(client == NULL)) {
        goto slow;
    }
    /* It lives on this CPU, and so does the client, who waits for nothing else. */
    if (unlikely(endpoint->object.cpu != percpu(id)) || unlikely(client->fast_home != percpu(id))) {
        goto slow;
    }
    /* No other client waits, so that we shall block. */
    if (unlikely(!list_empty(&endpoint->callers)) || unlikely(endpoint->orphaned)) {
        goto slow;
    }

    server->caller = NULL;
    server->run.sc = &server->own;
    server->ipc = 0;
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
        switch_trace_message(TRACE_EVENT_IPC_REPLY_DIRECT, TRACE_THREAD_STATE_BLOCKED_RECEIVE,
                             client->id, 0);
    }
    switch_current(client);
    return STATUS_OK; /* the client's status: it is current now */

slow:
    return rendezvous_reply_receive(cap.object);
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Ends the waits of some in a queue. True: of all. */
static bool end_waits(struct list *queue)
{
    struct list_link *link;

    for (unsigned i = 0; i < WAKES_PER_PIECE && (link = list_first(queue)) != NULL; i++) {
        wait_end(thread_of(link), STATUS_DEAD);
    }
    return list_empty(queue);
}

static bool endpoint_orphaned(struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;

    endpoint->orphaned = true;
    return end_waits(&endpoint->callers) && end_waits(&endpoint->receivers);
}

static void orphan_arrived(struct mail *mail)
{
    if (!endpoint_orphaned(&container_of(mail, struct endpoint, orphan_mail)->object)) {
        mail_send(mail, percpu(id));
    }
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
        mail_send_for(&endpoint->orphan_mail, object->cpu, TRACE_TRAVEL_DESTROY, orphan_arrived);
    }
}

static void endpoint_init(struct object *object)
{
    struct endpoint *endpoint = (struct endpoint *)object;

    list_init(&endpoint->receivers);
    list_init(&endpoint->callers);
    endpoint->orphan_mail.id = object->id;
    endpoint->readers = 1;
}

static const struct object_class endpoint_class = {
    .type = OBJECT_ENDPOINT,
    .size = sizeof(struct endpoint),
    .kind = TRACE_OBJECT_KIND_ENDPOINT,
    .rights = RIGHT_READ | RIGHT_WRITE | RIGHT_COPY,
    .init = endpoint_init,
    .granted = endpoint_granted,
    .withdrawn = endpoint_withdrawn,
    .orphaned = endpoint_orphaned,
    .call = rendezvous_call,
};

/* ---- creation -------------------------------------------------------------------------------- */

status_t do_endpoint_create(struct thread *caller, struct object *object)
{
    uint64_t place = arch_argument(&caller->frame, 0);
    status_t status = range_check_place(caller, place);

    return status != STATUS_OK ? status
                               : cap_create(caller, &endpoint_class, (cpu_t)place, &object);
}
