/* SPDX-License-Identifier: Apache-2.0
 *
 * A design to compare with: a big lock around the kernel, as seL4 has it.
 *
 * Theory of operation
 *
 * 1. Motivation. With one lock, who holds it may touch everything: a message to another CPU's thread is
 *    delivered by the sender itself, and the other CPU needs an interrupt only if it shall run something
 *    else now.
 * 2. The lock. Every way into the kernel takes it, every way out drops it: in entry.S (design_entry.inc), and
 *    around the waiting of the idle loop. Tickets: first come, first served. (seL4 has a CLH queue, which
 *    differs in who looks at which cache line, not in who comes next.)
 * 3. What is delivered directly: calls, answers, signals. The sender notes the mail, and when its kernel
 *    is at rest (it is about to leave, or idle) it takes the place of the other CPU (GS is turned to that
 *    CPU's area) and calls mail->arrive. All other CPUs are at rest at that moment, as they do not hold
 *    the lock. What the handler sends on is noted as well.
 * 4. What must be done by the CPU itself, in mailboxes as by default: orders (their thread may be in
 *    that CPU's registers), TLB shootdowns, quiescence, creation and end, and all that is no message.
 * 5. In another CPU's place (`away`) two things cannot be done: arming its timer, which it does when it
 *    has been interrupted; and ending a thread or sending it elsewhere (its FPU may be there), so such a
 *    thread is sent home by mail. See design_away() in kernel/core/thread.c.
 * 6. Waking the other CPU. If it has something better to run, or a timer to arm, it is interrupted; not
 *    if it polls, as then it looks at its run queue; nor if an interrupt is on its way already.
 * 7. Trace. What a handler records goes to the ring of the CPU in whose place it is: there it belongs, and with
 *    the lock each ring still has one writer at a time, whose time stamps follow each other. The time for
 *    which the lock was waited for is recorded when it is over, and so is the work for another CPU.
 *
 * Limits: a panic names the CPU that was worked for.
 */
#include "design_arch.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/options.h"
#include "trace/kernel/trace.h"

/* Taken and dropped in design_entry.inc, too. */
uint32_t lock_next __attribute__((aligned(CACHE_LINE)));     /* (A) the next ticket */
uint32_t lock_serves __attribute__((aligned(CACHE_LINE)));   /* (A) whose turn it is */
struct mailbox_node *lock_mail __attribute__((aligned(64))); /* (lock) noted, the oldest first */

static struct mailbox_node **lock_mail_end = &lock_mail; /* (lock) */
static bool away;                                        /* (lock) */

static struct {
    bool rung;     /* it was interrupted, and has not looked yet */
    bool timer;    /* it must arm its timer */
} others[CPU_MAX]; /* (lock) */

/* ---- the lock ------------------------------------------------------------------------------------ */

void lock_wait(uint32_t ticket)
{
    cycles_t start = arch_cycles();

    /* [lock.take] acquire: what who had the lock before has done. Pairs with [lock.drop]. */
    while (load_acquire(&lock_serves) != ticket) {
        arch_pause();
    }
    trace_crossing(TRACE_CROSSING_LOCK, (uint32_t)(arch_cycles() - start), 0);
}

void lock_enter(void)
{
    uint32_t ticket =
        fetch_add_relaxed(&lock_next, 1); /* Relaxed: a place in the queue, no more. */

    if (load_acquire(&lock_serves) != ticket) { /* [lock.take] as above */
        lock_wait(ticket);
    }
}

void lock_leave(void)
{
    lock_rest();
    /* [lock.drop] release: all that was done. Pairs with [lock.take]. */
    store_release(&lock_serves, lock_serves + 1);
}

/* ---- direct delivery ----------------------------------------------------------------------------- */

bool lock_carries(struct mail *mail, uint32_t cpu)
{
    bool message = mail->travel == TRACE_TRAVEL_IPC_CALL ||
                   mail->travel == TRACE_TRAVEL_IPC_REPLY || mail->travel == TRACE_TRAVEL_SIGNAL;

    if (!message || cpu_table[cpu]->current == NULL) { /* it has not begun yet */
        return false;
    }
    percpu(statistics.doorbells_elided)++;
    trace_doorbell_elide((uint8_t)cpu, 2);
    mail->design.to = cpu;
    mail->node.next = NULL;
    *lock_mail_end = &mail->node;
    lock_mail_end = &mail->node.next;
    return true;
}

/* After something was done in its place. */
static void wake(struct cpu *cpu)
{
    bool polls =
        load_relaxed(&cpu->mailbox.head) == MAILBOX_POLLING; /* Relaxed: it looks once more */
    bool wanted = cpu->need_resched || (cpu->current->idle && cpu->queue.ready != 0);

    if (options.rings_up_to == 0 &&
        (polls || others[cpu->id].rung || !(wanted || others[cpu->id].timer))) {
        return;
    }
    others[cpu->id].rung = true;
    percpu(statistics.doorbells_sent)++;
    trace_doorbell_send((uint8_t)cpu->id, 1);
    arch_doorbell_send(cpu->id);
}

static __attribute__((noinline)) void arrive(struct mail *mail)
{
    trace_mailbox_take(mail->id, mail->travel);
    mail->arrive(mail);
}

static void deliver(struct mail *mail, struct cpu *self, struct cpu *other)
{
    cycles_t start = arch_cycles();

    away = true;
    arch_in_place_of(other, self, arrive, mail);
    away = false;
    wake(other);
    trace_crossing(TRACE_CROSSING_REMOTE, (uint32_t)(arch_cycles() - start), other->id);
}

void lock_rest(void)
{
    struct cpu *self = arch_this_cpu();

    while (lock_mail != NULL) {
        struct mail *mail = container_of(lock_mail, struct mail, node);
        struct cpu *other = cpu_table[mail->design.to];

        lock_mail = mail->node.next;
        if (lock_mail == NULL) {
            lock_mail_end = &lock_mail;
        }
        if (other != self) {
            deliver(mail, self, other);
        } else {
            arrive(mail);
        }
    }
}

void lock_rest_and_go_on(void)
{
    lock_rest();
    if (percpu(need_resched)) {
        schedule();
    }
}

bool lock_away(void)
{
    return away;
}

/* ---- what another CPU has left to this one ------------------------------------------------------- */

void lock_timer_arm(uint64_t deadline)
{
    if (away) {
        others[percpu(id)].timer = true;
    } else {
        arch_timer_arm(deadline);
    }
}

static void timer_catch_up(void)
{
    if (others[percpu(id)].timer) {
        others[percpu(id)].timer = false;
        arch_timer_arm(percpu(timer.armed));
    }
}

void lock_doorbell(void)
{
    others[percpu(id)].rung = false;
    timer_catch_up();
}

void lock_halt(void)
{
    lock_rest();
    timer_catch_up();
    if (percpu(queue).ready == 0) { /* else it has come since polling ended */
        lock_leave();
        arch_halt();
        lock_enter();
    }
}

void lock_interrupt(unsigned vector)
{
    lock_enter();
    interrupt(vector);
    lock_leave();
}
