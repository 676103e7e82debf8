/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the architecture contract that must be inline; see kernel/arch.h. GS points at the
 * CPU's struct cpu while in the kernel, and clang reaches address space 256 through GS.
 */
#pragma once

#include "arch/layout.h"
#include "kernel/types.h"

#define percpu(field) (((struct cpu __attribute__((address_space(256))) *)0)->field)

struct cpu;

static inline struct cpu *arch_this_cpu(void)
{
    struct cpu *self;

    __asm__("movq %%gs:0, %0" : "=r"(self)); /* struct cpu's first field points at itself */
    return self;
}

/* The time stamp counter as the hardware gives it, for who needs no whole. */
static inline uint32_t arch_cycles_halves(uint32_t *high)
{
    uint32_t low;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(*high));
    return low;
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
    return (void *)(DIRECT_MAP_BASE + address);
}

static inline paddr_t arch_to_physical(const void *address)
{
    paddr_t value = (paddr_t)address;

    return value - (value < KERNEL_BASE ? DIRECT_MAP_BASE : KERNEL_BASE);
}
