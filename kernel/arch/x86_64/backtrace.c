/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's call chain, by frame pointers, with function names.
 *
 * Every step is checked before memory is touched: frames lie on mapped stacks (arch/layout.h) and
 * each above the one before, so a broken chain ends the list and never faults. A kernel built
 * without frame pointers gives a short list, not a wrong machine.
 *
 * Names come from a table that the second link of the kernel puts in place of the empty one here.
 */
#include "arch/platform.h"
#include "kernel/arch.h"
#include "kernel/print.h"

#define DEPTH_MAX 32

struct kernel_symbol {
    uint64_t address;
    const char *name;
};

/* Ascending by address. Weak: replaced by the generated table, which is constant. Not declared so
 * here, or the compiler would take these values for the final ones. */
__attribute__((weak)) struct kernel_symbol kernel_symbols[1];
__attribute__((weak)) uint64_t kernel_symbol_count;

extern char boot_stack[], boot_stack_top[], text_start[], text_end[];

struct stack_frame {
    uint64_t caller; /* the caller's frame */
    uint64_t return_address;
};

static bool stack_has(uint64_t address)
{
    if (address >= (uint64_t)boot_stack && address < (uint64_t)boot_stack_top) {
        return true;
    }
    if (address < STACK_BASE || address >= STACK_BASE + ((uint64_t)CPU_MAX << STACK_SLOT_SHIFT)) {
        return false;
    }
    uint64_t cpu = (address - STACK_BASE) >> STACK_SLOT_SHIFT;
    uint64_t offset = (address - STACK_BASE) & (STACK_SLOT - 1);
    bool kernel = offset >= KERNEL_STACK_END - KERNEL_STACK_SIZE && offset < KERNEL_STACK_END;
    bool ist = false;
    for (unsigned i = IST_DOUBLE_FAULT; i <= IST_MACHINE_CHECK; i++) {
        ist |= offset >= IST_STACK_END(i) - IST_STACK_SIZE && offset < IST_STACK_END(i);
    }
    return cpu < acpi_cpu_count && (kernel || ist);
}

/* The number of symbols at or below an address, so that the last of them is the one it is in. */
static uint64_t symbols_below(uint64_t address)
{
    uint64_t low = 0;
    uint64_t high = kernel_symbol_count;

    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (kernel_symbols[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* One line. `inside` is an address in the instruction meant: a return address may already be in the
 * next function, if the call never returns. */
static void address_print(uint64_t address, uint64_t inside)
{
    bool text = address >= (uint64_t)text_start && address < (uint64_t)text_end;
    uint64_t count = text ? symbols_below(inside) : 0;

    if (count == 0) {
        kprintf("weft:   %016lx\n", address);
        return;
    }
    const struct kernel_symbol *symbol = &kernel_symbols[count - 1];
    kprintf("weft:   %016lx %s+0x%lx\n", address, symbol->name, address - symbol->address);
}

void backtrace_from(uint64_t address, uint64_t frame)
{
    address_print(address, address);
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (frame % 8 != 0 || !stack_has(frame) || !stack_has(frame + 15)) {
            return;
        }
        const struct stack_frame *at = (const struct stack_frame *)frame;
        if (at->return_address == 0) {
            return;
        }
        address_print(at->return_address, at->return_address - 1);
        if (at->caller <= frame) {
            return;
        }
        frame = at->caller;
    }
}

void arch_backtrace(void)
{
    const struct stack_frame *self = __builtin_frame_address(0);

    backtrace_from(self->return_address, self->caller);
}
