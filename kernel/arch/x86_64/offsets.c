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
    OFFSET(CPU_NEED_RESCHED, offsetof(struct cpu, need_resched));
    OFFSET(CPU_STACK_TOP, offsetof(struct cpu, arch.kernel_stack_top));
    OFFSET(CPU_USER_RSP, offsetof(struct cpu, arch.user_rsp_scratch));
    OFFSET(CPU_TRACE_MASK, offsetof(struct cpu, trace.mask));

    OFFSET(TRACE_SYSCALL_BIT, TRACE_CATEGORY_SYSCALL);
    OFFSET(RFLAGS_AC_BIT, RFLAGS_AC);
    OFFSET(BAD_SYSCALL_STATUS, STATUS_BAD_SYSCALL);

    OFFSET(FRAME_R15, offsetof(struct arch_frame, r15));
    OFFSET(FRAME_R14, offsetof(struct arch_frame, r14));
    OFFSET(FRAME_R13, offsetof(struct arch_frame, r13));
    OFFSET(FRAME_R12, offsetof(struct arch_frame, r12));
    OFFSET(FRAME_RBP, offsetof(struct arch_frame, rbp));
    OFFSET(FRAME_RBX, offsetof(struct arch_frame, rbx));
    OFFSET(FRAME_R11, offsetof(struct arch_frame, r11));
    OFFSET(FRAME_R10, offsetof(struct arch_frame, r10));
    OFFSET(FRAME_R9, offsetof(struct arch_frame, r9));
    OFFSET(FRAME_R8, offsetof(struct arch_frame, r8));
    OFFSET(FRAME_RAX, offsetof(struct arch_frame, rax));
    OFFSET(FRAME_RCX, offsetof(struct arch_frame, rcx));
    OFFSET(FRAME_RDX, offsetof(struct arch_frame, rdx));
    OFFSET(FRAME_RSI, offsetof(struct arch_frame, rsi));
    OFFSET(FRAME_RDI, offsetof(struct arch_frame, rdi));
    OFFSET(FRAME_BY_SYSCALL, offsetof(struct arch_frame, by_syscall));
    OFFSET(FRAME_RIP, offsetof(struct arch_frame, rip));
    OFFSET(FRAME_CS, offsetof(struct arch_frame, cs));
    OFFSET(FRAME_RFLAGS, offsetof(struct arch_frame, rflags));
    OFFSET(FRAME_RSP, offsetof(struct arch_frame, rsp));
}
