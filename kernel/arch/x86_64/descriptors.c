/* SPDX-License-Identifier: Apache-2.0
 *
 * Segment and interrupt descriptors, and the registers that lead into the kernel.
 *
 * Segmentation is flat; what is left of it are the selectors (arch/layout.h, in the order that
 * syscall and sysret require) and the TSS, which says on which stack an interrupt continues. GDT
 * and TSS belong to each CPU, the IDT is one for all and points at entry.S. Double faults, NMIs and
 * machine checks get stacks of their own (IST): they may come when the stack is not to be trusted.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/cpu.h"

#define VECTORS 256
#define GATE_INTERRUPT 0x8e00ull /* present, interrupts off on entry */
#define GATE_FROM_USER 0x6000ull /* the int instruction may use it in user mode */

#define GDT_KERNEL_CODE 0x00af9b000000ffffull
#define GDT_KERNEL_DATA 0x00cf93000000ffffull
#define GDT_USER_DATA 0x00cff3000000ffffull
#define GDT_USER_CODE 0x00affb000000ffffull
#define GDT_TSS 0x0000890000000000ull

struct idt_gate {
    uint64_t low;
    uint64_t high;
};

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct idt_gate idt[VECTORS];

extern const uint64_t vector_stubs[VECTORS]; /* entry.S */
extern void syscall_entry(void);             /* entry.S */

static enum x86_ist vector_stack(unsigned vector)
{
    switch (vector) {
    case VECTOR_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case VECTOR_NMI:
        return IST_NMI;
    case VECTOR_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    default:
        return IST_NONE;
    }
}

void descriptors_build_idt(void)
{
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint64_t target = vector_stubs[vector];
        uint64_t kind = GATE_INTERRUPT | vector_stack(vector);

        if (vector == VECTOR_BREAKPOINT) {
            kind |= GATE_FROM_USER;
        }
        idt[vector].low = (target & 0xffff) | KERNEL_CODE_SELECTOR << 16 | kind << 32 |
                          (target >> 16 & 0xffff) << 48;
        idt[vector].high = target >> 32;
    }
}

void descriptors_init(struct cpu *cpu)
{
    struct arch_cpu *arch = &cpu->arch;
    uint64_t tss = (uint64_t)&arch->tss;
    uint64_t slot = STACK_BASE + ((uint64_t)cpu->id << STACK_SLOT_SHIFT);

    arch->kernel_stack_top = slot + KERNEL_STACK_END;
    arch->tss.ist[IST_DOUBLE_FAULT - 1] = slot + IST_STACK_END(IST_DOUBLE_FAULT);
    arch->tss.ist[IST_NMI - 1] = slot + IST_STACK_END(IST_NMI);
    arch->tss.ist[IST_MACHINE_CHECK - 1] = slot + IST_STACK_END(IST_MACHINE_CHECK);
    arch->tss.io_bitmap = sizeof(struct x86_tss);

    arch->gdt[KERNEL_CODE_SELECTOR / 8] = GDT_KERNEL_CODE;
    arch->gdt[KERNEL_DATA_SELECTOR / 8] = GDT_KERNEL_DATA;
    arch->gdt[USER_DATA_SELECTOR / 8] = GDT_USER_DATA;
    arch->gdt[USER_CODE_SELECTOR / 8] = GDT_USER_CODE;
    arch->gdt[TSS_SELECTOR / 8] =
        GDT_TSS | (sizeof(struct x86_tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    arch->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
}

static void segments_load(const struct descriptor_pointer *gdt)
{
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%ds\n\t"
                     "movl %2, %%es\n\t"
                     "movl %2, %%ss\n\t"
                     "movl %3, %%fs\n\t"
                     "movl %3, %%gs"
                     :
                     : "m"(*gdt), "i"(KERNEL_CODE_SELECTOR), "r"(KERNEL_DATA_SELECTOR), "r"(0)
                     : "rax", "memory");
}

void descriptors_load(struct cpu *cpu)
{
    struct descriptor_pointer gdt = {sizeof(cpu->arch.gdt) - 1, (uint64_t)cpu->arch.gdt};
    struct descriptor_pointer idt_pointer = {sizeof(idt) - 1, (uint64_t)idt};

    segments_load(&gdt);
    __asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    __asm__ volatile("lidt %0" : : "m"(idt_pointer));

    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0); /* user mode's, until entry.S swaps them */
    /* syscall loads the selectors from bits 32.., sysret adds 8 and 16 to those from bits 48... */
    msr_write(MSR_STAR,
              (uint64_t)KERNEL_CODE_SELECTOR << 32 | (uint64_t)KERNEL_DATA_SELECTOR << 48);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
}
