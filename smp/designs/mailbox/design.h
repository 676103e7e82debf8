/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam of the cross-core path, and the default design at it: mailboxes and nothing else.
 *
 * configure.py chooses one folder of smp/designs (and of kernel/arch/<arch>/designs) for a kernel. Each
 * has this header with the same names; the others are for comparison (docs/designs.md). In this one they
 * are nothing, and the compiler leaves nothing of them.
 */
#pragma once

/* What a design keeps in each struct mail. */
struct design_mail {
};

/* The kernel is entered and left other than by entry.S: at boot, and by the idle loop while it waits. */
#define design_enter() ((void)0)
#define design_leave() ((void)0)

/* Does the design carry this mail to that CPU by itself? Then it will call mail->arrive for it. */
#define design_carries(mail, cpu) false
/* Mail was pushed, and the doorbell rung if it had to be. */
#define design_sent(cpu) ((void)0)
/* A doorbell has come. */
#define design_doorbell() ((void)0)
/* All that has come, oldest first. */
#define design_take(mailbox) mailbox_queue_take(mailbox)

/* An idle CPU: has it something to do that does not lie in its mailbox? And how it halts. */
#define design_has_work() false
#define design_halt() arch_halt()

/* Does this path work for another CPU than the one that executes it? Then not everything can be done. */
#define design_away() false
/* The timer of the CPU that it works for. */
#define design_timer_arm(deadline) arch_timer_arm(deadline)
