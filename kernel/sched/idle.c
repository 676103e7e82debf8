/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU does that has no thread to run.
 *
 * Theory of operation
 *
 * 1. Motivation. A halted CPU costs its waker a doorbell and itself a wake-up: tens of microseconds
 *    where a hypervisor or an emulator has to give it a core again. A polling one costs power, and
 *    where CPUs share a host's core it costs more: it keeps the very CPU from running that it is
 *    waiting for. Both happen; the guest is not told which.
 * 2. States. Each CPU polls its mailbox for a bounded time before it halts. The bound is `poll_max`;
 *    while the CPU rests from polling it is `poll_min`.
 * 3. What tells. Not how soon something comes after the halt: on a shared core that is always soon,
 *    because halting is what lets the other side run. Only polls themselves tell: one that a message
 *    ended was worth it, one that ran out was in vain, one that an interrupt ended tells nothing. Each
 *    miss makes a debt of MISS_COST, each hit pays one off. Who would owe more than DEBT_MAX rests.
 * 4. Resting. The next `poll_rest` misses are short ones; then one long poll is tried. Each rest after
 *    which that one is in vain as well lasts twice as long, RESTS_MAX times. A miss that leaves no
 *    more than DEBT_MAX makes the next rest short again.
 * 5. Descheduled. Polling looks at the clock once in a window of a few turns. When much more time has
 *    passed than they take, even where a PAUSE waits for an emulator's lock, somebody else had this
 *    core meanwhile and will want it again: halt. A message that came meanwhile was not fetched by
 *    polling: it is charged like a miss.
 * 6. Timers. Who looks at the clock anyway serves a deadline that has passed without the interrupt,
 *    which an emulator brings late while all cores of its host are polling. That is no hit: it was
 *    known when it would come.
 * 7. Turns. One PAUSE and LOOKS_PER_TURN looks. An emulator leaves the guest at each PAUSE and takes a
 *    lock that its devices need as well: with PAUSE at each look, a polling CPU made the other one's
 *    halt, wake-up and timer several times slower.
 * 8. Cost. Hits lie on the path of every message between CPUs, so they do little; all the rest is done
 *    at a miss, when there is time. A CPU that is woken rarely polls for poll_max once in 128
 *    times and for poll_min each time: the price in power.
 * 9. The address space of who ran last stays loaded meanwhile.
 */
#include "kernel/cpu.h"
#include "kernel/options.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define LOOKS_PER_TURN 512
#define POLL_TURNS_PER_WINDOW 2
#define HITS_PER_WINDOW 64
#define DEBT_MAX 64
#define MISS_COST 2 /* hits that pay for a miss */
#define REST_MIN 16
#define RESTS_MAX 3 /* the longest rest is 128 polls */

/* A long poll was in vain, or was no poll because the host ran something else. */
static __attribute__((noinline)) void poll_charge(void)
{
    int64_t debt = percpu(poll_debt) > 0 ? percpu(poll_debt) : 0; /* good times shall not blind */

    if (debt + MISS_COST <= DEBT_MAX) {
        percpu(poll_debt) = debt + MISS_COST;
        percpu(poll_rests) = 0;
        return;
    }
    percpu(poll_debt) = DEBT_MAX;
    percpu(poll_rest) = REST_MIN << percpu(poll_rests);
    percpu(poll_rests) += percpu(poll_rests) < RESTS_MAX;
}

/* Something came by itself, in the window that began then. Half a time stamp is enough and costs less:
 * it stands on the path of every message between CPUs. */
static void poll_hit(cycles_t window)
{
    bool late = (uint32_t)arch_cycles() - (uint32_t)window >= options.poll_jump;

    if (unlikely(late)) {
        poll_charge();
    }
    /* Mail that comes all the time and makes nobody ready shall not keep interrupts out for ever. */
    if (unlikely(late || --percpu(poll_debt) % HITS_PER_WINDOW == 0)) {
        arch_interrupt_window();
    }
}

/* Looks into the mailbox, often: a pause may be a way out of the guest, with a lock on it. */
static __attribute__((always_inline)) bool poll_turn(struct mailbox_queue *mailbox)
{
    arch_pause();
    for (unsigned look = 0; look < LOOKS_PER_TURN; look++) {
        if (mailbox_queue_has_nodes(mailbox) || design_has_work()) {
            return true;
        }
    }
    return false;
}

/* A deadline that has passed needs no interrupt while somebody looks at the clock anyway. */
static void poll_timer(cycles_t now)
{
    if (percpu(timer.armed) != 0 && percpu(timer.armed) <= now) {
        design_enter();
        arch_timer_arm(0);
        timer_expired();
        design_leave();
    }
}

/* Polls the mailbox, with a window for interrupts now and then. True when there is something to do:
 * a mailbox_drain() must follow, which ends polling. */
static __attribute__((always_inline)) bool poll(struct mailbox_queue *mailbox, cycles_t start)
{
    cycles_t bound, window;
    cycles_t now = start;

    if (options.never_polls ? mailbox_queue_has_nodes(mailbox)
                            : !mailbox_queue_poll_begin(mailbox)) {
        arch_interrupt_window(); /* the mail may be from itself, without end */
        return true;
    }
    if (options.never_polls) { /* mail that comes now finds an empty mailbox, and rings */
        SCHED_POINT();
        return false;
    }
    for (;;) {
        window = now;
        for (unsigned turn = 0; turn < POLL_TURNS_PER_WINDOW; turn++) {
            if (poll_turn(mailbox)) {
                poll_hit(window);
                return true;
            }
        }
        arch_interrupt_window();
        now = arch_cycles();
        poll_timer(now);
        if (percpu(queue).ready != 0) {
            return true;
        }
        bound = percpu(poll_rest) == 0 ? options.poll_max : options.poll_min;
        if (now - start >= bound || now - window >= options.poll_jump) {
            break;
        }
    }
    SCHED_POINT();
    if (!mailbox_queue_poll_end(mailbox) || options.never_halt) {
        return true;
    }
    if (percpu(poll_rest) > 0) {
        percpu(poll_rest)--;
    } else {
        poll_charge();
    }
    return false;
}

/* True: there is something to do, as above. False: arch_halt() will miss nothing. */
static __attribute__((always_inline)) bool idle_wait(void)
{
    struct mailbox_queue *mailbox = &arch_this_cpu()->mailbox;
    cycles_t start = arch_cycles();
    bool found;

    design_leave();
    found = poll(mailbox, start);
    design_enter();
    if (!found) {
        trace_idle_halt((uint32_t)(arch_cycles() - start));
    }
    return found;
}

void idle_loop(void)
{
    for (;;) {
        mailbox_drain();
        if (percpu(queue).ready != 0) {
            schedule();
        }
        if (idle_wait()) {
            continue;
        }
        design_halt();
        if (percpu(queue).ready != 0) { /* the interrupt made somebody ready */
            schedule();
        }
    }
}
