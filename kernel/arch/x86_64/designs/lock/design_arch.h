/* SPDX-License-Identifier: Apache-2.0
 *
 * What the design `lock` needs of x86_64, and of its own functions what entry.S calls.
 */
#pragma once

#include "arch/platform.h"
#include "arch/registers.h"
#include "smp/mailbox.h"

/* Calls a function during which the kernel's accessors of this CPU's data (`self`) lead to another's. Stack,
 * processor and where interrupts arrive stay what they are. No compiler carries arch_this_cpu() in or out. */
static __attribute__((noinline)) void arch_in_place_of(struct cpu *other, struct cpu *self,
                                                       void (*function)(struct mail *mail),
                                                       struct mail *mail)
{
    msr_write(MSR_GS_BASE, (uint64_t)other);
    function(mail);
    msr_write(MSR_GS_BASE, (uint64_t)self);
}

/* Waits for the turn of a ticket; keeps all registers but r11. */
void lock_wait(uint32_t ticket) __attribute__((preserve_most, noinline));

/* The kernel is at rest: delivers what was noted. The second one may find somebody better to run. */
void lock_rest(void);
void lock_rest_and_go_on(void);

/* An interrupt of the idle loop, which does not hold the lock; and what handles it. */
void lock_interrupt(unsigned vector);
void interrupt(unsigned vector);
