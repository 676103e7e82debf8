/* SPDX-License-Identifier: Apache-2.0
 *
 * The desk: the thread that receives calls of the supervisor. A server works with its client's time and
 * priority, so init's first thread must not be one (see system.h): the desk waits with the client,
 * hands the question over in memory, and is signalled when the answer is there.
 *
 *     desk: writes the message, signals DESK_BIT   ->  first thread: answers in place, signals `answered`
 *
 * One question at a time; each side touches the memory in its turn only, and signals carry the order.
 */
#include "system.h"

#include "weft/startup.h"
#include "weft/syscalls.h"
#include "weft/thread.h"

#define PRIORITY 62 /* below init's first thread */

static struct {
    uint64_t endpoint;
    uint64_t answered; /* notification */
    struct weft_message message;
    struct weft_service_info info;
    _Bool with_info;
} desk;

static void work(void *argument)
{
    (void)argument;
    for (;;) {
        struct weft_ipc ipc = {
            .send_address = (uint64_t)&desk.info,
            .send_bytes = desk.with_info ? sizeof(desk.info) : 0,
        };
        uint64_t badge, bits;
        status_t status = weft_ipc_reply_receive_with(desk.endpoint, &desk.message, &badge, &ipc);
        desk.with_info = 0;
        if (status >= 0) {
            (void)weft_notification_signal(init.notification, 1ull << DESK_BIT);
            (void)weft_notification_wait(desk.answered, 0, &bits);
        }
    }
}

status_t desk_open(uint64_t *endpoint)
{
    uint32_t cpu = weft_startup()->cpu;
    status_t status = weft_endpoint_create(cpu, &desk.endpoint);
    if (status == STATUS_OK) {
        status = weft_notification_create(cpu, &desk.answered);
    }
    if (status == STATUS_OK) {
        status = weft_thread_start(NULL, "desk", cpu, PRIORITY, work, NULL);
    }
    *endpoint = desk.endpoint;
    return status;
}

void desk_answer(void)
{
    desk.with_info = control(&desk.message, &desk.info);
    (void)weft_notification_signal(desk.answered, 1);
}
