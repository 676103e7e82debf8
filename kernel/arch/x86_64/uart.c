/* SPDX-License-Identifier: Apache-2.0
 *
 * The console: a 16550 serial port, output only, 115200 8N1, polled.
 *
 * The transmitter takes 16 bytes each time it says that its queue is empty. Waiting for it is
 * bounded: a port that is stuck, or a host that does not read, costs output and never the machine.
 * Callers keep their lines apart themselves.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"

#define UART_PORT 0x3f8
#define UART_DATA (UART_PORT + 0)
#define UART_INTERRUPTS (UART_PORT + 1)
#define UART_FIFO (UART_PORT + 2)
#define UART_LINE (UART_PORT + 3)
#define UART_MODEM (UART_PORT + 4)
#define UART_STATUS (UART_PORT + 5)

#define UART_FIFO_ON_EMPTIED 0x07
#define UART_LINE_8N1 0x03
#define UART_LINE_DIVISOR 0x80 /* ports 0 and 1 are the divisor */
#define UART_MODEM_READY 0x03
#define UART_STATUS_EMPTY 0x20
#define UART_QUEUE 16
#define UART_PATIENCE 200000 /* polls; each takes a microsecond or more */

void uart_start(void)
{
    port_write8(UART_INTERRUPTS, 0);
    port_write8(UART_LINE, UART_LINE_DIVISOR);
    port_write8(UART_DATA, 1);
    port_write8(UART_INTERRUPTS, 0);
    port_write8(UART_LINE, UART_LINE_8N1);
    port_write8(UART_FIFO, UART_FIFO_ON_EMPTIED);
    port_write8(UART_MODEM, UART_MODEM_READY);
}

void arch_console_write(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        for (unsigned polls = 0; i % UART_QUEUE == 0 && polls < UART_PATIENCE; polls++) {
            if (port_read8(UART_STATUS) & UART_STATUS_EMPTY) {
                break;
            }
            arch_pause();
        }
        port_write8(UART_DATA, (uint8_t)bytes[i]);
    }
}
