/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a serial port with a terminal behind it, and server of this terminal (weft/terminal.h).
 *
 * It is given
 *
 *     ports        range 0x2f8-0x2ff: the second port. `arguments port=0x3f8 line=4` is the first, on which the kernel prints
 *                  as well, without asking: then its lines may stand in the middle of others
 *     interrupts   range 3: its line
 *     terminal     its endpoint, by `provide terminal`, on CPU 0 or any other
 *     state        sizeof(struct screen), 24 KiB
 *
 * One thread, which sleeps in one place: for a message, or for the device. Who writes what there is no room for
 * waits for room; who reads waits for a line, one at a time.
 */
#include "uart.h"

#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define WRITERS 16u /* that wait for room */

static struct weft_service service;
static struct {
    uint64_t reply; /* a capability to answer it; 0: free */
    _Bool drains;   /* waits until all is sent, and not only for room */
} writers[WRITERS];
static struct {
    uint64_t reply; /* 0: nobody waits */
    uint64_t last;
    _Bool polls; /* for ^C alone */
} reader;

static status_t answer(uint64_t *reply, const struct terminal_answer *words, const char *text,
                       uint32_t bytes)
{
    struct weft_message message;
    struct weft_ipc ipc = {.send_address = (uint64_t)text, .send_bytes = bytes};
    memcpy(&message, words, sizeof(message));
    status_t status = weft_ipc_reply_to(*reply, &message, &ipc);
    (void)weft_cap_delete(*reply);
    *reply = 0;
    return status;
}

static void answer_status(uint64_t *reply, status_t status)
{
    (void)answer(reply, &(struct terminal_answer){.status = status}, NULL, 0); /* or it has gone */
}

/* Gives the reader what it waits for, if it is there. */
static void serve_reader(void)
{
    struct terminal_answer words = {.status = STATUS_OK};
    if (reader.reply == 0) {
        return;
    }
    if (reader.polls) {
        words.kind = TERMINAL_INTERRUPT;
        if (screen->interrupted != 0 && answer(&reader.reply, &words, NULL, 0) == STATUS_OK) {
            screen->interrupted = 0;
        }
        return;
    }
    const struct screen_line *line = screen_read(reader.last, &words.number);
    if (line != NULL) {
        words.kind = line->kind;
        (void)answer(&reader.reply, &words, line->text, line->length); /* it asks again if not */
    }
}

static _Bool somebody_drains(void)
{
    _Bool drains = 0;
    for (uint32_t i = 0; i < WRITERS; i++) {
        drains |= writers[i].reply != 0 && writers[i].drains;
    }
    return drains;
}

static void serve_writers(_Bool sent)
{
    _Bool room = screen_has_room(TERMINAL_WRITE_MAX);
    for (uint32_t i = 0; i < WRITERS; i++) {
        if (writers[i].reply != 0 && (writers[i].drains ? sent : room)) {
            answer_status(&writers[i].reply, writers[i].drains ? STATUS_OK : STATUS_WOULD_BLOCK);
        }
    }
}

/* Keeps the caller. Where too many wait it asks again at once. */
static status_t wait(_Bool drains)
{
    for (uint32_t i = 0; i < WRITERS; i++) {
        if (writers[i].reply == 0 && weft_ipc_reply_save(&writers[i].reply) == STATUS_OK) {
            writers[i].drains = drains;
            return STATUS_OK;
        }
    }
    return STATUS_WOULD_BLOCK;
}

static status_t read(uint64_t last, _Bool polls)
{
    if (reader.reply != 0) {
        answer_status(&reader.reply, STATUS_BUSY);
    }
    reader.last = last;
    reader.polls = polls;
    return weft_ipc_reply_save(&reader.reply);
}

static void serve(struct weft_message *message, const char *text, uint32_t bytes)
{
    struct terminal_request request;
    struct terminal_answer words = {.status = STATUS_OK};
    memcpy(&request, message, sizeof(request));
    switch (request.operation) {
    case TERMINAL_WRITE:
        if (bytes > TERMINAL_WRITE_MAX) {
            words.status = STATUS_BAD_ARGUMENT;
        } else if (screen_has_room(bytes)) {
            screen_write(request.number, text, bytes);
        } else {
            words.status = wait(0);
        }
        break;
    case TERMINAL_DRAIN:
        words.status = wait(1);
        break;
    case TERMINAL_PROMPT:
        words.number = screen->delivered;
        if (screen_has_room(0)) {
            screen_prompt(text, bytes);
        } else {
            words.status = wait(0);
        }
        break;
    case TERMINAL_READ:
    case TERMINAL_POLL:
        words.status = read(request.number, request.operation == TERMINAL_POLL);
        break;
    default:
        words.status = STATUS_BAD_ARGUMENT;
    }
    memcpy(message, &words, sizeof(words));
}

int main(void)
{
    static char text[TERMINAL_WRITE_MAX + 1]; /* a longer message shows by its length */
    struct weft_message message = {{0}};
    uint64_t badge, notification;
    _Bool answers = 0;

    weft_service_open(&service, "terminal");
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    screen_open(weft_service_state(&service, sizeof(struct screen)));
    port_open(notification);
    struct weft_ipc ipc = {.notification = (uint32_t)notification,
                           .receive_address = (uint64_t)text,
                           .receive_bytes = sizeof(text)};
    for (;;) {
        (void)port_pump(0);
        serve_reader(); /* which shows something, and makes room for what is typed */
        serve_writers(port_pump(somebody_drains()));
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(service.endpoint, &message, &badge, &ipc);
        answers = came >= 0 && came != WEFT_IPC_NOTIFIED;
        if (came == WEFT_IPC_NOTIFIED) {
            port_acknowledge();
        } else if (came >= 0) {
            serve(&message, text, WEFT_IPC_BYTES(came));
        } else if (came != STATUS_TIMED_OUT) {
            weft_fail("the endpoint terminal cannot be received from: status %ld", came);
        }
    }
}
