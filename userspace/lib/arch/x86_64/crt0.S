/* SPDX-License-Identifier: Apache-2.0
 *
 * Where threads begin. The kernel enters with rdi = the argument of thread_create, rsp = its stack
 * pointer (a multiple of 16), and zero in all other registers. The return address that `call`
 * pushes gives the stack the alignment that C functions expect at their entry; it is never used.
 */
    .section .text._start, "ax", @progbits
    .globl _start
_start:                         /* first thread          rdi = startup page */
    xorl %ebp, %ebp             /* ends frame-pointer walks */
    call weft_start
    ud2

    .section .text.weft_thread_entry, "ax", @progbits
    .globl weft_thread_entry
weft_thread_entry:              /* weft_thread_start()   rdi = its struct weft_thread */
    xorl %ebp, %ebp
    call weft_thread_main
    ud2

    .section .note.GNU-stack, "", @progbits
