/* SPDX-License-Identifier: Apache-2.0
 *
 * Mailboxes: the only way from one CPU to another.
 *
 * What crosses is an object with a struct mail inside: who sends it gives the object away. On arrival
 * the owner of the mailbox calls mail->arrive. Sending allocates nothing and cannot fail. A doorbell
 * (an interrupt) is rung only if the target would not look by itself; see smp/mailbox_queue.h.
 *
 * mailbox_drain() runs the handlers of everything that is there, in order of arrival. It is called
 * when the doorbell interrupts user code and from the idle loop: never in the middle of a kernel
 * path, so handlers find the kernel at rest.
 *
 * This is the seam at which other designs can be built in for comparison: docs/designs.md.
 */
#pragma once

#include "design.h"
#include "kernel/timer.h"
#include "smp/mailbox_queue.h"
#include "weft/trace_events.h"

struct mail {
    struct mailbox_node node;
    void (*arrive)(struct mail *mail); /* runs on the receiving CPU; the object is its own now */
    uint32_t id;                       /* of what travels, for the trace */
    uint8_t travel;                    /* enum trace_travel, why it travels */
    struct design_mail design;         /* nothing, in the default kernel */
};

/* Mail of this CPU to itself that waits until user code had its turn. (O) */
struct again {
    struct mailbox_node *first;
    struct mailbox_node *last; /* if there is a first */
    struct timeout pause;
};

/* Pushes `mail` to the mailbox of `cpu`, which may be this one (to go on later, after others had
 * their turn). From here on the receiver may do anything to the object that contains it. */
void mail_send(struct mail *mail, cpu_t cpu);

/* The same for a new purpose. */
static inline void mail_send_for(struct mail *mail, cpu_t cpu, enum trace_travel travel,
                                 void (*arrive)(struct mail *mail))
{
    mail->travel = (uint8_t)travel;
    mail->arrive = arrive;
    mail_send(mail, cpu);
}

/* For what goes on in pieces: the same to this CPU's own mailbox, at once if it is idle, otherwise after
 * user code had some 40 us to itself. So whatever takes long never takes a CPU from its threads
 * for more than a piece at a time. Other mail may overtake it meanwhile. */
void mail_again(struct mail *mail);

/* Runs the handlers of all that has arrived. */
void mailbox_drain(void);

/* The doorbell's interrupt handler. */
void doorbell_received(void);
