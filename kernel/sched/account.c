/* SPDX-License-Identifier: Apache-2.0
 *
 * Time that is lent and given back; the header is the manual.
 */
#include "kernel/sched/account.h"

void account_derive_rich(struct sched_context *to, const struct sched_context *from)
{
    *to = *from;
    if (!from->lent) {
        to->lent = true;
        to->used = 0;
        to->mark -= from->used;
        if (from->limit != TIME_UNLIMITED) {
            to->limit = from->limit > from->used ? from->limit - from->used : 0;
        }
    }
}

/* With the refills that it has had meanwhile. */
void account_give_back_rich(struct sched_context *own, const struct sched_context *loan)
{
    if (own->budget == loan->budget) {
        own->limit = own->used + loan->limit;
        own->refill = loan->refill;
    }
}

void account_adopt(struct thread *thread, struct sched_context *sc)
{
    if (sc == &thread->own || sc == &thread->loan) {
        thread->run.sc = sc;
    } else if (sc->owner == thread->id) {
        account_give_back(&thread->own, sc);
        thread->run.sc = &thread->own;
    } else if (thread->caller != NULL) {
        account_derive(&thread->loan, sc);
        thread->run.sc = &thread->loan;
    } else {
        thread->run.sc = &thread->own;
    }
}

void account_resettle(struct thread *thread)
{
    cycles_t now = arch_cycles();

    account_settle(thread, now);
    account_start(thread->run.sc, now);
}

void account_lend_running(struct thread *server, struct thread *client)
{
    struct thread *running = current();
    cycles_t now = arch_cycles();

    account_settle(running, now);
    account_derive(&server->loan, client->run.sc);
    server->run.sc = &server->loan;
    account_start(running->run.sc, now);
    account_reconsider();
}

void account_fall_back(struct thread *server)
{
    if (server == current()) {
        account_run_own(server);
    } else if (server->owner != percpu(id)) {
        return; /* caller_arrived() will see to it */
    } else if (server->state == TRACE_THREAD_STATE_RUNNABLE) {
        percpu(queue.policy)->dequeue(&arch_this_cpu()->queue, &server->run);
        server->run.sc = &server->own;
        sched_ready(server);
    } else if (server->state == TRACE_THREAD_STATE_OUT_OF_BUDGET) {
        timer_cancel(&server->timeout);
        server->run.sc = &server->own;
        thread_wake(server, 0);
    } else {
        server->run.sc = &server->own;
    }
}

cycles_t account_used(const struct thread *thread)
{
    cycles_t used = load_relaxed(&thread->own.used); /* Relaxed: a number to look at, no more. */

    return (int64_t)used < 0 ? used + arch_cycles() : used; /* it is being charged at this moment */
}
