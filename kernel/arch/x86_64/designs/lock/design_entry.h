/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's edges with one lock around it; see smp/designs/lock/lock.c.
 */
#define DESIGN_INTERRUPT lock_interrupt /* of the idle loop, which does not hold the lock */

        .macro  design_enter
        movl    $1, %r11d
        lock xaddl %r11d, lock_next(%rip)       # r11: our ticket
        cmpl    %r11d, lock_serves(%rip)        # [lock.take] acquire: loads are not reordered
        je      .Lentered\@
        pushq   %rdi
        movl    %r11d, %edi
        callq   lock_wait                       # keeps all registers but r11
        popq    %rdi
.Lentered\@:
        .endm

        .macro  design_at_rest                  # rsp: the frame of who goes on, rax: its status
        cmpq    $0, lock_mail(%rip)
        je      .Lat_rest\@
        movq    %rax, FRAME_rax(%rsp)
        movq    %gs:CPU_STACK_TOP, %rsp
        callq   lock_rest_and_go_on
        jmp     arch_return_to_user
.Lat_rest\@:
        .endm

        .macro  design_leave
        incl    lock_serves(%rip)               # [lock.drop] release: stores are not reordered
        .endm
