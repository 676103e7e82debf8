/* SPDX-License-Identifier: Apache-2.0
 *
 * The system call that says how a thread is to be scheduled: priority, weight, budget and period.
 *
 * Everybody may make itself less important and more so again, up to its ceiling. A budget comes with a
 * deadline, before which others have to step back: that needs the right to manage the CPU.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/sched/account.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define BUDGETS_PER_SECOND 50000 /* a budget is no shorter: its end costs an interrupt */
#define PERIOD_MAX (1ull << 40)

/* What the caller's registers ask for, to an account that nothing charges at this moment; `cpu`: where
 * its thread runs. */
static status_t set_parameters(const struct thread *caller, struct sched_context *sc, cpu_t cpu)
{
    uint64_t urgency = arch_argument(&caller->frame, 1);
    cycles_t budget = arch_argument(&caller->frame, 2);
    cycles_t period = arch_argument(&caller->frame, 3);
    uint8_t weight = (uint8_t)(urgency >> 8);
    status_t status;

    if ((urgency & 0xff) > (uint64_t)caller->ceiling || urgency >> 16 != 0 || weight == 0 ||
        budget > period || period > PERIOD_MAX ||
        (period != 0 && budget < arch_clock_hz / BUDGETS_PER_SECOND)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (budget != 0) {
        status = range_check(caller->process->caps, arch_argument(&caller->frame, 4), OBJECT_CPUS,
                             RIGHT_MANAGE, cpu, 1);
        if (status != STATUS_OK) {
            return status;
        }
    }
    sc->priority = (int8_t)urgency;
    sc->weight = weight;
    sc->budget = budget;
    sc->period = period;
    sc->rich = sc->rich || budget != 0;
    sc->limit = budget != 0 ? sc->used + budget : TIME_UNLIMITED;
    sc->refill = arch_cycles() + period;
    trace_schedule((uint8_t)sc->priority, sc->owner,
                   (uint32_t)(budget != 0 ? budget * 1000 / period : 0));
    return STATUS_OK;
}

/* On the CPU of the thread's process, which owns it while it is suspended. */
static status_t schedule_other(struct thread *caller, struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);

    if (thread->dead) {
        return STATUS_DEAD;
    }
    return thread->resting ? set_parameters(caller, &thread->own, thread->home) : STATUS_BUSY;
}

/* The other arguments are read where the thread is. */
status_t sys_thread_schedule(uint64_t thread, uint64_t, uint64_t, uint64_t, uint64_t)
{
    struct thread *caller = current();
    cycles_t now = arch_cycles();
    status_t status;
    struct cap cap;

    if (thread != 0) {
        status = cap_lookup(caller->process->caps, thread, OBJECT_THREAD, RIGHT_MANAGE, &cap);
        return status != STATUS_OK ? status : object_invoke(cap.object, schedule_other);
    }
    account_settle(caller, now);
    status = set_parameters(caller, &caller->own, caller->home);
    account_start(caller->run.sc, now);
    account_reconsider();
    return sched_preemption_point(status);
}
