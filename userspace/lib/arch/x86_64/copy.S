/* SPDX-License-Identifier: Apache-2.0
 *
 * weft_copy (weft/string.h): eight bytes at a time by the string instruction, which processors carry out in whole
 * cache lines, and which an emulator counts as one instruction for eight bytes.
 */
    .section .text.weft_copy, "ax", @progbits
    .globl weft_copy
    .type weft_copy, @function
weft_copy:                      # rdi to, rsi from, rdx length
    mov %rdi, %rax
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
    ret
    .size weft_copy, . - weft_copy
    .section .note.GNU-stack, "", @progbits
