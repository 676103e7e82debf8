/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways into the kernel and out of it: system calls, interrupts, exceptions.
 *
 * Each thread's struct thread begins with its register frame. From user mode, registers are saved
 * straight into the frame of the current thread, then the CPU's one kernel stack is used from its top:
 * it holds nothing between two entries. The way out restores whatever thread is current by then; so
 * switching threads is no more than changing percpu(current).
 *
 *   syscall_entry       system call. The hardware saved rip in rcx and rflags in r11.
 *   vector_stubs        table of 256 entry points for the IDT.
 *   arch_return_to_user the way out.
 *   arch_restart_stack  calls a function on an empty kernel stack.
 *
 * GS: user's in user mode, the struct cpu in the kernel; swapgs on each crossing, none for events that
 * interrupt the kernel. Interrupts are off everywhere in here.
 */
#include "arch/layout.h"
#include "arch/offsets.h"
#include "design_entry.inc"
#include "weft/abi.h"

/* The general registers in the order of struct arch_frame: those that C keeps, those that it may change. */
#define KEPT_REGISTERS r15, r14, r13, r12, rbp, rbx
#define FREE_REGISTERS r11, rcx, rax, rdi, rsi, rdx, r10, r8, r9
#define ALL_REGISTERS KEPT_REGISTERS, FREE_REGISTERS
/* What a system call keeps: rax brings its number, rcx and r11 lie in the frame as rip and rflags. */
#define CALLER_REGISTERS rbx, rbp, r12, r13, r14, r15, rdi, rsi, rdx, r10, r8, r9

        .set    offset, 0
        .irp    register, ALL_REGISTERS
        .set    FRAME_\register, offset
        .set    offset, offset + 8
        .endr
        .if     offset != FRAME_VECTOR
        .error  "struct arch_frame has another order"
        .endif

/* Registers to and from the frame at rsp. */
        .macro  save registers:vararg
        .irp    register, \registers
        movq    %\register, FRAME_\register(%rsp)
        .endr
        .endm

        .macro  restore registers:vararg
        .irp    register, \registers
        movq    FRAME_\register(%rsp), %\register
        .endr
        .endm

        .text

/* ---- system calls ------------------------------------------------------------------------------ */

        .globl  syscall_entry
        .balign 64
syscall_entry:
        swapgs
        movq    %rsp, %gs:CPU_USER_RSP
        movq    %gs:CPU_CURRENT, %rsp           # rsp: the caller's struct thread = its frame
        movq    %rcx, FRAME_RIP(%rsp)           # rcx: where user code goes on
        movq    %r11, FRAME_RFLAGS(%rsp)        # r11: its flags
        movq    %gs:CPU_USER_RSP, %rcx          # rcx: its stack pointer
        movq    %rcx, FRAME_RSP(%rsp)
        save    CALLER_REGISTERS                # arguments too: a call may go on elsewhere or later
        movq    $1, FRAME_BY_SYSCALL(%rsp)
        movq    %gs:CPU_STACK_TOP, %rsp         # rsp: the CPU's empty kernel stack
        design_enter
        cmpq    $SYSCALL_COUNT, %rax            # rax: number of the system call
        jae     .Lbad_syscall
        movq    %r10, %rcx                      # the C convention's fourth argument
#if CONFIG_TRACE
        testb   $TRACE_SYSCALL_BIT, %gs:CPU_TRACE_MASK
        jnz     .Ltraced_syscall
#endif
        callq   *syscall_handlers(,%rax,8)
.Lsyscall_done:                                 # rax: status for whoever is current now
        movq    %gs:CPU_CURRENT, %rsp           # rsp: the frame of the thread to go on
        design_at_rest
        cmpb    $0, FRAME_BY_SYSCALL(%rsp)
        je      .Lreturn_by_iret_status
.Lreturn_by_sysret:
#if CONFIG_TRACE
        testb   $2, FRAME_BY_SYSCALL(%rsp)      # its entry was recorded: so is its exit
        jnz     .Ltraced_return
.Lrestore:
#endif
        design_leave
        movq    FRAME_RIP(%rsp), %rcx
        movq    FRAME_RFLAGS(%rsp), %r11
        restore CALLER_REGISTERS
        movq    FRAME_RSP(%rsp), %rsp           # rsp: the user's; no interrupt can come before sysret
        swapgs
        sysretq

.Lbad_syscall:
        movq    $BAD_SYSCALL_STATUS, %rax
        jmp     .Lsyscall_done

#if CONFIG_TRACE
        /* Writes a record of category syscall as TRACE_EMIT does. ebx: the number; rax, rdx, r11, r14 and
         * r15 are lost, of which only rax and rdx hold anything at this place. */
        .macro  trace_syscall event, thread, status
        movq    %gs:CPU_TRACE_RING, %r11        # r11: the record; `next` is the ring's first field
        rdtsc
        movl    %eax, 0(%r11)                   # time_low
        movw    %dx, 4(%r11)                    # time_high
        movb    $\event, 6(%r11)                # id
        movb    %bl, 7(%r11)                    # small
        movl    THREAD_ID(\thread), %eax
        movl    %eax, 8(%r11)                   # a
        movl    \status, 12(%r11)               # b
        addq    $16, %r11
        movq    %r11, %gs:CPU_TRACE_RING        # [trace.next] release: stores are seen in order
        testl   $(TRACE_PAGE_BYTES - 1), %r11d
        jnz     1f
        movq    %rsp, %r14
        movq    %rdi, %r15
        movq    %gs:CPU_STACK_TOP, %rsp
        movq    %gs:0, %rdi
        addq    $CPU_TRACE_RING, %rdi
        callq   trace_turn_page                 # keeps all registers but r11
        movq    %r15, %rdi
        movq    %r14, %rsp
1:
        .endm

.Ltraced_syscall:
        movl    %eax, %ebx
        movq    %rdx, %r13
        movq    %gs:CPU_CURRENT, %r12
        movb    $3, FRAME_BY_SYSCALL(%r12)      # recorded, by system call,
        movb    %al, (FRAME_BY_SYSCALL + 1)(%r12) # by this one
        trace_syscall TRACE_SYSCALL_ENTRY_ID, %r12, $0
        movq    %r13, %rdx
        callq   *syscall_handlers(,%rbx,8)
        jmp     .Lsyscall_done

.Ltraced_return:                                # rsp: frame, rax: status
        movq    %rax, %r13
        movzbl  (FRAME_BY_SYSCALL + 1)(%rsp), %ebx
        trace_syscall TRACE_SYSCALL_EXIT_ID, %rsp, %r13d
        movq    %r13, %rax
        jmp     .Lrestore
#endif

/* ---- the way out -------------------------------------------------------------------------------- */

        .globl  arch_return_to_user
arch_return_to_user:
        movq    %gs:CPU_CURRENT, %rsp           # rsp: the frame of the thread to go on
        movq    FRAME_rax(%rsp), %rax
        design_at_rest
        cmpb    $0, FRAME_BY_SYSCALL(%rsp)
        jne     .Lreturn_by_sysret
        jmp     .Lreturn_by_iret

.Lreturn_by_iret_status:
        movq    %rax, FRAME_rax(%rsp)
.Lreturn_by_iret:                               # all registers count
        design_leave
        restore ALL_REGISTERS
        addq    $FRAME_RIP, %rsp
        swapgs
        iretq

        .globl  arch_restart_stack
arch_restart_stack:                             # rdi: function that never returns
        movq    %gs:CPU_STACK_TOP, %rsp
        xorl    %ebp, %ebp                      # the call chain ends here
        pushq   $0
        jmpq    *%rdi

/* ---- interrupts and exceptions ------------------------------------------------------------------ */

        /* One stub per vector, 16 bytes apart: leaves error code and vector on the stack. */
        .globl  vector_stubs
        .balign 16
vector_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        /* These exceptions push an error code themselves. */
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        pushq   $0
        .endif
        pushq   $vector
        .if     vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK
        jmp     exception_entry
        .else
        jmp     event_entry
        .endif
        .set    vector, vector + 1
        .endr

        .balign 16
event_entry:
        testb   $3, 24(%rsp)                    # the interrupted cs: user mode?
        jz      kernel_event
        swapgs
        subq    $FRAME_VECTOR, %rsp             # rsp: the current thread's frame: rsp0 was its end
        save    ALL_REGISTERS
        movq    FRAME_VECTOR(%rsp), %rdi        # rdi: vector
        movq    %rsp, %rsi                      # rsi: the frame
        movq    $0, FRAME_BY_SYSCALL(%rsp)
        movq    %gs:CPU_STACK_TOP, %rsp
        xorl    %ebp, %ebp
        testl   $RFLAGS_AC_BIT, FRAME_RFLAGS(%rsi)
        jz      1f
        pushfq                                  # the user's AC would switch SMAP off
        andl    $~RFLAGS_AC_BIT, (%rsp)
        popfq
1:      cld
        design_enter
        callq   user_event                      # C: kernel/arch/x86_64/event.c
        jmp     arch_return_to_user

kernel_event:                                   # on the kernel's stack
        cmpq    $FIRST_INTERRUPT, (%rsp)
        jb      exception_entry
        subq    $FRAME_VECTOR, %rsp             # an interrupt inside arch_halt()
        save    FREE_REGISTERS
        movq    FRAME_VECTOR(%rsp), %rdi        # rdi: vector
        cld
        callq   DESIGN_INTERRUPT                # C: `interrupt` in kernel/arch/x86_64/event.c
        restore FREE_REGISTERS
        addq    $FRAME_RIP, %rsp
        iretq

/* Exceptions of the kernel; and non-maskable and fatal events, on stacks of their own, from anywhere: GS
 * may be the user's or the kernel's. */
exception_entry:
        subq    $FRAME_VECTOR, %rsp
        save    ALL_REGISTERS
        movq    %rsp, %rdi                      # rdi: struct arch_frame
        cld
        callq   x86_exception                   # comes back from an NMI that means nothing
        restore ALL_REGISTERS
        addq    $FRAME_RIP, %rsp
        iretq

        .section .note.GNU-stack, "", @progbits
