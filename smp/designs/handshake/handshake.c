/* SPDX-License-Identifier: Apache-2.0
 *
 * A design to compare with: a synchronous handshake, in the manner of Fiasco's cross-CPU requests (DRQs).
 *
 * Theory of operation
 *
 * 1. Motivation. With a mailbox, who sends does not know when the other CPU will look. Here it does: when
 *    mail_send() returns, the other CPU has taken the mail and owns what it carries.
 * 2. Mail is pushed, and the doorbell rung, as by default (with `doorbell=always` at each push, as
 *    Fiasco does). Then the sender waits, with interrupts off, until the receiver has acknowledged.
 * 3. What is acknowledged: that the mail was taken out of the mailbox. Not that it was acted upon: that
 *    needs a receiver whose kernel is at rest, and it may itself be waiting for somebody.
 * 4. Two that send to each other would wait for ever, so who waits takes its own mail meanwhile,
 *    acknowledges it, and holds it. It runs the handlers of what it holds as soon as its kernel is at rest,
 *    before those of later mail. There a doorbell is pending or it is idle, so it does not forget.
 * 5. Mail to oneself needs no acknowledgement.
 *
 * How near that is to Fiasco. There a thread that sends a request (Context::drq) sleeps until the other CPU has
 * executed it and replied, and its CPU runs others meanwhile. Here the CPU waits, not for as long: until the
 * mail is taken. So the price differs in kind (a CPU's time, not a thread switch), and what is compared is
 * the synchronous doorbell, not Fiasco.
 */
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define HANDSHAKE_NOBODY (~0u)

static struct handshake {
    uint32_t waits;             /* (A) 1: it has sent, and was not acknowledged yet */
    struct mailbox_node *first; /* (O) taken and acknowledged, not yet acted upon */
    struct mailbox_node *last;  /* (O) if there is a first */
} __attribute__((aligned(CACHE_LINE))) handshakes[CPU_MAX];

bool handshake_begin(struct mail *mail, uint32_t cpu)
{
    cpu_t here = percpu(id);

    mail->design.from = HANDSHAKE_NOBODY;
    if (cpu != here) {
        mail->design.from = here;
        store_relaxed(&handshakes[here].waits, 1); /* Relaxed: released with the push. */
    }
    return false;
}

/* Takes all mail and acknowledges it; from there on each sender goes on. */
static void accept(struct mailbox_queue *mailbox)
{
    struct mailbox_node *node = mailbox_queue_take(mailbox);
    struct handshake *self = &handshakes[percpu(id)];

    if (self->first == NULL) {
        self->first = node;
    } else {
        self->last->next = node;
    }
    for (; node != NULL; node = node->next) {
        cpu_t from = container_of(node, struct mail, node)->design.from;

        self->last = node;
        if (from != HANDSHAKE_NOBODY) {
            /* [handshake.taken] release: the mail is out of the box. Pairs with [handshake.wait]. */
            store_release(&handshakes[from].waits, 0);
        }
    }
}

void handshake_wait(uint32_t cpu)
{
    struct mailbox_queue *mailbox = &arch_this_cpu()->mailbox;
    cpu_t here = percpu(id);
    cycles_t start = arch_cycles();

    if (cpu == here) {
        return;
    }
    /* [handshake.wait] acquire: what follows here follows the take. Pairs with [handshake.taken]. */
    while (load_acquire(&handshakes[here].waits) != 0) {
        if (mailbox_queue_has_nodes(mailbox)) {
            accept(mailbox);
        }
        arch_pause();
    }
    SCHED_POINT();
    trace_crossing(TRACE_CROSSING_ACKNOWLEDGE, (uint32_t)(arch_cycles() - start), cpu);
}

struct mailbox_node *handshake_take(struct mailbox_queue *mailbox)
{
    struct handshake *self = &handshakes[percpu(id)];
    struct mailbox_node *first;

    accept(mailbox);
    first = self->first;
    self->first = NULL;
    return first;
}

bool handshake_holds_mail(void)
{
    return handshakes[percpu(id)].first != NULL;
}
