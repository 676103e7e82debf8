/* SPDX-License-Identifier: Apache-2.0
 *
 * The network server: TCP/IP by lwIP, for the sockets of any number of clients (weft/socket.h has the protocol and its
 * theory of operation).
 *
 * It is given
 *
 *     ethernet   the driver of the network device
 *     net        its endpoint, right read, on the CPU where it runs; clients hold it with badges of their own
 *     state      for the addresses that DHCP gave (at least 4096 bytes)
 *
 * One thread does all the work: it takes frames, requests, deadlines and lwIP's timers in turn, and sleeps in one place when
 * there are none. Connections are lost with it; the next instance has the same addresses at once, and clients begin
 * new sessions.
 */
#include "server.h"

#include "lwip/timeouts.h"
#include "weft/service.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

static struct weft_service service;
static uint64_t endpoint, notification;

/* ---- requests -------------------------------------------------------------------------------------------- */

static int64_t tell_info(const struct weft_net_request *request, struct weft_net_answer *answer,
                         uint32_t place, _Bool *later)
{
    struct weft_net_info info;

    link_info(&info);
    if (info.address.bytes[10] == 0 && request->deadline != 0 && info_waiters[place].reply == 0) {
        *later = waiter_keep(&info_waiters[place], request->deadline);
    }
    memcpy(&answer->values[0], &info.address.bytes[12], 4);
    answer->values[0] |= (uint64_t)info.mask_bits << 32 | (uint64_t)info.link << 40;
    memcpy(&answer->values[1], info.ethernet, sizeof(info.ethernet));
    return STATUS_OK;
}

static int64_t attach(uint64_t badge, const struct weft_net_request *request, struct weft_ipc *ipc)
{
    if (ipc->receive_handles[0] == 0 || ipc->receive_handles[1] == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    status_t status =
        session_attach(badge, ipc->receive_handles[0], ipc->receive_handles[1], request->argument);
    if (status == STATUS_OK) {
        ipc->receive_handles[0] = 0; /* both stay */
        ipc->receive_handles[1] = 0;
    }
    return status;
}

/* Returns whether there is an answer to give now. */
static _Bool serve(uint64_t badge, struct weft_message *message, struct weft_ipc *ipc)
{
    struct weft_net_request request;
    struct weft_net_answer answer = {0};
    _Bool later = 0;

    _Static_assert(sizeof(request) == sizeof(*message), "a request is a message");
    memcpy(&request, message, sizeof(request));
    struct session *session = session_find(badge);
    if (request.operation == WEFT_NET_ATTACH) {
        answer.result = attach(badge, &request, ipc);
    } else if (session == NULL) {
        answer.result = STATUS_DEAD; /* of an instance before this one, or none yet */
    } else if (request.operation == WEFT_NET_INFO) {
        answer.result = tell_info(&request, &answer, session_number(session), &later);
    } else {
        answer.result = socket_serve(session, &request, &answer, &later);
    }
    memcpy(message, &answer, sizeof(*message));
    return !later;
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

/* Does what there is to do now. Returns the clock value of what comes next by itself. */
static uint64_t work(void)
{
    link_poll();
    sys_check_timeouts();
    uint64_t next = waiters_expire();
    uint64_t timer = weft_deadline(sys_timeouts_sleeptime() * 1000ull); /* there always is one */

    link_tell();
    if (!link_sleep()) {
        return weft_cycles(); /* only looks for messages */
    }
    return next == 0 || timer < next ? timer : next;
}

static void notified(uint64_t bits)
{
    if ((bits & BIT_LINK) != 0) {
        link_change();
    }
    if ((bits & BIT_CLIENT) != 0) {
        sessions_bury();
    }
}

static void open_all(void)
{
    weft_service_open(&service, "net");
    void *kept = weft_service_state(&service, link_kept_bytes);
    endpoint = weft_capability("net");
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    sessions_open(notification);
    sockets_open(service.page->instance);
    link_open(notification, kept);
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge;
    _Bool answers = 0;

    open_all();
    struct weft_ipc ipc = {.notification = (uint32_t)notification, .receive_count = 2};
    for (;;) {
        uint64_t next = work();
        weft_service_turn(&service, &ipc, answers);
        ipc.deadline = ipc.deadline != 0 && ipc.deadline < next ? ipc.deadline : next;
        status_t came = weft_ipc_reply_receive_with(endpoint, &message, &badge, &ipc);
        answers = 0;
        if (came == STATUS_TIMED_OUT) {
            continue;
        }
        if (came < 0) {
            weft_fail("the endpoint net cannot be received from (status %ld)", came);
        }
        if (came == WEFT_IPC_NOTIFIED) {
            notified(badge);
            continue;
        }
        for (uint32_t i = WEFT_IPC_HANDLES(came); i < 2; i++) {
            ipc.receive_handles[i] = 0;
        }
        answers = serve(badge, &message, &ipc);
        for (uint32_t i = 0; i < 2; i++) {
            if (ipc.receive_handles[i] != 0) { /* what was sent and is not kept */
                (void)weft_cap_delete(ipc.receive_handles[i]);
            }
        }
    }
}
