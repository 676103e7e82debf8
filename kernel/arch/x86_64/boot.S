/* SPDX-License-Identifier: Apache-2.0
 *
 * The first instructions: from the loader's 32-bit protected mode to C in the high half.
 *
 * The loader finds pvh_start through the ELF note below (the PVH protocol) and enters it with paging
 * off, flat segments and %ebx = physical address of its start_info. This file checks that there is a
 * long mode, builds the boot page tables and calls x86_start(start_info) on the boot stack.
 *
 * The boot page tables map the first 4 GiB with 2 MiB pages, all accesses allowed, three times: at
 * 0 (for the code that switches paging on, here and in trampoline.S), in the direct map (for what
 * the loader left behind, and boot_alloc's memory) and, its first GiB only, at KERNEL_BASE. CPU 0
 * leaves them in paging_start(), the others on the way to their stacks. Nothing uses them after.
 */
#include "arch/layout.h"

#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)
#define PAGE_TABLE_WRITABLE 0x3  /* present, writable */
#define PAGE_LARGE_WRITABLE 0x83 /* and a 2 MiB page */
#define PDPT_PAGES 4
#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY    /* sizes of name and value, type */
    .asciz "Xen"
    .quad PHYSICAL(pvh_start)

    .text
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    movl $PHYSICAL(boot_stack_top), %esp
    movl %ebx, %ebp                         /* %ebp = start_info, kept to the end */

    movl $0x80000000, %eax                  /* is there a CPUID leaf for long mode, and its bit? */
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode

    movl $PHYSICAL(boot_directories), %edi  /* 4 page directories, 512 entries each: 4 GiB */
    movl $PAGE_LARGE_WRITABLE, %eax         /* %eax = entry */
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    jnc 1b

    movl $PHYSICAL(boot_directories) + PAGE_TABLE_WRITABLE, %eax
    movl $PHYSICAL(boot_pdpt_low), %edi
    movl %eax, PHYSICAL(boot_pdpt_high) + 8 * 510
    movl $PDPT_PAGES, %ecx
2:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x1000, %eax
    decl %ecx
    jnz 2b

    movl $PHYSICAL(boot_pdpt_low) + PAGE_TABLE_WRITABLE, PHYSICAL(boot_pml4)
    movl $PHYSICAL(boot_pdpt_low) + PAGE_TABLE_WRITABLE, PHYSICAL(boot_pml4) + 8 * 256
    movl $PHYSICAL(boot_pdpt_high) + PAGE_TABLE_WRITABLE, PHYSICAL(boot_pml4) + 8 * 511

    movl $0x20, %eax                        /* CR4: PAE */
    movl %eax, %cr4
    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx                  /* EFER: LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80010011, %eax                  /* CR0: PG, WP, ET, PE */
    movl %eax, %cr0
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $KERNEL_CODE_SELECTOR, $PHYSICAL(start_low)

/* Neither C nor a console yet: the one failure that is reported from here. */
no_long_mode:
    movl $PHYSICAL(no_long_mode_text), %esi
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
    movl $KERNEL_DATA_SELECTOR, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movabsq $boot_stack_top, %rsp
    movl %ebp, %edi                         /* %rdi = start_info */
    xorl %ebp, %ebp                         /* ends the chain of frames */
    call x86_start
    ud2

    .section .rodata
no_long_mode_text:
    .asciz "weft: PANIC: this CPU has no 64-bit mode\n"

/* Also where APs start from; each CPU then loads a GDT of its own (descriptors.c). */
    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff                /* KERNEL_CODE_SELECTOR */
    .quad 0x00cf93000000ffff                /* KERNEL_DATA_SELECTOR */
boot_gdt_pointer:
    .word 3 * 8 - 1
    .long PHYSICAL(boot_gdt)

    .bss
    .balign 4096
    .globl boot_pml4, boot_stack, boot_stack_top
boot_pml4:
    .skip 4096
boot_pdpt_low:
    .skip 4096
boot_pdpt_high:
    .skip 4096
boot_directories:
    .skip PDPT_PAGES * 4096
boot_stack:
    .skip 8192
boot_stack_top:
