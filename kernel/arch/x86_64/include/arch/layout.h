/* SPDX-License-Identifier: Apache-2.0
 *
 * The x86_64 address map and segment selectors, for C and assembly alike.
 *
 *     0x0000000000010000   user space (up to 0x00007fffffffe000)
 *     0xffff800000000000   direct map: all usable RAM but the kernel image, RW NX
 *     0xffffc00000000000   devices, uncached, RW NX: the page of physical address p is at base + p
 *     0xffffc08000000000   stacks, RW NX: one slot per CPU, an unmapped guard page below each stack
 *     0xffffffff80000000   kernel image: text RX, rodata R, data and bss RW
 *
 * The image is linked at KERNEL_BASE + its physical address, which starts at 2 MiB.
 */
#pragma once

#define DIRECT_MAP_BASE 0xffff800000000000
#define DEVICE_BASE 0xffffc00000000000
#define STACK_BASE 0xffffc08000000000
#define KERNEL_BASE 0xffffffff80000000

/* Where APs start executing, in real mode: a page below 1 MiB (see boot.S). */
#define TRAMPOLINE_PADDR 0x8000

/* Stacks: CPU n has the slot at STACK_BASE + n * STACK_SLOT. Offsets of the stacks' ends within it;
 * each stack is as large as given, and the pages between them are never mapped. */
#define STACK_SLOT_SHIFT 16
#define STACK_SLOT (1 << STACK_SLOT_SHIFT)
#define KERNEL_STACK_SIZE 0x2000
#define KERNEL_STACK_END 0x3000
#define IST_STACK_SIZE 0x1000
#define IST_STACK_END(ist) (KERNEL_STACK_END + (ist)*2 * IST_STACK_SIZE)

/* Selectors; the order of the user ones is what sysret wants. A TSS takes two GDT slots. */
#define KERNEL_CODE_SELECTOR 0x08
#define KERNEL_DATA_SELECTOR 0x10
#define USER_DATA_SELECTOR 0x1b
#define USER_CODE_SELECTOR 0x23
#define BOOT_CODE_SELECTOR 0x28 /* 32 bits, on the way to long mode */
#define TSS_SELECTOR(cpu) (0x30 + 16 * (cpu))
#define GDT_SLOTS (TSS_SELECTOR(255) / 8)

/* Control registers as boot.S sets them. CR0: paging, the kernel heeds read-only pages too (WP), x87
 * errors are exceptions, the next use of the FPU traps (TS), fwait heeds that, protected mode. CR4:
 * global pages, physical address extension, SSE and its exceptions. */
#define CR0_KERNEL 0x8001003b
#define CR4_KERNEL 0x6a0

/* Interrupt vectors: 0..31 are the processor's exceptions. */
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define FIRST_INTERRUPT 0x20
#define VECTOR_TIMER 0x20
#define VECTOR_DOORBELL 0x21
#define VECTOR_TRACE 0x22 /* look which trace events are wanted */
#define VECTOR_DEVICE 0x30
#define DEVICE_VECTORS 0xc0
#define VECTOR_SPURIOUS 0xff
