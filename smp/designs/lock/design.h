/* SPDX-License-Identifier: Apache-2.0
 *
 * A design to compare with: one lock around the kernel. See lock.c, and smp/designs/mailbox/design.h for
 * what each name means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mail;

struct design_mail {
    uint32_t to; /* for whom the sender will do what is to be done */
};

void lock_enter(void);
void lock_leave(void);
bool lock_carries(struct mail *mail, uint32_t cpu);
void lock_doorbell(void);
void lock_halt(void);
bool lock_away(void);
void lock_timer_arm(uint64_t deadline);

#define design_enter() lock_enter()
#define design_leave() lock_leave()

#define design_carries(mail, cpu) lock_carries(mail, cpu)
#define design_sent(cpu) ((void)0)
#define design_doorbell() lock_doorbell()
#define design_take(mailbox) mailbox_queue_take(mailbox)

/* Relaxed: a glance; it looks again with the lock. */
#define design_has_work() (load_relaxed(&arch_this_cpu()->queue.ready) != 0)
#define design_halt() lock_halt()

#define design_away() lock_away()
#define design_timer_arm(deadline) lock_timer_arm(deadline)
