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
    struct question question;
} desk;

/* Answers at once where capabilities go with it, so that init keeps none longer than needed. A caller that
 * cannot be given them gets the error. */
static void send_handles(struct weft_ipc *ipc)
{
    struct attachment *attachment = &desk.question.attachment;
    if (attachment->handle_count == 0) {
        return;
    }
    ipc->send_count = attachment->handle_count;
    for (uint32_t i = 0; i < attachment->handle_count; i++) {
        ipc->send_handles[i] = (uint32_t)attachment->handles[i];
        ipc->send_rights[i] = inside_rights[i];
    }
    (void)weft_ipc_reply(&desk.question.message, ipc);
    drop_handles(attachment);
    *ipc = (struct weft_ipc){0};
}

static void work(void *argument)
{
    struct question *question = &desk.question;
    (void)argument;
    for (;;) {
        uint64_t bits;
        struct weft_ipc ipc = {
            .send_address = (uint64_t)&question->attachment,
            .send_bytes = question->attachment.bytes,
        };
        send_handles(&ipc);
        ipc.receive_address = (uint64_t)question->text;
        ipc.receive_bytes = sizeof(question->text) - 1;
        status_t status =
            weft_ipc_reply_receive_with(desk.endpoint, &question->message, &question->badge, &ipc);
        question->attachment.bytes = 0;
        if (status >= 0) {
            question->text[WEFT_IPC_BYTES(status)] = '\0';
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
    control(&desk.question);
    (void)weft_notification_signal(desk.answered, 1);
}
