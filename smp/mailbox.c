/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending and receiving mail; the header is the manual, smp/mailbox_queue.h has the theory.
 */
#include "smp/mailbox.h"

#include "kernel/cpu.h"
#include "kernel/options.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define AGAIN_PAUSE_US 40u

void mail_send(struct mail *mail, cpu_t cpu)
{
    struct mailbox_node *found;

    trace_mailbox_push(cpu, mail->id, mail->travel);
    SCHED_POINT();
    if (design_carries(mail, cpu)) {
        return;
    }
    found = mailbox_queue_push(&cpu_table[cpu]->mailbox, &mail->node);
    if ((uint64_t)found > options.rings_up_to) {
        percpu(statistics.doorbells_elided)++;
        trace_doorbell_elide(cpu, found != MAILBOX_POLLING);
    } else {
        SCHED_POINT();
        percpu(statistics.doorbells_sent)++;
        trace_doorbell_send(cpu, 0);
        arch_doorbell_send(cpu);
    }
    design_sent(cpu);
}

static void pause_over(struct timeout *pause);

static void pause_begin(struct again *again)
{
    timer_set(&again->pause, arch_cycles() + arch_clock_hz / 1000000 * AGAIN_PAUSE_US, pause_over);
}

/* Sends what waited longest. */
static void pause_over(struct timeout *pause)
{
    struct again *again = container_of(pause, struct again, pause);
    struct mail *mail = container_of(again->first, struct mail, node);

    again->first = mail->node.next;
    if (again->first != NULL) {
        pause_begin(again);
    }
    mail_send(mail, percpu(id));
}

void mail_again(struct mail *mail)
{
    struct again *again = &arch_this_cpu()->again;

    if (current()->idle && percpu(queue).ready == 0) {
        mail_send(mail, percpu(id));
        return;
    }
    mail->node.next = NULL;
    if (again->first == NULL) {
        again->first = &mail->node;
        pause_begin(again);
    } else {
        again->last->next = &mail->node;
    }
    again->last = &mail->node;
}

void mailbox_drain(void)
{
    struct mailbox_node *node;

    SCHED_POINT();
    node = design_take(&arch_this_cpu()->mailbox);
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
    design_doorbell();
    mailbox_drain();
}
