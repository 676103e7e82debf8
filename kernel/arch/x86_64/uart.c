/* SPDX-License-Identifier: Apache-2.0
 *
 * The console: a 16550 serial port, output only, polled. An emulated one has no line speed to set, and
 * sends as it was left by a reset.
 *
 * Waiting until the last byte is gone is bounded: a port that is stuck, or a host that does not read,
 * costs output and never the machine. Callers keep their lines apart themselves.
 */
#include "kernel/arch.h"

#define UART_DATA 0x3f8
#define UART_STATUS (UART_DATA + 5)
#define UART_STATUS_EMPTY 0x20
#define UART_PATIENCE 200000 /* polls; each takes a microsecond or more */

void arch_console_write(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned polls = 0;
        while (!(arch_port_read(UART_STATUS, 1) & UART_STATUS_EMPTY) && polls++ < UART_PATIENCE) {
            arch_pause();
        }
        arch_port_write(UART_DATA, 1, (uint8_t)bytes[i]);
    }
}
