/* SPDX-License-Identifier: Apache-2.0
 *
 * Reply capabilities: a caller that its server holds, as an object that can be handed on.
 *
 * The object lives on the home CPU of the server that made it, which owns the held client; from then
 * on the client waits at the object as at an endpoint, and the server is free for the next message.
 * The first answer empties the object. When nobody can answer any more, the client gets STATUS_DEAD.
 */
#include "ipc/endpoint.h"
#include "ipc/transfer.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

struct reply {
    struct object object;  /* first */
    struct thread *client; /* (O) who waits for the answer; NULL: nobody (any more) */
    bool orphaned;         /* (O) nobody can answer any more */
};

static bool reply_orphaned(struct object *object)
{
    struct reply *reply = (struct reply *)object;
    struct thread *client = reply->client;

    reply->orphaned = true; /* the client may still be on its way here */
    if (client != NULL) {
        reply->client = NULL;
        trace_ipc_abort(-STATUS_DEAD, client->id);
        caller_go_on(client, 0, STATUS_DEAD);
    }
    return true;
}

static void reply_forget(struct object *object, struct thread *)
{
    ((struct reply *)object)->client = NULL;
}

static const struct object_class reply_class = {
    .type = OBJECT_REPLY,
    .size = sizeof(struct reply),
    .kind = TRACE_OBJECT_KIND_REPLY,
    .rights = RIGHT_WRITE | RIGHT_COPY,
    .orphaned = reply_orphaned,
    .forget = reply_forget,
};

/* ---- saving ------------------------------------------------------------------------------------ */

/* At the server's home: the client changes hands. It may have been killed meanwhile; then there is
 * nobody to answer, as for one that is killed later. */
static status_t reply_fill(struct thread *server, struct object *object)
{
    struct reply *reply = (struct reply *)object;

    if (reply->orphaned) {
        caller_bereaved(server);
    } else if (server->caller != NULL) {
        reply->client = caller_take(server);
        reply->client->waits_on = object;
        trace_ipc_save(reply->client->id, object->id);
    }
    return STATUS_OK;
}

/* At the server's process: the object and its capability. */
static status_t reply_create(struct thread *server, struct object *object)
{
    status_t status = cap_create(server, &reply_class, server->home, &object);

    return status != STATUS_OK
               ? status
               : invoke_continue(server, object, reply_fill, TRACE_TRAVEL_RETURN_HOME);
}

status_t sys_ipc_reply_save(void)
{
    if (current()->caller == NULL) {
        return STATUS_NO_CALLER;
    }
    return invoke_on_self(reply_create);
}

/* ---- answering --------------------------------------------------------------------------------- */

status_t do_ipc_reply_to(struct thread *answerer, struct object *object)
{
    struct reply *reply = (struct reply *)object;
    struct thread *client = reply->client;
    status_t status = transfer_prepare(answerer, arch_argument(&answerer->frame, 5));

    if (status != STATUS_OK || client == NULL) {
        return status != STATUS_OK ? status : STATUS_NO_CALLER;
    }
    reply->client = NULL;
    caller_go_on(client, answerer->id, rendezvous_answer(answerer, client));
    return STATUS_OK;
}
