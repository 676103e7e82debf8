/* SPDX-License-Identifier: Apache-2.0
 *
 * The offsets that entry.S uses, taken from the structures themselves; kernel/arch/offsets.py makes
 * the header "arch/offsets.h" of them.
 */
#include "arch/registers.h"
#include "kernel/cpu.h"

#define OFFSET(name, value) __asm__ volatile(".ascii \"@offset " #name " %0\"" : : "i"(value))

void offsets(void)
{
    OFFSET(CPU_CURRENT, offsetof(struct cpu, current));
    OFFSET(CPU_STACK_TOP, offsetof(struct cpu, arch.kernel_stack_top));
    OFFSET(CPU_USER_RSP, offsetof(struct cpu, arch.user_rsp_scratch));
    OFFSET(CPU_TRACE_MASK, offsetof(struct cpu, trace.mask));
    OFFSET(CPU_TRACE_RING, offsetof(struct cpu, trace.rings[TRACE_RING_EVENTS].next));
    OFFSET(THREAD_ID, offsetof(struct thread, id));

    OFFSET(TRACE_SYSCALL_BIT, TRACE_CATEGORY_SYSCALL);
    OFFSET(TRACE_SYSCALL_ENTRY_ID, TRACE_EVENT_SYSCALL_ENTRY);
    OFFSET(TRACE_SYSCALL_EXIT_ID, TRACE_EVENT_SYSCALL_EXIT);
    OFFSET(TRACE_PAGE_BYTES, TRACE_PAGE_SIZE);
    OFFSET(RFLAGS_AC_BIT, RFLAGS_AC);
    OFFSET(BAD_SYSCALL_STATUS, STATUS_BAD_SYSCALL);

    OFFSET(FRAME_VECTOR, offsetof(struct arch_frame, vector));
    OFFSET(FRAME_BY_SYSCALL, offsetof(struct arch_frame, by_syscall));
    OFFSET(FRAME_RIP, offsetof(struct arch_frame, rip));
    OFFSET(FRAME_RFLAGS, offsetof(struct arch_frame, rflags));
    OFFSET(FRAME_RSP, offsetof(struct arch_frame, rsp));
}
