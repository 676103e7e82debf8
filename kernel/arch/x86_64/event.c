/* SPDX-License-Identifier: Apache-2.0
 *
 * What interrupts and exceptions from user mode mean, called by entry.S with the user's registers
 * saved in the current thread's frame. When user_event() returns, the current thread goes on.
 *
 * Faults of user code go to its process's fault endpoint or end the process, except the one that means
 * "this thread wants the FPU".
 */
#include "arch/frame.h"
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/fault.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define VECTOR_NO_FPU 7
#define FIRST_INTERRUPT 32

/* The table that entry.S dispatches with. */
#define HANDLER(number, handler, name) [number] = (void *)handler,
void *const syscall_handlers[SYSCALL_COUNT] = {SYSCALL_TABLE(HANDLER)};

/* Called from entry.S only. */
void user_event(unsigned vector, struct arch_frame *frame);
void kernel_interrupt(unsigned vector);
void syscall_trace_entry(uint64_t number);
int64_t syscall_trace_exit(int64_t status, uint64_t number);

static void interrupt(unsigned vector)
{
    percpu(statistics.interrupts)++;
    trace_irq_entry((uint8_t)vector);
    x86_interrupt(vector);
    trace_irq_exit((uint8_t)vector);
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

void kernel_interrupt(unsigned vector)
{
    interrupt(vector);
}

/* Called by entry.S around a system call when that category is on. */

void syscall_trace_entry(uint64_t number)
{
    trace_syscall_entry((uint8_t)number, current()->id);
}

int64_t syscall_trace_exit(int64_t status, uint64_t number)
{
    trace_syscall_exit((uint8_t)number, current()->id, (int32_t)status);
    return status;
}
