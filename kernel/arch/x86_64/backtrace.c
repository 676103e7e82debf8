/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's call chain, by frame pointers: addresses, to which the host adds the names of functions.
 *
 * Every step is checked before memory is touched: frames lie on this CPU's kernel stack, each above
 * the one before, so a broken chain ends the list and never faults. A kernel built without frame
 * pointers gives a short list, not a wrong machine; so does a panic while there is only the boot stack.
 */
#include "arch/platform.h"
#include "kernel/cpu.h"
#include "kernel/print.h"

struct stack_frame {
    const struct stack_frame *caller;
    uint64_t return_address; /* 0: nobody called */
};

static bool stack_has(const struct stack_frame *frame)
{
    uint64_t start = percpu(arch.kernel_stack_top) - KERNEL_STACK_SIZE;

    return (uint64_t)frame % 8 == 0 &&
           (uint64_t)frame - start <= KERNEL_STACK_SIZE - sizeof(struct stack_frame);
}

void backtrace_from(uint64_t address, uint64_t frame)
{
    const struct stack_frame *at = (const struct stack_frame *)frame;
    const struct stack_frame *below = NULL;

    kprintf("weft:   %016lx\n", address);
    while (at > below && stack_has(at) && at->return_address != 0) {
        kprintf("weft:   %016lx\n", at->return_address);
        below = at;
        at = at->caller;
    }
}

void arch_backtrace(void)
{
    const struct stack_frame *self = __builtin_frame_address(0);

    backtrace_from(self->return_address, (uint64_t)self->caller);
}
