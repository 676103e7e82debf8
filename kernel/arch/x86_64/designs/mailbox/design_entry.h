/* SPDX-License-Identifier: Apache-2.0
 *
 * The default design at the kernel's edges, for entry.S: nothing. See smp/designs/mailbox/design.h.
 */
#define design_enter               /* the user's registers are saved; of ours, r11 may be lost */
#define design_at_rest             /* rsp: the frame of who goes on; rax: its status */
#define design_leave               /* the same, before its registers are restored */
#define DESIGN_INTERRUPT interrupt /* what handles interrupts of the kernel itself */
