/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of a PC's keyboard behind an i8042, and server of its keys (weft/keyboard.h).
 *
 * It is given
 *
 *     data, control   ports 0x60 and 0x64
 *     interrupts      range 1
 *     keys            its endpoint, by `provide keys`
 *     state           sizeof(struct kept)
 *
 * The line is edge-triggered: bytes are taken until the controller has none, and the next one is an edge. A byte
 * that the driver has taken and not yet put down is lost with it, and so may be the key that it belongs to; what is
 * held (shift and the like) is in the state. The controller's second channel, a mouse's, is switched off.
 */
#include "keymap.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"

#define LINE 1
#define PORT_DATA 0x60
#define PORT_CONTROL 0x64 /* read: status; write: commands */
#define STATUS_FULL 0x01u /* a byte is there */
#define STATUS_BUSY_BIT 0x02u
#define STATUS_MOUSE 0x20u /* it is the second channel's */
#define COMMAND_READ 0x20u
#define COMMAND_WRITE 0x60u
#define COMMAND_NO_MOUSE 0xa7u
#define COMMAND_KEYBOARD 0xaeu
#define MODE_INTERRUPT 0x01u
#define MODE_INTERRUPT_MOUSE 0x02u
#define MODE_OFF 0x10u
#define MODE_SET_1 0x40u /* what the keyboard says is translated */
#define KEYBOARD_SCAN 0xf4u
#define KEYBOARD_ACCEPTED 0xfau
#define KEYBOARD_AGAIN 0xfeu
#define LOOKS 100000u /* at a controller that is busy */
#define WAITERS 8u

/* Event N, from 1, is at N modulo the size, and counts when `count` gets there. */
static struct kept {
    uint64_t count;
    uint64_t set_up; /* the controller has been told all that it must know; written last */
    struct keymap map;
    struct weft_key keys[WEFT_KEYS_KEPT];
} * kept;

static struct weft_service service;
static uint64_t data, control, interrupt;
static struct waiter {
    uint64_t reply; /* 0: free */
    uint64_t next;
} waiters[WAITERS];

/* ---- the device ------------------------------------------------------------------------------------- */

static uint32_t read(uint64_t ports, uint64_t port)
{
    uint64_t value;
    if (weft_port_read(ports, port, 1, &value) != STATUS_OK) {
        weft_fail("port 0x%lx cannot be read: are data and control given?", port);
    }
    return (uint32_t)value;
}

static void write(uint64_t ports, uint64_t port, uint32_t value)
{
    for (uint32_t i = 0; (read(control, PORT_CONTROL) & STATUS_BUSY_BIT) != 0; i++) {
        if (i == LOOKS) {
            weft_fail("the keyboard's controller takes nothing");
        }
        weft_pause();
    }
    if (weft_port_write(ports, port, 1, value) != STATUS_OK) {
        weft_fail("port 0x%lx cannot be written: are data and control given?", port);
    }
}

static uint32_t answer_of(uint32_t command)
{
    write(control, PORT_CONTROL, command);
    for (uint32_t i = 0; i < LOOKS; i++) {
        if ((read(control, PORT_CONTROL) & STATUS_FULL) != 0) {
            return read(data, PORT_DATA);
        }
        weft_pause();
    }
    weft_fail("there is no keyboard's controller");
}

static void open_device(uint64_t notification)
{
    data = weft_capability("data");
    control = weft_capability("control");
    status_t status =
        weft_interrupt_create(weft_capability("interrupts"), LINE, 0, notification, 1, &interrupt);
    if (status != STATUS_OK) {
        weft_fail("interrupt line %u cannot be had: status %ld", LINE, status);
    }
    if (kept->set_up != 0) {
        return; /* by an instance before, and it may have keys for us */
    }
    write(control, PORT_CONTROL, COMMAND_NO_MOUSE);
    while ((read(control, PORT_CONTROL) & STATUS_FULL) != 0) {
        (void)read(data, PORT_DATA); /* of the time before */
    }
    uint32_t mode = answer_of(COMMAND_READ);
    mode &= ~(MODE_OFF | MODE_INTERRUPT_MOUSE);
    write(control, PORT_CONTROL, COMMAND_WRITE);
    write(data, PORT_DATA, mode | MODE_INTERRUPT | MODE_SET_1);
    write(control, PORT_CONTROL, COMMAND_KEYBOARD);
    write(data, PORT_DATA, KEYBOARD_SCAN);
    /* [keys.set_up] release: the registers have been written. Pairs with the next instance. */
    weft_store64_release(&kept->set_up, 1);
}

static void take_bytes(void)
{
    uint32_t status;
    while (((status = read(control, PORT_CONTROL)) & STATUS_FULL) != 0) {
        uint8_t byte = (uint8_t)read(data, PORT_DATA);
        uint64_t number = kept->count + 1;
        if ((status & STATUS_MOUSE) != 0 || byte == KEYBOARD_ACCEPTED || byte == KEYBOARD_AGAIN) {
            continue;
        }
        if (keymap_take(&kept->map, byte, &kept->keys[number % WEFT_KEYS_KEPT])) {
            /* [keys.count] release: the event is complete. Pairs with the next instance. */
            weft_store64_release(&kept->count, number);
        }
    }
}

/* ---- readers ---------------------------------------------------------------------------------------- */

/* Events from `next` on; how many, and *next moves behind them. */
static uint32_t collect(uint64_t *next, struct weft_key *keys)
{
    uint64_t oldest = kept->count >= WEFT_KEYS_KEPT ? kept->count - WEFT_KEYS_KEPT + 2 : 1;
    uint32_t count = 0;
    *next = *next < oldest ? oldest : *next;
    while (*next <= kept->count && count < WEFT_KEYS_MAX) {
        keys[count++] = kept->keys[(*next)++ % WEFT_KEYS_KEPT];
    }
    return count;
}

static void serve_waiters(void)
{
    struct weft_key keys[WEFT_KEYS_MAX];
    for (uint32_t i = 0; i < WAITERS; i++) {
        struct waiter *waiter = &waiters[i];
        uint32_t count = waiter->reply != 0 ? collect(&waiter->next, keys) : 0;
        if (count > 0) {
            struct weft_message message = {{STATUS_OK, waiter->next}};
            struct weft_ipc ipc = {.send_address = (uint64_t)keys,
                                   .send_bytes = count * (uint32_t)sizeof(keys[0])};
            (void)weft_ipc_reply_to(waiter->reply, &message, &ipc); /* or it has gone */
            (void)weft_cap_delete(waiter->reply);
            waiter->reply = 0;
        }
    }
}

/* Keeps the caller, who is answered when there is a key: at once, if there is one. Where no place is free the
 * one who has waited for longest is sent away. */
static status_t wait(uint64_t next)
{
    static uint32_t turn;
    struct waiter *waiter = NULL;
    for (uint32_t i = 0; i < WAITERS && waiter == NULL; i++) {
        waiter = waiters[i].reply == 0 ? &waiters[i] : NULL;
    }
    if (waiter == NULL) {
        struct weft_message message = {{(uint64_t)STATUS_BUSY}};
        waiter = &waiters[turn++ % WAITERS];
        (void)weft_ipc_reply_to(waiter->reply, &message, NULL);
        (void)weft_cap_delete(waiter->reply);
        waiter->reply = 0;
    }
    waiter->next = next == 0 ? kept->count + 1 : next;
    return weft_ipc_reply_save(&waiter->reply);
}

static void serve(struct weft_message *message)
{
    struct keyboard_request request;
    memcpy(&request, message, sizeof(request));
    status_t status = request.operation == KEYBOARD_READ ? wait(request.next) : STATUS_BAD_ARGUMENT;
    *message = (struct weft_message){{(uint64_t)status}};
}

int main(void)
{
    struct weft_message message = {{0}};
    uint64_t badge, notification;
    _Bool answers = 0;

    weft_service_open(&service, "keys");
    kept = weft_service_state(&service, sizeof(*kept));
    if (weft_notification_create(weft_startup()->cpu, &notification) != STATUS_OK) {
        weft_fail("no notification can be made");
    }
    open_device(notification);
    struct weft_ipc ipc = {.notification = (uint32_t)notification};
    (void)weft_interrupt_acknowledge(interrupt);
    for (;;) {
        take_bytes();
        serve_waiters();
        weft_service_turn(&service, &ipc, answers);
        status_t came = weft_ipc_reply_receive_with(service.endpoint, &message, &badge, &ipc);
        answers = came >= 0 && came != WEFT_IPC_NOTIFIED;
        if (came == WEFT_IPC_NOTIFIED) {
            (void)weft_interrupt_acknowledge(interrupt);
        } else if (came >= 0) {
            serve(&message);
        } else if (came != STATUS_TIMED_OUT) {
            weft_fail("the endpoint keys cannot be received from: status %ld", came);
        }
    }
}
