/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the architecture contract that must be inline; see kernel/arch.h. GS points at the
 * CPU's struct cpu while in the kernel, and clang reaches address space 256 through GS.
 */
#pragma once

#include "kernel/types.h"

#define percpu(field) (((struct cpu __attribute__((address_space(256))) *)0)->field)

#define ARCH_DIRECT_MAP 0xffff800000000000ull

struct cpu;

static inline struct cpu *arch_this_cpu(void)
{
    struct cpu *self;

    __asm__("movq %%gs:0, %0" : "=r"(self)); /* struct cpu's first field points at itself */
    return self;
}

static inline cycles_t arch_cycles(void)
{
    return __builtin_ia32_rdtsc();
}

static inline void arch_pause(void)
{
    __builtin_ia32_pause();
}

static inline void *arch_to_virtual(paddr_t address)
{
    return (void *)(ARCH_DIRECT_MAP + address);
}

static inline paddr_t arch_to_physical(const void *address)
{
    return (paddr_t)address - ARCH_DIRECT_MAP;
}
