/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread's general registers as others see and set them: struct weft_registers.
 *
 * A frame that was left by a system call lacks rcx and r11 (frame.h): the call has put rip and rflags
 * there. Once they have been set, the thread goes on by iret, which restores all of them.
 */
#include "arch/frame.h"
#include "arch/layout.h"
#include "arch/registers.h"
#include "kernel/arch.h"

/* What a program may change by itself: the results of arithmetic, direction, single step, alignment
 * check, and the bit that tells of CPUID. Interrupts stay on. */
#define RFLAGS_USER 0x240dd5ull
#define RFLAGS_ALWAYS (RFLAGS_IF | 2ull)

void arch_registers_read(const struct arch_frame *frame, struct weft_registers *out)
{
    *out = (struct weft_registers){
        .rax = frame->rax,
        .rbx = frame->rbx,
        .rcx = frame->by_syscall ? frame->rip : frame->rcx,
        .rdx = frame->rdx,
        .rsi = frame->rsi,
        .rdi = frame->rdi,
        .rbp = frame->rbp,
        .rsp = frame->rsp,
        .r8 = frame->r8,
        .r9 = frame->r9,
        .r10 = frame->r10,
        .r11 = frame->by_syscall ? frame->rflags : frame->r11,
        .r12 = frame->r12,
        .r13 = frame->r13,
        .r14 = frame->r14,
        .r15 = frame->r15,
        .rip = frame->rip,
        .rflags = frame->rflags,
    };
}

bool arch_registers_write(struct arch_frame *frame, const struct weft_registers *registers)
{
    if (registers->rip >=
        USER_TOP) { /* iret to an address that is not canonical faults in the kernel */
        return false;
    }
    *frame = (struct arch_frame){
        .rax = registers->rax,
        .rbx = registers->rbx,
        .rcx = registers->rcx,
        .rdx = registers->rdx,
        .rsi = registers->rsi,
        .rdi = registers->rdi,
        .rbp = registers->rbp,
        .rsp = registers->rsp,
        .r8 = registers->r8,
        .r9 = registers->r9,
        .r10 = registers->r10,
        .r11 = registers->r11,
        .r12 = registers->r12,
        .r13 = registers->r13,
        .r14 = registers->r14,
        .r15 = registers->r15,
        .rip = registers->rip,
        .rflags = (registers->rflags & RFLAGS_USER) | RFLAGS_ALWAYS,
        .cs = USER_CODE_SELECTOR,
        .ss = USER_DATA_SELECTOR,
    };
    return true;
}
