/* SPDX-License-Identifier: Apache-2.0
 *
 * What entry.S calls when something interrupts: the kernel's two interrupts, and exceptions of the
 * kernel itself, which are always bugs and end in a panic with all registers. An NMI from the host is
 * treated like one (cpu.c), so that a machine that hangs can be asked where it is.
 *
 * Interrupts arrive in user mode, and in the kernel only inside arch_halt().
 */
#include "arch/exception.h"

#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"
#include "kernel/panic.h"
#include "kernel/print.h"
#include "kernel/timer.h"
#include "smp/mailbox.h"

static const char *const exception_names[] = {
    [0] = "divide error",
    [1] = "debug trap",
    [2] = "NMI",
    [3] = "breakpoint",
    [4] = "overflow",
    [5] = "bound exceeded",
    [6] = "invalid instruction",
    [7] = "FPU not available",
    [8] = "double fault",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack fault",
    [13] = "general protection fault",
    [14] = "page fault",
    [16] = "FPU error",
    [17] = "misaligned access",
    [18] = "machine check",
    [19] = "SSE error",
};

static const char *exception_name(uint64_t vector)
{
    const size_t count = sizeof(exception_names) / sizeof(exception_names[0]);

    return vector < count && exception_names[vector] ? exception_names[vector] : "reserved vector";
}

void x86_interrupt(unsigned vector)
{
    if (vector == VECTOR_SPURIOUS) {
        return; /* not to be acknowledged */
    }
    if (vector >= VECTOR_DEVICE && vector < VECTOR_DEVICE + DEVICE_VECTORS) {
        interrupt_arrived(vector); /* a line is masked before it may come again */
    }
    apic_acknowledge();
    if (vector == VECTOR_DOORBELL) {
        doorbell_received();
    } else if (vector == VECTOR_TIMER && !apic_timer_is_early()) {
        timer_expired();
    }
}

/* Both kinds of frame have the same order. */
static void registers_print(const struct x86_exception_frame *f)
{
    kprintf("weft:   rip %016lx  rsp %016lx  rflags %08lx  cs %04lx  ss %04lx\n", f->rip, f->rsp,
            f->rflags, f->cs, f->ss);
    kprintf("weft:   rax %016lx  rbx %016lx  rcx %016lx\n", f->rax, f->rbx, f->rcx);
    kprintf("weft:   rdx %016lx  rsi %016lx  rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    kprintf("weft:   rbp %016lx  r8  %016lx  r9  %016lx\n", f->rbp, f->r8, f->r9);
    kprintf("weft:   r10 %016lx  r11 %016lx  r12 %016lx\n", f->r10, f->r11, f->r12);
    kprintf("weft:   r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
}

void arch_frame_print(const struct arch_frame *frame)
{
    registers_print((const struct x86_exception_frame *)frame);
}

_Noreturn void x86_kernel_exception(struct x86_exception_frame *frame)
{
    uint64_t address = cr2_read(); /* before anything else can fault */

    cpu_repair_gs();
    panic_begin();
    kprintf("weft: PANIC: %s in %s, error %lx, last page fault at %016lx\n",
            exception_name(frame->vector), frame->cs & 3 ? "user mode" : "the kernel", frame->error,
            address);
    registers_print(frame);
    kprintf("weft: call chain:\n");
    backtrace_from(frame->rip, frame->rbp);
    panic_end();
}
