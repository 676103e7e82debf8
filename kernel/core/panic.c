/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's last words; the header is the manual.
 */
#include "kernel/panic.h"

#include "kernel/cpu.h"
#include "kernel/print.h"

#define STATUS_PANIC 111

void panic_end(void)
{
    const struct thread *thread = current();

    if (thread != NULL) {
        kprintf("weft: on CPU %u, thread %u '%s' of process '%s'\n", percpu(id), thread->id,
                thread->name, thread->process->name);
        if (!thread->idle) {
            kprintf("weft: the thread's user registers:\n");
            arch_frame_print(&thread->frame);
        }
    }
    kprintf("weft: the trace is intact; the machine stops\n");
    arch_machine_off(STATUS_PANIC);
}

void panic(const char *format, ...)
{
    va_list arguments;

    arch_stop_others();
    kprintf("weft: PANIC: ");
    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\nweft: call chain:\n");
    arch_backtrace();
    panic_end();
}
