/* SPDX-License-Identifier: Apache-2.0
 *
 * uint64_t weft_vector_registers_differ(uint64_t seed, uint64_t number, uint64_t argument,
 *                                       uint64_t until)
 *
 * Puts seed + n into the low half of xmm<n>, for n = 0 .. 15, and ~(seed + n) into the high half;
 * makes the system call `number`(argument); spins until the clock reads at least `until`; and counts
 * the registers that do not hold their value any more. In assembly, so that no compiler uses the
 * registers meanwhile. Keeps what the C calling convention wants kept.
 */
    .section .text.weft_vector_registers_differ, "ax", @progbits
    .globl weft_vector_registers_differ
weft_vector_registers_differ:   /* rdi seed, rsi number, rdx argument, rcx until */
    movq %rcx, %r9              /* r9 = until */
    movq %rdx, %r8              /* r8 = argument */

    .macro fill register, index
    leaq \index(%rdi), %rax     /* low half */
    movq %rax, %xmm\register
    notq %rax                   /* high half */
    movq %rax, -16(%rsp)
    movhps -16(%rsp), %xmm\register
    .endm

    .macro compare register, index
    movups %xmm\register, -24(%rsp)
    leaq \index(%rdi), %rax
    movq %rax, %rdx
    notq %rdx
    cmpq %rax, -24(%rsp)
    jne 1f
    cmpq %rdx, -16(%rsp)
    je 2f
1:  incl %esi
2:
    .endm

    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    fill \n, \n
    .endr

    movq %rdi, %r10             /* r10 = seed */
    movq %r8, %rdi
    movl %esi, %eax
    syscall                     /* keeps all but rax, rdx, rcx, r11 */
    movq %r10, %rdi
    xorl %esi, %esi             /* rsi = registers that differ */

3:  pause                       /* others run when the time slice ends */
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    cmpq %r9, %rax
    jb 3b

    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    compare \n, \n
    .endr

    movl %esi, %eax
    ret

    .section .note.GNU-stack, "", @progbits
