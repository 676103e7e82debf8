/* SPDX-License-Identifier: Apache-2.0
 *
 * The system call that says how a thread is to be scheduled: priority, weight, budget and period.
 *
 * Everybody may make itself less important and more so again, up to its ceiling. A budget comes with a
 * deadline, before which others have to step back: that needs the right to manage the CPU.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/range.h"
#include "kernel/sched/account.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define BUDGETS_PER_SECOND 50000 /* a budget is no shorter: its end costs an interrupt */
#define PERIOD_MAX (1ull << 40)

struct parameters {
    int8_t priority;
    uint8_t weight;
    cycles_t budget, period;
};

/* To an account that nothing charges at this moment. */
static void set_parameters(struct sched_context *sc, const struct parameters *wanted, cycles_t now)
{
    sc->priority = wanted->priority;
    sc->weight = wanted->weight;
    sc->budget = wanted->budget;
    sc->period = wanted->period;
    sc->rich = sc->rich || wanted->budget != 0;
    sc->limit = wanted->budget != 0 ? sc->used + wanted->budget : TIME_UNLIMITED;
    sc->refill = wanted->budget != 0 ? now + wanted->period : 0;
    trace_schedule((uint8_t)sc->priority, sc->owner,
                   (uint32_t)(wanted->budget != 0 ? wanted->budget * 1000 / wanted->period : 0));
}

static struct parameters decode(uint64_t urgency, uint64_t budget, uint64_t period)
{
    return (struct parameters){(int8_t)urgency, (uint8_t)(urgency >> 8), budget, period};
}

static status_t check(const struct parameters *wanted, uint64_t urgency)
{
    if ((urgency & 0xff) > (uint64_t)current()->ceiling || urgency >> 16 != 0 ||
        wanted->weight == 0 || wanted->budget > wanted->period || wanted->period > PERIOD_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    return wanted->period == 0 || wanted->budget >= arch_clock_hz / BUDGETS_PER_SECOND
               ? STATUS_OK
               : STATUS_BAD_ARGUMENT;
}

static status_t check_budget(const struct parameters *wanted, const struct thread *caller,
                             uint64_t cpus, cpu_t cpu)
{
    return wanted->budget == 0
               ? STATUS_OK
               : range_check(caller->process->caps, cpus, OBJECT_CPUS, RIGHT_MANAGE, cpu, 1);
}

/* On the CPU of the thread's process, which owns it while it is suspended. */
static status_t schedule_other(struct thread *caller, struct object *object)
{
    struct thread *thread = container_of(object, struct thread, object);
    struct parameters wanted =
        decode(arch_argument(&caller->frame, 1), arch_argument(&caller->frame, 2),
               arch_argument(&caller->frame, 3));
    status_t status;

    if (thread->dead || !thread->resting) {
        return thread->dead ? STATUS_DEAD : STATUS_BUSY;
    }
    status = check_budget(&wanted, caller, arch_argument(&caller->frame, 4), thread->home);
    if (status == STATUS_OK) {
        set_parameters(&thread->own, &wanted, arch_cycles());
    }
    return status;
}

status_t sys_thread_schedule(uint64_t thread, uint64_t urgency, uint64_t budget, uint64_t period,
                             uint64_t cpus)
{
    struct parameters wanted = decode(urgency, budget, period);
    struct thread *caller = current();
    status_t status = check(&wanted, urgency);
    struct cap cap;
    cycles_t now;

    if (status == STATUS_OK && thread != 0) {
        status = cap_lookup(caller->process->caps, thread, OBJECT_THREAD, RIGHT_MANAGE, &cap);
        return status != STATUS_OK ? status : object_invoke(cap.object, schedule_other);
    }
    if (status == STATUS_OK) {
        status = check_budget(&wanted, caller, cpus, percpu(id));
    }
    if (status != STATUS_OK) {
        return status;
    }
    now = arch_cycles();
    account_settle(caller, now);
    set_parameters(&caller->own, &wanted, now);
    account_start(caller->run.sc, now);
    account_reconsider();
    return sched_preemption_point(STATUS_OK);
}
