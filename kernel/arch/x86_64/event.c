/* SPDX-License-Identifier: Apache-2.0
 *
 * What interrupts and exceptions mean, called by entry.S.
 *
 * From user mode the registers are saved in the current thread's frame, and when user_event() returns,
 * the current thread goes on. Faults of user code go to its process's fault endpoint or end the
 * process, except the one that means "this thread wants the FPU".
 *
 * The kernel is interrupted only inside arch_halt() and arch_interrupt_window(). Its own exceptions are
 * always bugs and end in a panic with all registers. So does an NMI from the host, with which a machine
 * that hangs can be asked where it is, unless the host has said that it means to switch trace events.
 */
#include "arch/frame.h"
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "kernel/panic.h"
#include "kernel/print.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define VECTOR_NO_FPU 7

/* The table that entry.S dispatches with. */
#define HANDLER(number, handler, name) [number] = (syscall_handler_t *)handler,
typedef int64_t syscall_handler_t(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
syscall_handler_t *const syscall_handlers[SYSCALL_COUNT] = {SYSCALL_TABLE(HANDLER)};

/* As the processor's manuals call its exceptions. */
static const char exception_names[FIRST_INTERRUPT][4] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "?",
    "#TS", "#NP", "#SS", "#GP", "#PF", "?",   "#MF", "#AC", "#MC", "#XM"};

void interrupt(unsigned vector)
{
    percpu(statistics.interrupts)++;
    trace_irq_entry((uint8_t)vector);
    if (vector >= VECTOR_DEVICE && vector < VECTOR_DEVICE + DEVICE_VECTORS) {
        interrupt_arrived(vector); /* a line is masked before it may come again */
    }
    if (vector != VECTOR_SPURIOUS) {
        apic_acknowledge();
    }
    if (vector == VECTOR_DOORBELL) {
        doorbell_received();
    } else if (vector == VECTOR_TIMER && !apic_timer_is_early()) {
        timer_expired();
    }
    trace_irq_exit((uint8_t)vector);
    if (vector == VECTOR_TRACE) {
        trace_update_mask();
    }
}

static _Noreturn void fault(unsigned vector, const struct arch_frame *frame)
{
    uint64_t address = vector == VECTOR_PAGE_FAULT ? cr2_read() : 0;

    if (vector == VECTOR_PAGE_FAULT) {
        trace_page_fault((uint8_t)frame->error, address);
    }
    trace_exception((uint8_t)vector, frame->rip);
    fault_current(frame->error << 32 | vector, address, frame->rip);
}

void user_event(unsigned vector, struct arch_frame *frame)
{
    if (vector == VECTOR_NO_FPU) {
        fpu_wanted();
    } else if (vector < FIRST_INTERRUPT) {
        fault(vector, frame);
    } else {
        interrupt(vector);
    }
    if (percpu(need_resched)) {
        schedule();
    }
}

void arch_frame_print(const struct arch_frame *f)
{
    kprintf("weft:   rip %016lx  rsp %016lx  rflags %08lx  cs %04lx  ss %04lx\n", f->rip, f->rsp,
            f->rflags, f->cs, f->ss);
    kprintf("weft:   rax %016lx  rbx %016lx  rcx %016lx\n", f->rax, f->rbx, f->rcx);
    kprintf("weft:   rdx %016lx  rsi %016lx  rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    kprintf("weft:   rbp %016lx  r8  %016lx  r9  %016lx\n", f->rbp, f->r8, f->r9);
    kprintf("weft:   r10 %016lx  r11 %016lx  r12 %016lx\n", f->r10, f->r11, f->r12);
    kprintf("weft:   r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
}

void x86_exception(struct arch_frame *frame)
{
    uint64_t address = cr2_read(); /* before anything else can fault */

    if (frame->vector == VECTOR_NMI && cpu_stop_wanted()) {
        return;
    }
    if (frame->vector == VECTOR_NMI && load_relaxed(&trace_area.host_looks) != 0) {
        apic_interrupt_all(VECTOR_TRACE);
        return;
    }
    cpu_repair_gs();
    arch_stop_others();
    kprintf("weft: PANIC: %s in %s, error %lx, last page fault at %016lx\n",
            exception_names[frame->vector], frame->cs & 3 ? "user mode" : "the kernel",
            frame->error, address);
    arch_frame_print(frame);
    kprintf("weft: call chain:\n");
    backtrace_from(frame->rip, frame->rbp);
    panic_end();
}
