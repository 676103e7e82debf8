/* SPDX-License-Identifier: Apache-2.0
 *
 * Segment and interrupt descriptors, and the registers that lead into the kernel.
 *
 * Segmentation is flat; what is left of it are the selectors (arch/layout.h, in the order that
 * syscall and sysret require) and the TSS, which says on which stack an interrupt continues. Each CPU
 * has its TSS, and the slots for it in the GDT (boot.S), which is one for all like the IDT, whose
 * gates point at entry.S. Double faults, NMIs and machine checks get stacks of their own (IST): they may
 * come when the stack is not to be trusted.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/cpu.h"

#define VECTORS 256
#define GATE_INTERRUPT 0x8e00ull /* present, interrupts off on entry */
#define GATE_FROM_USER 0x6000ull /* the int instruction may use it in user mode */
#define GDT_TSS 0x0000890000000000ull

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t idt[VECTORS][2];

extern const char vector_stubs[VECTORS][16]; /* entry.S */
extern void syscall_entry(void);             /* entry.S */
extern uint64_t gdt[GDT_SLOTS];              /* boot.S */

static const uint8_t vector_stacks[VECTORS] = {
    [VECTOR_DOUBLE_FAULT] = IST_DOUBLE_FAULT,
    [VECTOR_NMI] = IST_NMI,
    [VECTOR_MACHINE_CHECK] = IST_MACHINE_CHECK,
};

void descriptors_build_idt(void)
{
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint64_t target = (uint64_t)vector_stubs[vector];
        uint64_t kind = GATE_INTERRUPT | vector_stacks[vector];

        if (vector == VECTOR_BREAKPOINT) {
            kind |= GATE_FROM_USER;
        }
        idt[vector][0] = (target & 0xffff) | KERNEL_CODE_SELECTOR << 16 | kind << 32 |
                         (target >> 16 & 0xffff) << 48;
        idt[vector][1] = target >> 32;
    }
}

void descriptors_load(struct cpu *cpu)
{
    struct x86_tss *tss = &cpu->arch.tss;
    uint64_t address = (uint64_t)tss;
    uint64_t *descriptor = &gdt[TSS_SELECTOR(cpu->id) / 8];
    uint64_t slot = STACK_BASE + ((uint64_t)cpu->id << STACK_SLOT_SHIFT);
    struct descriptor_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};

    cpu->arch.kernel_stack_top = slot + KERNEL_STACK_END;
    for (unsigned ist = 1; ist <= IST_COUNT; ist++) {
        tss->ist[ist - 1] = slot + IST_STACK_END(ist);
    }
    tss->io_bitmap = sizeof(*tss);
    descriptor[0] =
        GDT_TSS | (sizeof(*tss) - 1) | (address & 0xffffff) << 16 | (address >> 24 & 0xff) << 56;
    descriptor[1] = address >> 32;
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR(cpu->id)) : "memory");
    __asm__ volatile("lidt %0" : : "m"(idt_pointer));

    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0); /* user mode's, until entry.S swaps them */
    /* syscall loads the selectors from bits 32.., sysret adds 8 and 16 to those from bits 48... */
    msr_write(MSR_STAR,
              (uint64_t)KERNEL_CODE_SELECTOR << 32 | (uint64_t)KERNEL_DATA_SELECTOR << 48);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
}
