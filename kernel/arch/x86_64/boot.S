/* SPDX-License-Identifier: Apache-2.0
 *
 * The first instructions of every CPU, up to C in the high half.
 *
 * CPU 0. The loader finds pvh_start through the ELF note below (the PVH protocol) and enters it in
 * 32-bit protected mode with paging off, flat segments and %ebx = physical address of its start_info. It
 * checks that the processor has what the kernel cannot do without and calls x86_start(start_info) on the
 * boot stack.
 *
 * The others. A start-up interrupt lets a CPU begin at a page below 1 MiB in real mode.
 * trampoline_install() (cpu.c) has copied trampoline_start there; nothing in that copy is ever written,
 * so any number of CPUs may be in it at once. Each finds out which one it is by looking its APIC id up
 * in acpi_apic_ids[], loads the final page tables and its own kernel stack, and calls x86_cpu_start(cpu).
 * A CPU that the table does not know stays halted.
 *
 * The boot page tables map the first 4 GiB with 2 MiB pages, all accesses allowed, three times: at
 * 0 (for the code that switches paging on), in the direct map (for what the loader left behind, and
 * boot_alloc's memory) and, its first GiB only, at KERNEL_BASE. CPU 0 leaves them in paging_start(), the
 * others on the way to their stacks. Nothing uses them after.
 */
#include "arch/layout.h"

#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)
#define COPIED(symbol) (TRAMPOLINE_PADDR + (symbol) - trampoline_start)
#define PAGE_TABLE_WRITABLE 0x3  /* present, writable */
#define PAGE_LARGE_WRITABLE 0x83 /* and a 2 MiB page */
#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define MSR_EFER 0xc0000080
#define EFER_KERNEL 0x901        /* no-execute pages, long mode, syscall */
#define CPUID_NEEDED 0x20100800  /* the bits for these in leaf 0x80000001, %edx */

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY    /* sizes of name and value, type */
    .asciz "Xen"
    .quad PHYSICAL(pvh_start)

    .section .rodata
    .code16
    .globl trampoline_start, trampoline_end
trampoline_start:
    cli
    xorl %ebp, %ebp                         /* %ebp = 0: one of the others */
    movw %bp, %ds
    lgdtl COPIED(boot_gdt_pointer)
    movl $0x11, %eax                        /* CR0: ET, PE */
    movl %eax, %cr0
    ljmpl $BOOT_CODE_SELECTOR, $PHYSICAL(enter_long_mode)
    .balign 4
boot_gdt_pointer:
    .word 8 * GDT_SLOTS - 1
    .long PHYSICAL(gdt)
trampoline_end:

    .text
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    movl %ebx, %ebp                         /* %ebp = start_info: CPU 0 */

    movl $0x80000000, %eax                  /* is there the CPUID leaf, and the bits in it? */
    cpuid
    cmpl $0x80000001, %eax
    jb cannot_start
    movl $0x80000001, %eax
    cpuid
    notl %edx
    testl $CPUID_NEEDED, %edx
    jnz cannot_start

    lgdt PHYSICAL(boot_gdt_pointer)

enter_long_mode:                            /* every CPU; no stack yet */
    movl $CR4_KERNEL, %eax
    movl %eax, %cr4
    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    xorl %edx, %edx
    movl $EFER_KERNEL, %eax
    wrmsr
    movl $CR0_KERNEL, %eax
    movl %eax, %cr0
    ljmp $KERNEL_CODE_SELECTOR, $PHYSICAL(start_low)

/* Neither C nor a console yet: the one failure that is reported from here. */
cannot_start:
    movl $PHYSICAL(cannot_start_text), %esi
    movw $0x3f8, %dx
3:  lodsb
    testb %al, %al
    jz 4f
    outb %al, %dx
    jmp 3b
4:  movw $0xf4, %dx                         /* the exit device: 0x10 + 111, a panic */
    movl $0x7f, %eax
    outl %eax, %dx
5:  hlt
    jmp 5b

    .code64
start_low:
    movabsq $start_high, %rax
    jmp *%rax
start_high:
    lgdt gdt_pointer(%rip)
    movl $KERNEL_DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    testl %ebp, %ebp
    jz start_other
    movabsq $boot_stack_top, %rsp
    movl %ebp, %edi                         /* %rdi = start_info */
    xorl %ebp, %ebp                         /* ends the chain of frames */
    call x86_start
    ud2

start_other:
    movl $1, %eax
    cpuid
    shrl $24, %ebx                          /* %bl = APIC id */
    movl acpi_cpu_count(%rip), %ecx
    movq $acpi_apic_ids, %rsi
    xorl %edi, %edi                         /* %edi = CPU number; 0 is the one that started us */
3:  incl %edi
    cmpl %ecx, %edi
    jae 4f
    cmpb %bl, (%rsi, %rdi)
    jne 3b

    movq kernel_root(%rip), %rax
    movq %rax, %cr3                         /* from here low memory is gone */
    movl %edi, %ebx
    shlq $STACK_SLOT_SHIFT, %rbx
    movabsq $STACK_BASE + KERNEL_STACK_END, %rsp
    addq %rbx, %rsp
    call x86_cpu_start                      /* %edi = CPU number */
    ud2
4:  hlt
    jmp 4b

    .section .rodata
cannot_start_text:
    .asciz "weft: PANIC: this CPU has no 64-bit mode, no-execute pages or syscall instruction\n"
gdt_pointer:
    .word 8 * GDT_SLOTS - 1
    .quad gdt

/* For all CPUs; the slots of their TSSs are filled in descriptors.c. */
    .data
    .balign 8
    .globl gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff                /* KERNEL_CODE_SELECTOR */
    .quad 0x00cf93000000ffff                /* KERNEL_DATA_SELECTOR */
    .quad 0x00cff3000000ffff                /* USER_DATA_SELECTOR */
    .quad 0x00affb000000ffff                /* USER_CODE_SELECTOR */
    .quad 0x00cf9b000000ffff                /* BOOT_CODE_SELECTOR */
    .skip 8 * (GDT_SLOTS - TSS_SELECTOR(0) / 8)

/* One table of 512 GiB serves all three: its first entries for the low ones, its last but one for
 * KERNEL_BASE. */
    .balign 4096
boot_pml4:
    .quad PHYSICAL(boot_pdpt) + PAGE_TABLE_WRITABLE
    .skip 8 * 255
    .quad PHYSICAL(boot_pdpt) + PAGE_TABLE_WRITABLE
    .skip 8 * 254
    .quad PHYSICAL(boot_pdpt) + PAGE_TABLE_WRITABLE
boot_pdpt:
    .quad PHYSICAL(boot_directories) + PAGE_TABLE_WRITABLE
    .quad PHYSICAL(boot_directories) + 0x1000 + PAGE_TABLE_WRITABLE
    .quad PHYSICAL(boot_directories) + 0x2000 + PAGE_TABLE_WRITABLE
    .quad PHYSICAL(boot_directories) + 0x3000 + PAGE_TABLE_WRITABLE
    .skip 8 * 506
    .quad PHYSICAL(boot_directories) + PAGE_TABLE_WRITABLE
    .skip 8
boot_directories:                           /* 512 entries each */
    .set page, PAGE_LARGE_WRITABLE
    .rept 4 * 512
    .quad page
    .set page, page + 0x200000
    .endr

    .bss
    .balign 16
    .skip 8192
boot_stack_top:
