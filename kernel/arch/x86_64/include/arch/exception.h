/* SPDX-License-Identifier: Apache-2.0
 *
 * What entry.S leaves on the kernel's stack when the kernel itself meets an exception. The same
 * order as struct arch_frame, with the vector where that one says `by_syscall`.
 */
#pragma once

#include "arch/frame.h"

struct x86_exception_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t error; /* 0 where the CPU pushes none */
    uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct x86_exception_frame) == sizeof(struct arch_frame), "the same pushes");
