/* SPDX-License-Identifier: Apache-2.0
 *
 * Who pays for the time.
 *
 * Theory of operation
 *
 * 1. Motivation. A server works for its client, so it should run as urgently as the client and on its
 *    budget. On the IPC fast path that must cost nothing.
 * 2. Objects. Each thread has an account of its own (`own`), and room for one that is derived from a
 *    client's (`loan`). percpu(sc) is the account that this CPU charges.
 * 3. Fast path: percpu(sc) is not touched. So it may lie in the thread that called, or in the server
 *    that has just answered, which are blocked on this CPU. No queue need be asked: whoever has the
 *    CPU was the best with this account, and goes on with it.
 * 4. Slow path: when a thread leaves the CPU its account is settled: charged, and brought into the
 *    thread itself. What belongs to it goes back to `own`, another's becomes its `loan`. From then on
 *    thread->run.sc says with what it will run. A client that is given to a server lends to it
 *    (account_lend), and gets what was used with the answer (account_return).
 * 5. Invariant: percpu(sc) lies in the current thread, or in one that is blocked on this CPU. Who is
 *    about to give away or to free a thread that is not the current one calls account_guard().
 * 6. Ends. A server whose client has gone falls back on its own account (account_fall_back).
 *
 * Limits: threads killed in the middle of a chain of calls leave time uncharged, at most one budget.
 */
#pragma once

#include "kernel/cpu.h"

void account_derive_rich(struct sched_context *to, const struct sched_context *from) sched_rare;
void account_give_back_rich(struct sched_context *own, const struct sched_context *loan) sched_rare;
void account_lend_running(struct thread *server, struct thread *client) sched_rare;
/* The account that the current thread ran with lies elsewhere: brings it home. */
void account_adopt(struct thread *thread, struct sched_context *sc) sched_rare;
/* As account_settle(), for a thread that goes on. */
void account_resettle(struct thread *thread) sched_rare;

/* `to` becomes another account of whose time `from` is; nothing charges `from` at this moment. */
static inline void account_derive(struct sched_context *to, const struct sched_context *from)
{
    if (unlikely(from->head & (SCHED_CONTEXT_LENT | SCHED_CONTEXT_RICH))) {
        account_derive_rich(to, from);
        return;
    }
    to->used = 0;
    to->limit = TIME_UNLIMITED;
    to->head = from->head | SCHED_CONTEXT_LENT;
}

static inline void account_start(struct sched_context *sc, cycles_t now)
{
    percpu(sc) = sc;
    if (unlikely(sc->limit != TIME_UNLIMITED)) {
        sched_start_budget(sc, now);
    }
    sc->used -= now;
}

/* The current thread stops running, for now: charges, and leaves run.sc right. */
static inline void account_settle(struct thread *thread, cycles_t now)
{
    struct sched_context *sc = percpu(sc);

    sc->used += now;
    if (unlikely(sc != thread->run.sc)) {
        account_adopt(thread, sc);
    }
}

/* See 5. above. */
static inline void account_guard(const struct thread *thread)
{
    if (unlikely((uint64_t)percpu(sc) - (uint64_t)thread < sizeof(*thread))) {
        account_resettle(current());
    }
}

/* A client, which is here, is being given to a server, which is here too. */
static inline void account_lend(struct thread *server, struct thread *client)
{
    struct thread *running = current();

    if (client == running || server == running || unlikely(percpu(sc) == &server->loan)) {
        account_lend_running(server, client);
        return;
    }
    account_derive(&server->loan, client->run.sc);
    server->run.sc = &server->loan;
}

/* Has a thread that wants to be ready a budget, or need of none? See sched_admit(). */
static inline bool account_admit(struct thread *thread, bool woken)
{
    if (likely(!thread->run.sc->rich)) {
        return true;
    }
    sched_admit(thread, woken);
    return thread->state != TRACE_THREAD_STATE_OUT_OF_BUDGET;
}

/* What was used of a loan goes to whose time it is. */
static inline void account_give_back(struct sched_context *own, struct sched_context *loan)
{
    if (unlikely(own->limit != TIME_UNLIMITED)) {
        account_give_back_rich(own, loan);
    }
    own->used += loan->used;
    loan->used = 0;
}

/* The current thread goes on with another account: should somebody else run? */
static inline void account_reconsider(void)
{
    if (unlikely(percpu(queue).ready != 0)) {
        sched_reconsider();
    }
}

/* The current thread goes on with its own account. */
static inline void account_run_own(struct thread *thread)
{
    cycles_t now = arch_cycles();

    account_settle(thread, now);
    thread->run.sc = &thread->own;
    account_start(&thread->own, now);
    account_reconsider();
}

/* The server is about to let its caller go, which gets back what is left. The server's home CPU. */
static inline void account_return(struct thread *server)
{
    struct thread *client = server->caller;

    if (server == current()) {
        account_run_own(server);
    } else {
        server->run.sc = &server->own;
    }
    if (unlikely(client->run.sc == &client->loan) ||
        unlikely(client->home == percpu(id) && client->caller != NULL)) {
        client->loan = server->loan;
        client->run.sc = &client->loan;
    } else {
        account_give_back(&client->own, &server->loan);
    }
}

/* The time that a thread has paid for up to now. Any CPU: may be a little old. */
cycles_t account_used(const struct thread *thread);

/* The server's caller has been taken away: it goes on with its own time. The server's home CPU. */
void account_fall_back(struct thread *server);
