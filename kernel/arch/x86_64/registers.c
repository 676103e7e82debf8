/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread's general registers as others see and set them: struct weft_registers, which begins like a
 * frame.
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

/* rip is the first register that the two have at different places. */
#define COMMON_SIZE offsetof(struct weft_registers, rip)

_Static_assert(COMMON_SIZE == offsetof(struct arch_frame, by_syscall) &&
                   offsetof(struct weft_registers, rbx) == offsetof(struct arch_frame, rbx) &&
                   offsetof(struct weft_registers, rax) == offsetof(struct arch_frame, rax) &&
                   offsetof(struct weft_registers, r9) == offsetof(struct arch_frame, r9),
               "the same order");

void arch_registers_read(const struct arch_frame *frame, struct weft_registers *out)
{
    __builtin_memcpy(out, frame, COMMON_SIZE);
    out->rip = frame->rip;
    out->rflags = frame->rflags;
    out->rsp = frame->rsp;
    if (frame->by_syscall) {
        out->rcx = frame->rip;
        out->r11 = frame->rflags;
    }
}

void arch_frame_init(struct arch_frame *frame, vaddr_t entry, vaddr_t stack, uint64_t argument)
{
    *frame = (struct arch_frame){
        .rdi = argument,
        .rip = entry,
        .cs = USER_CODE_SELECTOR,
        .rflags = RFLAGS_ALWAYS,
        .rsp = stack,
        .ss = USER_DATA_SELECTOR,
    };
}

bool arch_registers_write(struct arch_frame *frame, const struct weft_registers *registers)
{
    /* iret to an address that is not canonical faults in the kernel. */
    if (registers->rip >= USER_TOP) {
        return false;
    }
    arch_frame_init(frame, registers->rip, registers->rsp, 0);
    __builtin_memcpy(frame, registers, COMMON_SIZE);
    frame->rflags |= registers->rflags & RFLAGS_USER;
    return true;
}
