/* SPDX-License-Identifier: Apache-2.0
 *
 * Entering a thread, inline because the IPC fast path does it. Included by kernel/sched/switch.h,
 * where struct cpu and struct thread are complete; see kernel/arch.h for what it must do.
 */
#pragma once

#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/cpu.h"

/* The next use of the FPU traps. */
static inline void arch_fpu_off(void)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"((uint64_t)CR0_KERNEL) : "memory");
}

static inline void arch_thread_enter(struct thread *thread)
{
    /* From user mode, interrupts push to the end of the frame. */
    percpu(arch.tss.rsp0) = (uint64_t)(&thread->frame + 1);
    if (unlikely(percpu(fpu_live))) {
        percpu(fpu_live) = 0;
        arch_fpu_off();
    }
}

static inline void arch_space_load(const struct arch_space *space)
{
    cr3_write(space != NULL ? space->root : kernel_root);
}
