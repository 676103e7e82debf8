/* SPDX-License-Identifier: Apache-2.0
 *
 * A design to compare with: who sends mail waits until the other CPU has taken it. See handshake.c, and
 * smp/designs/mailbox/design.h for what each name means.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mail;
struct mailbox_node;
struct mailbox_queue;

struct design_mail {
    uint32_t from; /* who waits for its being taken; HANDSHAKE_NOBODY */
};

bool handshake_begin(struct mail *mail, uint32_t cpu); /* false: it goes through the mailbox */
void handshake_wait(uint32_t cpu);
struct mailbox_node *handshake_take(struct mailbox_queue *mailbox);
bool handshake_holds_mail(void);

#define design_enter() ((void)0)
#define design_leave() ((void)0)

#define design_carries(mail, cpu) handshake_begin(mail, cpu)
#define design_sent(cpu) handshake_wait(cpu)
#define design_doorbell() ((void)0)
#define design_take(mailbox) handshake_take(mailbox)

#define design_has_work() handshake_holds_mail()
#define design_halt() arch_halt()

#define design_away() false
#define design_timer_arm(deadline) arch_timer_arm(deadline)
