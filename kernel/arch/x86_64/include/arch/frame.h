/* SPDX-License-Identifier: Apache-2.0
 *
 * A user thread's registers, as entry.S leaves them at the start of its struct thread. The CPU itself
 * pushes the last five on an interrupt (TSS.rsp0 points at the frame's end), so the order is fixed
 * and the size a multiple of 16.
 *
 * by_syscall: bit 0, the thread came by a system call and goes back by sysret; bit 1, the call's entry
 * was traced, so its exit will be; bits 8 and up, its number in that case.
 */
#pragma once

#include <stdint.h>

struct arch_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, rcx, rax;
    union {
        struct {
            uint64_t rdi, rsi, rdx, r10, r8, r9;
        };
        uint64_t arguments[6]; /* of a system call */
    };
    union {
        uint64_t by_syscall; /* a thread's: 0: all registers count; else rcx and r11 are dead */
        uint64_t vector;     /* the kernel's own, when it meets an exception */
    };
    uint64_t error; /* pushed by the CPU for some exceptions */
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct arch_frame) % 16 == 0, "the CPU aligns the stack before it pushes");

/* The arguments of a system call, by their number. */
static inline uint64_t arch_argument(const struct arch_frame *frame, unsigned number)
{
    return frame->arguments[number];
}

static inline void arch_set_status(struct arch_frame *frame, int64_t status)
{
    frame->rax = (uint64_t)status;
}

static inline void arch_set_result(struct arch_frame *frame, uint64_t result)
{
    frame->rdx = result;
}

static inline void arch_set_badge(struct arch_frame *frame, uint64_t badge)
{
    frame->rdi = badge;
}

static inline int64_t arch_status(const struct arch_frame *frame)
{
    return (int64_t)frame->rax;
}

static inline void arch_set_message(struct arch_frame *frame, const uint64_t words[4])
{
    __builtin_memcpy(&frame->arguments[1], words, 4 * sizeof(words[0]));
}

/* The first word of a message. */
static inline uint64_t arch_message_word(const struct arch_frame *frame)
{
    return frame->rsi;
}

/* The four words of a message: registers to registers. */
static inline void arch_copy_message(struct arch_frame *to, const struct arch_frame *from)
{
    arch_set_message(to, &from->arguments[1]);
}
