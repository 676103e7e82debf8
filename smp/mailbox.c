/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending and receiving mail; the header is the manual, smp/mailbox_queue.h has the theory.
 */
#include "smp/mailbox.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define AGAIN_PAUSE_US 40u

void mail_send(struct mail *mail, cpu_t cpu)
{
    trace_mailbox_push(cpu, mail->id, mail->travel);
    SCHED_POINT();
    switch (mailbox_queue_push(&cpu_table[cpu]->mailbox, &mail->node)) {
    case MAILBOX_WAS_EMPTY:
        SCHED_POINT();
        percpu(statistics.doorbells_sent)++;
        trace_doorbell_send(cpu);
        arch_doorbell_send(cpu);
        break;
    case MAILBOX_WAS_POLLING:
        percpu(statistics.doorbells_elided)++;
        trace_doorbell_elide(cpu, 0);
        break;
    case MAILBOX_HAD_NODES:
        percpu(statistics.doorbells_elided)++;
        trace_doorbell_elide(cpu, 1);
        break;
    }
}

void mail_again(struct mail *mail)
{
    struct again *again = &arch_this_cpu()->again;

    if (current()->idle && percpu(queue).ready == 0) {
        /* Without a doorbell: the idle loop looks before it halts, and rings before it runs somebody. */
        trace_mailbox_push((uint8_t)percpu(id), mail->id, mail->travel);
        (void)mailbox_queue_push(&arch_this_cpu()->mailbox, &mail->node);
        trace_doorbell_elide((uint8_t)percpu(id), 0);
        return;
    }
    mail->node.next = NULL;
    if (again->first == NULL) {
        again->first = mail;
        timer_set_again(arch_cycles() + arch_clock_hz / 1000000 * AGAIN_PAUSE_US);
    } else {
        again->last->node.next = &mail->node;
    }
    again->last = mail;
}

void mail_again_due(void)
{
    struct again *again = &arch_this_cpu()->again;
    struct mail *mail = again->first;
    struct mailbox_node *next = mail->node.next;

    again->first = next != NULL ? container_of(next, struct mail, node) : NULL;
    if (next != NULL) {
        timer_set_again(arch_cycles() + arch_clock_hz / 1000000 * AGAIN_PAUSE_US);
    }
    mail_send(mail, percpu(id));
}

void mailbox_drain(void)
{
    struct mailbox_node *node;

    SCHED_POINT();
    node = mailbox_queue_take(&arch_this_cpu()->mailbox);
    while (node != NULL) {
        struct mail *mail = container_of(node, struct mail, node);

        node = node->next; /* before the handler, which may send it on or free it */
        trace_mailbox_take(mail->id, mail->travel);
        mail->arrive(mail);
    }
}

void doorbell_received(void)
{
    trace_doorbell_receive();
    mailbox_drain();
}
