/* SPDX-License-Identifier: Apache-2.0
 *
 * How every CPU but the first comes up: from real mode to C, all of them at the same time.
 *
 * A start-up interrupt lets a CPU begin at a page below 1 MiB in real mode. trampoline_install()
 * (cpu.c) has copied the first part of this file there, while low memory was still mapped; nothing
 * in that copy is ever written, so any number of CPUs may be in it at once.
 *
 * The second part runs in the kernel image. It finds out which CPU this is by looking its APIC id up
 * in acpi_apic_ids[], loads the final page tables and the CPU's own kernel stack, and calls
 * x86_cpu_start(cpu). A CPU that the table does not know stays halted.
 */
#include "arch/layout.h"

#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)
#define COPIED(symbol) (TRAMPOLINE_PADDR + (symbol) - trampoline_start)

    .section .rodata
    .globl trampoline_start, trampoline_end
    .code16
trampoline_start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movl $0x20, %eax                        /* CR4: PAE */
    movl %eax, %cr4
    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx                  /* EFER: NXE, LME, checked by CPU 0 */
    xorl %edx, %edx
    movl $0x900, %eax
    wrmsr
    lgdtl COPIED(trampoline_gdt_pointer)
    movl $0x80010011, %eax                  /* CR0: PG, WP, ET, PE: straight into long mode */
    movl %eax, %cr0
    ljmpl $KERNEL_CODE_SELECTOR, $COPIED(trampoline_long)

    .code64
trampoline_long:
    movabsq $trampoline_high, %rax
    jmp *%rax

    .balign 4
trampoline_gdt_pointer:
    .word 3 * 8 - 1
    .long PHYSICAL(boot_gdt)
trampoline_end:

    .text
trampoline_high:
    movl $KERNEL_DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs

    xorl %eax, %eax                         /* the whole APIC id: leaf 11 where there is one */
    cpuid
    cmpl $11, %eax
    jb 1f
    movl $11, %eax
    xorl %ecx, %ecx
    cpuid
    testw %bx, %bx
    jnz 2f                                  /* %edx = APIC id */
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edx
2:
    movl acpi_cpu_count(%rip), %ecx
    movq $acpi_apic_ids, %rsi
    xorl %edi, %edi                         /* %edi = CPU number; 0 is the one that started us */
3:  incl %edi
    cmpl %ecx, %edi
    jae 4f
    cmpl %edx, (%rsi, %rdi, 4)
    jne 3b

    movq kernel_root(%rip), %rax
    movq %rax, %cr3                         /* from here low memory is gone */
    movl %edi, %ebx
    shlq $STACK_SLOT_SHIFT, %rbx
    movabsq $STACK_BASE + KERNEL_STACK_END, %rsp
    addq %rbx, %rsp
    xorl %ebp, %ebp
    call x86_cpu_start                      /* %edi = CPU number */
    ud2
4:  cli
    hlt
    jmp 4b
