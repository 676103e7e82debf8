/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program must not do, on x86_64: one function per deed, and with which exception vector the
 * process has to end. Included by hostile.c alone.
 */
#pragma once

#include <stdint.h>

#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/syscalls.h"

enum { VECTOR_ANY = 255, VECTOR_DIVIDE = 0, VECTOR_DEBUG = 1, VECTOR_BREAKPOINT = 3 };
enum { VECTOR_INVALID = 6, VECTOR_PROTECTION = 13, VECTOR_PAGE = 14 };

#define KERNEL_IMAGE 0xffffffff80200000ull
#define KERNEL_MEMORY 0xffff800000000000ull
#define KERNEL_DEVICES 0xffffc000fee00000ull
#define NOT_CANONICAL 0x0000900000000000ull

static void read_at(uint64_t address)
{
    (void)*(volatile uint8_t *)address;
}

static void write_at(uint64_t address)
{
    *(volatile uint8_t *)address = 0x90;
}

static void jump_to(uint64_t address)
{
    __asm__ volatile("jmp *%0" : : "r"(address) : "memory");
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void read_kernel_image(void)
{
    read_at(KERNEL_IMAGE);
}
static void read_kernel_memory(void)
{
    read_at(KERNEL_MEMORY + 0x200000);
}
static void read_devices(void)
{
    read_at(KERNEL_DEVICES);
}
static void read_last_byte(void)
{
    read_at(~0ull);
}
static void read_null(void)
{
    read_at(0);
}
static void read_not_canonical(void)
{
    read_at(NOT_CANONICAL);
}
static void write_kernel_image(void)
{
    write_at(KERNEL_IMAGE);
}
static void write_kernel_memory(void)
{
    write_at(KERNEL_MEMORY + 0x200000);
}
static void write_own_code(void)
{
    write_at((uint64_t)write_own_code);
}
static void write_own_constants(void)
{
    write_at((uint64_t) "constant");
}
static void write_startup_page(void)
{
    write_at(STARTUP_ADDRESS);
}
static void read_stack_guard(void)
{
    read_at(WEFT_MAIN_STACK_TOP - WEFT_MAIN_STACK_PAGES * 4096 - 8);
}
static void run_stack(void)
{
    volatile uint8_t code[16] = {0xc3};
    jump_to((uint64_t)code);
}
static void run_data(void)
{
    static volatile uint8_t code[16] = {0xc3};
    jump_to((uint64_t)code);
}
static void run_constants(void)
{
    jump_to((uint64_t) "\xc3\xc3\xc3");
}
static void run_kernel(void)
{
    jump_to(KERNEL_IMAGE);
}
static void run_nothing(void)
{
    jump_to(WEFT_FREE_BASE + 0x1234);
}
static void run_null(void)
{
    jump_to(0);
}
static void run_not_canonical(void)
{
    jump_to(NOT_CANONICAL);
}
static void overflow_stack(void)
{
    __asm__ volatile("1: pushq $0\n\tjmp 1b" : : : "memory");
}
static void push_on_kernel(void)
{
    __asm__ volatile("movq %0, %%rsp\n\tpushq $0" : : "r"(KERNEL_IMAGE + 64) : "memory");
}
static void copy_into_kernel(void)
{
    uint64_t to = WEFT_FREE_BASE, count = 1ull << 50;
    uint64_t from = KERNEL_IMAGE;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/* ---- privileged instructions ----------------------------------------------------------------- */

#define DEED(name, code)                                                                           \
    static __attribute__((naked)) void name(void)                                                  \
    {                                                                                              \
        __asm__(code "\n\tret");                                                                   \
    }

DEED(halt, "hlt")
DEED(disable_interrupts, "cli")
DEED(enable_interrupts, "sti")
DEED(read_port, "inb $0x60, %al")
DEED(write_port, "movw $0xf4, %dx\n\tmovl $0x10, %eax\n\toutl %eax, %dx")
DEED(read_control_register, "movq %cr3, %rax")
DEED(write_control_register, "xorl %eax, %eax\n\tmovq %rax, %cr0")
DEED(write_debug_register, "xorl %eax, %eax\n\tmovq %rax, %dr7")
DEED(read_model_register, "movl $0xc0000082, %ecx\n\trdmsr")
DEED(write_model_register, "movl $0xc0000082, %ecx\n\txorl %eax, %eax\n\txorl %edx, %edx\n\twrmsr")
DEED(load_descriptors, "subq $16, %rsp\n\tlgdt (%rsp)")
DEED(load_vectors, "subq $16, %rsp\n\tlidt (%rsp)")
DEED(load_task, "movw $0x28, %ax\n\tltr %ax")
DEED(flush_translation, "invlpg (%rsp)")
DEED(flush_caches, "wbinvd")
DEED(swap_gs, "swapgs")
DEED(clear_task_switched, "clts")
DEED(return_from_system_call, "sysretq")
DEED(enter_by_sysenter, "sysenter")
DEED(read_counter, "xorl %ecx, %ecx\n\trdpmc")
DEED(wait_for_memory, "xorl %eax, %eax\n\txorl %ecx, %ecx\n\tmwait")
DEED(load_kernel_data, "movw $0x10, %ax\n\tmovw %ax, %ss")
DEED(load_beyond_table, "movw $0xfff8, %ax\n\tmovw %ax, %ds")
DEED(return_to_kernel_code,
     "pushq $0x10\n\tpushq %rsp\n\tpushq $0x202\n\tpushq $0x08\n\tpushq $0x200000\n\tiretq")

/* ---- interrupts, traps, arithmetic ----------------------------------------------------------- */

DEED(call_timer_vector, "int $0x20")
DEED(call_doorbell_vector, "int $0x21")
DEED(call_fault_vector, "int $0x0e")
DEED(call_nmi_vector, "int $2")
DEED(call_old_system_vector, "int $0x80")
DEED(breakpoint, "int3")
DEED(trap_each_step, "pushfq\n\torq $0x100, (%rsp)\n\tpopfq\n\tnop\n\tnop")
DEED(trap_into_system_call,
     "pushfq\n\torq $0x100, (%rsp)\n\tpopfq\n\txorl %eax, %eax\n\tsyscall\n\tnop")
DEED(invalid_instruction, "ud2")
DEED(locked_register, ".byte 0xf0, 0x90") /* lock nop */
DEED(divide_by_zero, "xorl %ecx, %ecx\n\txorl %edx, %edx\n\tmovl $1, %eax\n\tdivl %ecx")
DEED(divide_overflow, "movl $-1, %ecx\n\tmovl $0x80000000, %eax\n\tcltd\n\tidivl %ecx")

/* `syscall` as the last bytes of user space: the kernel returns to the first address behind it. */
static void system_call_at_the_edge(void)
{
    static const uint8_t code[4] = {0x31, 0xc0, 0x0f, 0x05}; /* xor eax, eax; syscall */
    uint64_t memory;
    if (weft_memory_create(1, &memory) == STATUS_OK &&
        weft_memory_write(memory, 4092, (uint64_t)code, 4) == STATUS_OK &&
        weft_memory_map(HANDLE_SELF, memory, USER_TOP - 4096, 0, 1, RIGHT_READ | RIGHT_EXECUTE) ==
            STATUS_OK) {
        jump_to(USER_TOP - 4);
    }
}

struct deed {
    const char *name;
    void (*commit)(void);
    unsigned vector;
};

#define D(name, vector)                                                                            \
    {                                                                                              \
#name, name, vector                                                                        \
    }
static const struct deed deeds[] = {
    D(read_kernel_image, VECTOR_PAGE),
    D(read_kernel_memory, VECTOR_PAGE),
    D(read_devices, VECTOR_PAGE),
    D(read_last_byte, VECTOR_PAGE),
    D(read_null, VECTOR_PAGE),
    D(read_not_canonical, VECTOR_PROTECTION),
    D(write_kernel_image, VECTOR_PAGE),
    D(write_kernel_memory, VECTOR_PAGE),
    D(write_own_code, VECTOR_PAGE),
    D(write_own_constants, VECTOR_PAGE),
    D(write_startup_page, VECTOR_PAGE),
    D(read_stack_guard, VECTOR_PAGE),
    D(run_stack, VECTOR_PAGE),
    D(run_data, VECTOR_PAGE),
    D(run_constants, VECTOR_PAGE),
    D(run_kernel, VECTOR_PAGE),
    D(run_nothing, VECTOR_PAGE),
    D(run_null, VECTOR_PAGE),
    D(run_not_canonical, VECTOR_PROTECTION),
    D(overflow_stack, VECTOR_PAGE),
    D(push_on_kernel, VECTOR_PAGE),
    D(copy_into_kernel, VECTOR_PAGE),
    D(halt, VECTOR_PROTECTION),
    D(disable_interrupts, VECTOR_PROTECTION),
    D(enable_interrupts, VECTOR_PROTECTION),
    D(read_port, VECTOR_PROTECTION),
    D(write_port, VECTOR_PROTECTION),
    D(read_control_register, VECTOR_PROTECTION),
    D(write_control_register, VECTOR_PROTECTION),
    D(write_debug_register, VECTOR_PROTECTION),
    D(read_model_register, VECTOR_PROTECTION),
    D(write_model_register, VECTOR_PROTECTION),
    D(load_descriptors, VECTOR_PROTECTION),
    D(load_vectors, VECTOR_PROTECTION),
    D(load_task, VECTOR_PROTECTION),
    D(flush_translation, VECTOR_PROTECTION),
    D(flush_caches, VECTOR_PROTECTION),
    D(swap_gs, VECTOR_PROTECTION),
    D(clear_task_switched, VECTOR_PROTECTION),
    D(return_from_system_call, VECTOR_PROTECTION),
    D(enter_by_sysenter, VECTOR_ANY),
    D(read_counter, VECTOR_ANY),
    D(wait_for_memory, VECTOR_ANY),
    D(load_kernel_data, VECTOR_PROTECTION),
    D(load_beyond_table, VECTOR_PROTECTION),
    D(return_to_kernel_code, VECTOR_ANY), /* 13; an emulator that pops as supervisor: 14 */
    D(call_timer_vector, VECTOR_PROTECTION),
    D(call_doorbell_vector, VECTOR_PROTECTION),
    D(call_fault_vector, VECTOR_PROTECTION),
    D(call_nmi_vector, VECTOR_PROTECTION),
    D(call_old_system_vector, VECTOR_PROTECTION),
    D(breakpoint,
      VECTOR_ANY), /* allowed to programs, or not: it is this program's end either way */
    D(trap_each_step, VECTOR_DEBUG),
    D(trap_into_system_call, VECTOR_DEBUG),
    D(invalid_instruction, VECTOR_INVALID),
    D(locked_register, VECTOR_INVALID),
    D(divide_by_zero, VECTOR_DIVIDE),
    D(divide_overflow, VECTOR_DIVIDE),
    D(system_call_at_the_edge, VECTOR_PAGE),
};
#undef D

/* ---- odd states in which a system call must work all the same --------------------------------- */

/* Calls `null` with the flags and segment registers in a state that no compiler makes; returns the
 * status. */
static status_t call_in_odd_state(unsigned state)
{
    status_t status = -1;
    switch (state) {
    case 0: /* direction flag */
        __asm__ volatile("std\n\tsyscall\n\tcld"
                         : "=a"(status)
                         : "0"(0ull)
                         : "rcx", "r11", "rdx", "memory");
        break;
    case 1: /* alignment check */
        __asm__ volatile("pushfq\n\torq $0x40000, (%%rsp)\n\tpopfq\n\tsyscall\n\t"
                         "pushfq\n\tandq $~0x40000, (%%rsp)\n\tpopfq"
                         : "=a"(status)
                         : "0"(0ull)
                         : "rcx", "r11", "rdx", "memory");
        break;
    case 2: /* no stack */
        __asm__ volatile("movq %%rsp, %%rbx\n\txorl %%esp, %%esp\n\tsyscall\n\tmovq %%rbx, %%rsp"
                         : "=a"(status)
                         : "0"(0ull)
                         : "rcx", "r11", "rdx", "rbx", "memory");
        break;
    case 3: /* a stack pointer into the kernel */
        __asm__ volatile("movq %%rsp, %%rbx\n\tmovq %2, %%rsp\n\tsyscall\n\tmovq %%rbx, %%rsp"
                         : "=a"(status)
                         : "0"(0ull), "r"(KERNEL_IMAGE)
                         : "rcx", "r11", "rdx", "rbx", "memory");
        break;
    case 4: /* segment registers without a segment */
        __asm__ volatile(
            "xorl %%ecx, %%ecx\n\tmovw %%cx, %%fs\n\tmovw %%cx, %%gs\n\tmovw %%cx, %%ds\n\t"
            "movw %%cx, %%es\n\tsyscall"
            : "=a"(status)
            : "0"(0ull)
            : "rcx", "r11", "rdx", "memory");
        break;
    case 5: /* segment registers with the user's segment */
        __asm__ volatile(
            "movl $0x1b, %%ecx\n\tmovw %%cx, %%fs\n\tmovw %%cx, %%gs\n\tmovw %%cx, %%ds\n\t"
            "movw %%cx, %%es\n\tsyscall"
            : "=a"(status)
            : "0"(0ull)
            : "rcx", "r11", "rdx", "memory");
        break;
    case 6: /* nested task flag, and the user's flags in arithmetic disorder */
        __asm__ volatile(
            "pushfq\n\torq $0x4cd5, (%%rsp)\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\tsyscall\n\t"
            "pushfq\n\tandq $~0x4400, (%%rsp)\n\tpopfq"
            : "=a"(status)
            : "0"(0ull)
            : "rcx", "r11", "rdx", "memory");
        break;
    default:
        break;
    }
    return status;
}
#define ODD_STATES 7
