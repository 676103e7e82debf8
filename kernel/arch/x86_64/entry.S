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
#include "weft/abi.h"

/* The general registers, in the order of struct arch_frame. */
        .macro  push_registers
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        pushq   %rax
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        .endm

        .macro  pop_registers
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rax
        popq    %rcx
        popq    %rdx
        popq    %rsi
        popq    %rdi
        .endm

        .text

/* ---- system calls ------------------------------------------------------------------------------ */

        .globl  syscall_entry
        .type   syscall_entry, @function
        .balign 64
syscall_entry:
        swapgs
        movq    %rsp, %gs:CPU_USER_RSP
        movq    %gs:CPU_CURRENT, %rsp           # rsp: the caller's struct thread = its frame
        movq    %rcx, FRAME_RIP(%rsp)           # rcx: where user code goes on
        movq    %r11, FRAME_RFLAGS(%rsp)        # r11: its flags
        movq    %gs:CPU_USER_RSP, %rcx          # rcx: its stack pointer
        movq    %rcx, FRAME_RSP(%rsp)
        movq    %rbx, FRAME_RBX(%rsp)
        movq    %rbp, FRAME_RBP(%rsp)
        movq    %r12, FRAME_R12(%rsp)
        movq    %r13, FRAME_R13(%rsp)
        movq    %r14, FRAME_R14(%rsp)
        movq    %r15, FRAME_R15(%rsp)
        movq    %rdi, FRAME_RDI(%rsp)           # arguments: a call may go on elsewhere or later
        movq    %rsi, FRAME_RSI(%rsp)
        movq    %rdx, FRAME_RDX(%rsp)
        movq    %r10, FRAME_R10(%rsp)
        movq    %r8, FRAME_R8(%rsp)
        movq    %r9, FRAME_R9(%rsp)
        movq    $1, FRAME_BY_SYSCALL(%rsp)
        movq    %gs:CPU_STACK_TOP, %rsp         # rsp: the CPU's empty kernel stack
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
        cmpb    $0, FRAME_BY_SYSCALL(%rsp)
        je      .Lreturn_by_iret_status
.Lreturn_by_sysret:
#if CONFIG_TRACE
        testb   $2, FRAME_BY_SYSCALL(%rsp)      # its entry was recorded: so is its exit
        jnz     .Ltraced_return
.Lrestore:
#endif
        movq    FRAME_RIP(%rsp), %rcx
        movq    FRAME_RFLAGS(%rsp), %r11
        movq    FRAME_RBX(%rsp), %rbx
        movq    FRAME_RBP(%rsp), %rbp
        movq    FRAME_R12(%rsp), %r12
        movq    FRAME_R13(%rsp), %r13
        movq    FRAME_R14(%rsp), %r14
        movq    FRAME_R15(%rsp), %r15
        movq    FRAME_RDI(%rsp), %rdi
        movq    FRAME_RSI(%rsp), %rsi
        movq    FRAME_RDX(%rsp), %rdx
        movq    FRAME_R10(%rsp), %r10
        movq    FRAME_R8(%rsp), %r8
        movq    FRAME_R9(%rsp), %r9
        movq    FRAME_RSP(%rsp), %rsp           # rsp: the user's; no interrupt can come before sysret
        swapgs
        sysretq

.Lbad_syscall:
        movq    $BAD_SYSCALL_STATUS, %rax
        jmp     .Lsyscall_done

#if CONFIG_TRACE
.Ltraced_syscall:
        movq    %rax, %rbx                      # rbx: number; C keeps it (the user's is saved)
        shlq    $8, %rax
        orq     $3, %rax
        movq    %gs:CPU_CURRENT, %rcx
        movq    %rax, FRAME_BY_SYSCALL(%rcx)    # number << 8 | recorded | by syscall
        movq    %rbx, %rdi
        callq   syscall_trace_entry
        movq    %gs:CPU_CURRENT, %rcx           # rcx: the caller's frame, to get arguments back
        movq    FRAME_RDI(%rcx), %rdi
        movq    FRAME_RSI(%rcx), %rsi
        movq    FRAME_RDX(%rcx), %rdx
        movq    FRAME_R8(%rcx), %r8
        movq    FRAME_R9(%rcx), %r9
        movq    FRAME_R10(%rcx), %rcx
        callq   *syscall_handlers(,%rbx,8)
        jmp     .Lsyscall_done

.Ltraced_return:                                # rsp: frame, rax: status
        movq    FRAME_BY_SYSCALL(%rsp), %rsi
        movq    $1, FRAME_BY_SYSCALL(%rsp)
        shrq    $8, %rsi                        # rsi: number
        movq    %rax, %rdi
        movq    %gs:CPU_STACK_TOP, %rsp
        callq   syscall_trace_exit              # gives the status back
        movq    %gs:CPU_CURRENT, %rsp
        jmp     .Lrestore
#endif

/* ---- the way out -------------------------------------------------------------------------------- */

        .globl  arch_return_to_user
        .type   arch_return_to_user, @function
arch_return_to_user:
        movq    %gs:CPU_CURRENT, %rsp           # rsp: the frame of the thread to go on
        movq    FRAME_RAX(%rsp), %rax
        cmpb    $0, FRAME_BY_SYSCALL(%rsp)
        jne     .Lreturn_by_sysret
        jmp     .Lreturn_by_iret

.Lreturn_by_iret_status:
        movq    %rax, FRAME_RAX(%rsp)
.Lreturn_by_iret:                               # all registers count
        pop_registers
        addq    $16, %rsp                       # by_syscall and error
        swapgs
        iretq

        .globl  arch_restart_stack
        .type   arch_restart_stack, @function
arch_restart_stack:                             # rdi: function that never returns
        movq    %gs:CPU_STACK_TOP, %rsp
        xorl    %ebp, %ebp                      # the call chain ends here
        pushq   $0
        jmpq    *%rdi

/* ---- interrupts and exceptions ------------------------------------------------------------------ */

        /* One stub per vector, 16 bytes apart: leaves error code and vector on the stack. */
        .balign 16
stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        /* These exceptions push an error code themselves. */
        .if     !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
        pushq   $0
        .endif
        pushq   $vector
        .if     vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_MACHINE_CHECK
        jmp     special_entry
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
        push_registers                          # into the current thread's frame: rsp0 points there
        movq    FRAME_BY_SYSCALL(%rsp), %rdi    # rdi: vector
        movq    %rsp, %rsi                      # rsi: the frame
        movq    $0, FRAME_BY_SYSCALL(%rsp)
        movq    %gs:CPU_STACK_TOP, %rsp
        xorl    %ebp, %ebp
        testl   $RFLAGS_AC_BIT, FRAME_RFLAGS(%rsi)
        jnz     .Lclear_ac                      # the user's AC would switch SMAP off
.Lac_is_clear:
        cld
        callq   user_event                      # C: kernel/arch/x86_64/event.c
        jmp     arch_return_to_user

.Lclear_ac:
        pushfq
        andl    $~RFLAGS_AC_BIT, (%rsp)
        popfq
        jmp     .Lac_is_clear

kernel_event:                                   # on the kernel's stack
        cmpq    $32, (%rsp)
        jb      kernel_exception
        /* An interrupt inside arch_halt(): C may use all but the callee-saved registers. */
        pushq   %rdi
        pushq   %rsi
        pushq   %rdx
        pushq   %rcx
        pushq   %rax
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        movq    72(%rsp), %rdi                  # rdi: vector
        cld
        callq   kernel_interrupt                # C: kernel/arch/x86_64/event.c
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rax
        popq    %rcx
        popq    %rdx
        popq    %rsi
        popq    %rdi
        addq    $16, %rsp
        iretq

kernel_exception:
        push_registers
        movq    %rsp, %rdi                      # rdi: struct x86_exception_frame
        cld
        callq   x86_kernel_exception            # does not return

/* Non-maskable and fatal events, on stacks of their own, from anywhere: GS may be either. */
special_entry:
        push_registers
        movq    %rsp, %rdi                      # rdi: struct x86_exception_frame
        cld
        cmpq    $VECTOR_NMI, FRAME_BY_SYSCALL(%rsp)
        je      1f
        testb   $3, FRAME_CS(%rsp)
        jz      2f
        swapgs
2:      callq   x86_kernel_exception            # does not return
1:      callq   x86_nmi                         # back: as it was, without touching GS
        pop_registers
        addq    $16, %rsp
        iretq

        .section .rodata
        .globl  vector_stubs
        .balign 8
vector_stubs:
        .set    vector, 0
        .rept   256
        .quad   stubs + vector * 16
        .set    vector, vector + 1
        .endr

        .section .note.GNU-stack, "", @progbits
