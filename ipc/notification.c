/* SPDX-License-Identifier: Apache-2.0
 *
 * Notifications; the header is the manual.
 *
 * The waiter is a thread that lies on the notification's CPU, wherever its home is. Bits set on that
 * CPU are taken at once; bits set elsewhere are there at once too, but who takes them hears of it by
 * mail. A waiter may wait for a message at an endpoint of the same CPU as well, and is queued there;
 * whichever comes first ends both waits.
 */
#include "ipc/notification.h"

#include "ipc/endpoint.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/range.h"
#include "kernel/sched/switch.h"
#include "kernel/wait.h"
#include "smp/sched_point.h"
#include "smp/signal_word.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

/* Bits for a waiter for which something else could have come first. Owner. */
static __attribute__((noinline)) void give_to_special(struct thread *waiter, uint64_t bits)
{
    bool receives = waiter->waits_also != NULL;

    wait_call_off(waiter);
    if (receives) {
        waiter->waits_on->class->forget(waiter->waits_on, waiter);
        thread_set_status(waiter, WEFT_IPC_NOTIFIED);
        arch_set_badge(&waiter->frame, bits);
    } else {
        thread_set_status(waiter, STATUS_OK);
        arch_set_result(&waiter->frame, bits);
    }
}

/* Ends the waiter's wait with bits; it must be woken then. Owner. */
static inline struct thread *waiter_take(struct notification *notification, uint64_t bits)
{
    struct thread *waiter = notification->waiter;

    notification->waiter = NULL;
    trace_notification_deliver(notification->object.id, waiter->id);
    if (likely(waiter->fast_home != FAST_NEVER)) {
        thread_set_status(waiter, STATUS_OK);
        arch_set_result(&waiter->frame, bits);
    } else {
        give_to_special(waiter, bits);
    }
    return waiter;
}

static void wake_waiter(struct notification *notification, uint64_t bits)
{
    /* Relaxed: only the trace looks at it. */
    thread_wake(waiter_take(notification, bits), load_relaxed(&notification->signaller));
}

static void signal_arrived(struct mail *mail)
{
    struct notification *notification = container_of(mail, struct notification, mail);

    signal_word_arrived(&notification->word);
    if (notification->waiter != NULL) {
        uint64_t bits = signal_word_take(&notification->word);

        if (bits != 0) {
            wake_waiter(notification, bits);
        }
    }
}

static void notification_signal(struct object *object, uint64_t bits)
{
    struct notification *notification = (struct notification *)object;
    bool here = notification->object.cpu == percpu(id);

    trace_notification_signal(here ? TRACE_IPC_PATH_QUEUED : TRACE_IPC_PATH_CROSS,
                              notification->object.id, (uint32_t)bits);
    if (CONFIG_TRACE) {
        store_relaxed(&notification->signaller, current()->id); /* Relaxed: as above. */
    }
    if (!here) {
        SCHED_POINT();
        if (signal_word_set_remote(&notification->word, bits)) {
            mail_send(&notification->mail, notification->object.cpu);
        }
    } else if (notification->waiter == NULL) {
        signal_word_set_local(&notification->word, bits);
    } else if ((bits & SIGNAL_BITS) != 0) {
        /* A waiter means that no bits are pending, but for those whose mail is on its way. */
        wake_waiter(notification, bits & SIGNAL_BITS);
    }
}

status_t sys_notification_signal(uint64_t handle, uint64_t bits)
{
    struct cap_table *caps = current()->process->caps;
    struct cap cap;

    if (unlikely(!cap_find(caps, handle, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_WRITE), &cap))) {
        return cap_refusal(caps, handle, OBJECT_NOTIFICATION, RIGHT_WRITE);
    }
    notification_signal(cap.object, cap.badge != 0 ? cap.badge : bits);
    return sched_preemption_point(STATUS_OK);
}

/* On the notification's CPU. STATUS_BLOCKED: there are no bits yet, and nobody waits. */
static status_t bits_take(struct notification *notification, struct thread *thread, uint64_t *bits)
{
    if (notification->orphaned) {
        return STATUS_DEAD;
    }
    if (notification->waiter != NULL) {
        return STATUS_BUSY;
    }
    *bits = signal_word_take(&notification->word);
    if (*bits == 0) {
        return STATUS_BLOCKED;
    }
    trace_notification_deliver(notification->object.id, thread->id);
    return STATUS_OK;
}

status_t notification_join(struct object *object, struct thread *thread)
{
    struct notification *notification = (struct notification *)object;
    uint64_t bits;
    status_t status = bits_take(notification, thread, &bits);

    if (status == STATUS_BLOCKED) {
        notification->waiter = thread;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        arch_set_badge(&thread->frame, bits);
        return WEFT_IPC_NOTIFIED;
    }
    return status;
}

/* On the notification's CPU, for a thread that is here. */
static status_t notification_wait(struct thread *caller, struct object *object)
{
    struct notification *notification = (struct notification *)object;
    uint64_t bits;
    status_t status = bits_take(notification, caller, &bits);

    if (status == STATUS_OK) {
        arch_set_result(&caller->frame, bits);
    } else if (status == STATUS_BLOCKED) {
        caller->state = TRACE_THREAD_STATE_BLOCKED_NOTIFICATION;
        caller->waits_on = object;
        notification->waiter = caller;
    }
    return status;
}

/* The same, until a deadline. */
static status_t notification_wait_until(struct thread *caller, struct object *object)
{
    status_t status = notification_wait(caller, object);

    if (status == STATUS_BLOCKED) {
        caller->fast_home = FAST_NEVER;
        timer_insert(caller, arch_argument(&caller->frame, 1), wait_timed_out);
    }
    return status;
}

status_t sys_notification_wait_until(uint64_t handle, uint64_t deadline)
{
    struct cap cap;
    status_t status =
        cap_lookup(current()->process->caps, handle, OBJECT_NOTIFICATION, RIGHT_READ, &cap);

    (void)deadline; /* read where the notification lives */
    return status != STATUS_OK ? status : object_invoke(cap.object, notification_wait_until);
}

/* It lives on this CPU, nobody waits, and no bit is set. (Relaxed: a bit that comes in right now was set
 * elsewhere, and its mail will find the waiter.) */
static inline bool is_quiet_here(struct notification *notification)
{
    return likely(notification->object.cpu == percpu(id)) && likely(notification->waiter == NULL) &&
           likely((load_relaxed(&notification->word) & SIGNAL_BITS) == 0);
}

static inline void wait_here(struct notification *notification)
{
    struct thread *thread = current();

    thread->state = TRACE_THREAD_STATE_BLOCKED_NOTIFICATION;
    thread->waits_on = &notification->object;
    notification->waiter = thread;
}

/* For the current thread, which has the right to. */
static inline __attribute__((always_inline)) status_t
wait_current(struct notification *notification)
{
    if (is_quiet_here(notification)) { /* the common case, at once */
        wait_here(notification);
        schedule_blocked(TRACE_THREAD_STATE_BLOCKED_NOTIFICATION);
    }
    return object_invoke(&notification->object, notification_wait);
}

status_t sys_notification_wait(uint64_t handle)
{
    struct cap_table *caps = current()->process->caps;
    struct cap cap;

    if (unlikely(!cap_find(caps, handle, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_READ), &cap))) {
        return cap_refusal(caps, handle, OBJECT_NOTIFICATION, RIGHT_READ);
    }
    return wait_current((struct notification *)cap.object);
}

status_t sys_notification_signal_wait(uint64_t signal, uint64_t bits, uint64_t wait)
{
    struct cap_table *caps = current()->process->caps;
    struct notification *signalled, *awaited;
    struct thread *waiter;
    struct cap there, back;

    if (unlikely(!cap_find(caps, signal, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_WRITE), &there))) {
        return cap_refusal(caps, signal, OBJECT_NOTIFICATION, RIGHT_WRITE);
    }
    if (unlikely(!cap_find(caps, wait, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_READ), &back))) {
        return cap_refusal(caps, wait, OBJECT_NOTIFICATION, RIGHT_READ);
    }
    bits = there.badge != 0 ? there.badge : bits;
    signalled = (struct notification *)there.object;
    awaited = (struct notification *)back.object;
    waiter = signalled->waiter;
    /* Both live here, and so does who waits, for nothing else: they change places. */
    if (likely(signalled->object.cpu == percpu(id)) && likely(waiter != NULL) &&
        likely(waiter->fast_home == percpu(id)) && likely((bits & SIGNAL_BITS) != 0) &&
        is_quiet_here(awaited)) {
        trace_notification_signal(TRACE_IPC_PATH_DIRECT, there.object->id, (uint32_t)bits);
        wait_here(awaited);
        (void)waiter_take(signalled, bits & SIGNAL_BITS);
        waiter->state = TRACE_THREAD_STATE_RUNNABLE;
        trace_wakeup((uint8_t)waiter->run.sc->priority, waiter->id, current()->id);
        schedule_to(waiter, TRACE_THREAD_STATE_BLOCKED_NOTIFICATION);
    }
    notification_signal(there.object, bits);
    return sched_preemption_point(wait_current(awaited));
}

static bool notification_orphaned(struct object *object)
{
    struct notification *notification = (struct notification *)object;
    struct thread *waiter = notification->waiter;

    notification->orphaned = true; /* a thread may still be on its way here to wait */
    if (waiter != NULL && wait_cancel(waiter, STATUS_DEAD)) {
        thread_wake(waiter, 0);
    }
    return true;
}

static void notification_forget(struct object *object, struct thread *thread)
{
    struct notification *notification = (struct notification *)object;

    if (notification->waiter == thread) {
        notification->waiter = NULL;
    }
}

static void notification_init(struct object *object)
{
    struct notification *notification = (struct notification *)object;

    notification->mail.id = object->id;
    notification->mail.arrive = signal_arrived;
    notification->mail.travel = TRACE_TRAVEL_SIGNAL;
}

static const struct object_class notification_class = {
    .type = OBJECT_NOTIFICATION,
    .size = sizeof(struct notification),
    .kind = TRACE_OBJECT_KIND_NOTIFICATION,
    .rights = RIGHT_READ | RIGHT_WRITE | RIGHT_COPY,
    .init = notification_init,
    .orphaned = notification_orphaned,
    .forget = notification_forget,
    .signal = notification_signal,
};

static status_t notification_create(struct thread *caller, struct object *object)
{
    return cap_create(caller, &notification_class, (cpu_t)arch_argument(&caller->frame, 0),
                      &object);
}

status_t sys_notification_create(uint64_t place)
{
    status_t status = range_check_cpu((uint32_t)place, place >> 32);

    return status != STATUS_OK ? status : invoke_on_self(notification_create);
}
