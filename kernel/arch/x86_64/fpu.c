/* SPDX-License-Identifier: Apache-2.0
 *
 * Floating-point and SSE registers.
 *
 * Kept lazily: a thread's FPU registers stay in the CPU (percpu(fpu_owner)) until another thread of
 * that CPU wants the FPU. While somebody else runs, CR0.TS is set, so that the first use traps
 * (fpu_wanted). IPC between threads that do not calculate never touches the FPU. The kernel itself
 * is compiled without it.
 *
 * Only x87 and SSE: AVX is not switched on (CR4.OSXSAVE is clear). On CPUs with the "lazy FP" leak
 * (CVE-2018-3665) another thread's registers can be guessed speculatively; Weft mitigates no
 * speculative leaks.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "arch/thread.h"
#include "kernel/cpu.h"

#define FCW_DEFAULT 0x37f    /* all x87 exceptions masked, extended precision */
#define MXCSR_DEFAULT 0x1f80 /* all SSE exceptions masked */

void fpu_wanted(void)
{
    struct thread *owner = percpu(fpu_owner);
    struct thread *thread = current();

    __asm__ volatile("clts" : : : "memory");
    percpu(fpu_live) = 1;
    if (owner == thread) {
        return;
    }
    if (owner != NULL) {
        __asm__ volatile("fxsave64 %0" : "=m"(owner->fpu));
    }
    __asm__ volatile("fxrstor64 %0" : : "m"(thread->fpu));
    percpu(fpu_owner) = thread;
}

void arch_fpu_init(struct thread *thread)
{
    *(uint16_t *)&thread->fpu.bytes[0] = FCW_DEFAULT;
    *(uint32_t *)&thread->fpu.bytes[24] = MXCSR_DEFAULT;
}

void arch_fpu_evict(struct thread *thread)
{
    if (percpu(fpu_owner) == thread) {
        __asm__ volatile("clts; fxsave64 %0" : "=m"(thread->fpu));
        arch_fpu_forget(thread);
    }
}

void arch_fpu_forget(struct thread *thread)
{
    if (percpu(fpu_owner) == thread) {
        percpu(fpu_owner) = NULL;
        percpu(fpu_live) = 0;
        arch_fpu_off();
    }
}
