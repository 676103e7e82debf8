/* SPDX-License-Identifier: Apache-2.0
 *
 * What x86_64 keeps per CPU: `struct cpu` embeds a struct arch_cpu named `arch`. The processor
 * itself reads the TSS, so it lives as long as the CPU runs. Everything is written by CPU 0 before the
 * CPU starts, and by the CPU itself afterwards.
 *
 * Keys: (I) immutable once the CPU runs, (O) owner CPU only.
 */
#pragma once

#include "arch/layout.h"
#include "kernel/types.h"

/* Which TSS slot holds the stack for which exception that must not trust the current one. */
enum x86_ist {
    IST_DOUBLE_FAULT = 1,
    IST_NMI = 2,
    IST_MACHINE_CHECK = 3,
    IST_COUNT = 3,
};

/* The task state segment, as the processor defines it. */
struct x86_tss {
    uint32_t reserved0;
    uint64_t rsp0; /* (O) stack on entry from user mode: the end of the current thread's frame */
    uint64_t rsp1;
    uint64_t rsp2;
    uint64_t reserved1;
    uint64_t ist[7]; /* (I) ist[n - 1] is the stack of IST n */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_bitmap; /* (I) beyond the limit: user mode has no ports */
} __attribute__((packed));

struct arch_interrupt;

struct arch_cpu {
    uint64_t kernel_stack_top; /* (I) */
    uint64_t user_rsp_scratch; /* (O) for the first instructions of syscall_entry */
    cycles_t timer_deadline;   /* (O) what arch_timer_arm() asked for */
    uint32_t next_vector;      /* (O) counts on with each device interrupt that is opened */
    struct x86_tss tss;        /* its odd place aligns rsp0 */
    struct arch_interrupt *interrupts[DEVICE_VECTORS]; /* (O) whose vector it is; NULL: nobody's */
};

_Static_assert(sizeof(struct x86_tss) == 104, "the processor's layout");
_Static_assert((offsetof(struct arch_cpu, tss) + offsetof(struct x86_tss, rsp0)) % 8 == 0,
               "rsp0 is written at every switch and should be aligned");
