/* SPDX-License-Identifier: Apache-2.0
 *
 * The device: a 16550. Its line is edge-triggered, and the device raises it for several reasons: as long as one
 * is left there is no edge for the next. So the reasons are taken until it has none, and then whatever comes is
 * an edge. Of what it sends it wants to tell only while there is something left to send.
 *
 * Each byte is sent once, also by a driver that dies at this moment: it could be killed behind the device's register
 * and before it has noted that. So the note goes with the byte, in one access of two registers: a bit of the second
 * one (interrupts for the modem's lines, which nobody waits for) says whether the bytes so far were odd or even, and
 * the next instance reads it.
 *
 * The receiver's queue is not cleared, so that what was typed while nobody was there (16 characters, and what
 * the other side holds back) is still there. Switching the queues on for the first time does clear it.
 */
#include "uart.h"

#include "weft/atomic.h"
#include "weft/startup.h"
#include "weft/syscalls.h"

#define PORT 0x2f8 /* the second one: the first is the kernel's */
#define LINE 3

enum port_register {
    REGISTER_DATA = 0,
    REGISTER_WANTED = 1, /* interrupts */
    REGISTER_REASON = 2, /* read */
    REGISTER_QUEUES = 2, /* write */
    REGISTER_FORMAT = 3,
    REGISTER_MODEM = 4,
    REGISTER_STATUS = 5,
    REGISTER_SCRATCH = 7,
};
#define WANTED_RECEIVED 0x01u
#define WANTED_SENT 0x02u
#define WANTED_ODD 0x08u /* stands for: an odd number of bytes has been sent */
#define REASON_NONE 0x01u
#define QUEUES_ON 0x01u
#define FORMAT_8N1 0x03u
#define MODEM_READY 0x0bu /* terminal ready, may send, and the interrupt let through */
#define STATUS_RECEIVED 0x01u
#define STATUS_EMPTY 0x20u
#define STATUS_IDLE 0x40u /* the last bit has gone, too */
#define LOOKS 10000u      /* reads of the status while the last byte is sent */
#define QUEUE 16u         /* bytes that the device takes at once when it is empty */

static uint64_t ports, base, interrupt;
static uint32_t wanted; /* interrupts */

static uint32_t read(enum port_register number)
{
    uint64_t value;
    if (weft_port_read(ports, base + number, 1, &value) != STATUS_OK) {
        weft_fail("the port's registers cannot be used: is ports range=0x%lx-0x%lx given?", base,
                  base + 7);
    }
    return (uint32_t)value;
}

static void write_wide(enum port_register number, uint32_t bytes, uint32_t value)
{
    if (weft_port_write(ports, base + number, bytes, value) != STATUS_OK) {
        weft_fail("the port's registers cannot be used: is ports range=0x%lx-0x%lx given?", base,
                  base + 7);
    }
}

static void write(enum port_register number, uint32_t value)
{
    write_wide(number, 1, value);
}

static uint32_t odd(uint64_t sent)
{
    return sent % 2 != 0 ? WANTED_ODD : 0;
}

static void want(uint32_t value)
{
    if (value != wanted) {
        wanted = value;
        write(REGISTER_WANTED, value | odd(screen->tail));
    }
}

/* One byte, and that it has been sent. */
static void send_byte(uint8_t byte)
{
    write_wide(REGISTER_DATA, 2, byte | (wanted | odd(screen->tail + 1)) << 8);
    screen_sent(1);
}

void port_open(uint64_t notification)
{
    uint64_t line = weft_argument_number("line", LINE);
    ports = weft_capability("ports");
    base = weft_argument_number("port", PORT);
    write(REGISTER_SCRATCH, 0x5a);
    if (read(REGISTER_SCRATCH) != 0x5a) {
        weft_fail("there is no serial port at 0x%lx (weft run --terminal gives the second one)",
                  base);
    }
    if ((read(REGISTER_WANTED) & WANTED_ODD) != odd(screen->tail) && screen->tail != screen->head) {
        screen_sent(1);
    }
    write(REGISTER_WANTED, odd(screen->tail));
    write(REGISTER_FORMAT, FORMAT_8N1);
    write(REGISTER_QUEUES, QUEUES_ON);
    write(REGISTER_MODEM, MODEM_READY);
    status_t status =
        weft_interrupt_create(weft_capability("interrupts"), line, 0, notification, 1, &interrupt);
    if (status != STATUS_OK) {
        weft_fail("interrupt line %lu cannot be had: status %ld", line, status);
    }
    port_acknowledge();
}

void port_acknowledge(void)
{
    (void)weft_interrupt_acknowledge(interrupt);
}

/* From here to the end of `taking` a character is nowhere but here. */
static void take(void)
{
    while (screen_wants_input() && (read(REGISTER_STATUS) & STATUS_RECEIVED) != 0) {
        screen->taking = 1;
        char character = (char)read(REGISTER_DATA);
        screen_type(character);
        /* [screen.taking] release: the character is in the screen. Pairs with screen_open(). */
        weft_store64_release(&screen->taking, 0);
    }
}

/* False: the device is busy sending. */
static _Bool send(void)
{
    uint32_t length;
    for (const char *bytes; (bytes = screen_output(&length)), length > 0;) {
        if ((read(REGISTER_STATUS) & STATUS_EMPTY) == 0) {
            return 0;
        }
        for (uint32_t i = 0; i < QUEUE && i < length; i++) {
            send_byte((uint8_t)bytes[i]);
        }
    }
    return 1;
}

/* Has all gone, to the last bit? Of that the device does not tell; but it cannot take long. */
static _Bool is_idle(void)
{
    uint32_t status = read(REGISTER_STATUS);
    for (uint32_t i = 0; (status & (STATUS_EMPTY | STATUS_IDLE)) == STATUS_EMPTY && i < LOOKS;
         i++) {
        status = read(REGISTER_STATUS);
    }
    return (status & STATUS_EMPTY) != 0;
}

_Bool port_pump(_Bool drains)
{
    _Bool sent;
    do {
        take();
        sent = send() && (!drains || is_idle());
        want((screen_wants_input() ? WANTED_RECEIVED : 0) | (sent ? 0 : WANTED_SENT));
    } while ((read(REGISTER_REASON) & REASON_NONE) == 0);
    return sent;
}
