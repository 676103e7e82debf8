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
#include "kernel/sched/switch.h"
#include "kernel/wait.h"
#include "smp/sched_point.h"
#include "smp/signal_word.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

/* The thread gets bits. Returns with what status: it may wait for a message as well. Owner. */
static inline status_t bits_give(const struct notification *notification, struct thread *thread,
                                 uint64_t bits)
{
    trace_notification_deliver(notification->object.id, thread->id);
    if (unlikely(thread->waits_also != NULL)) {
        arch_set_badge(&thread->frame, bits);
        return WEFT_IPC_NOTIFIED;
    }
    arch_set_result(&thread->frame, bits);
    return STATUS_OK;
}

/* Ends the waiter's wait with bits; it must be woken then. Owner. */
static inline struct thread *waiter_take(struct notification *notification, uint64_t bits)
{
    struct thread *waiter = notification->waiter;

    notification->waiter = NULL;
    thread_set_status(waiter, bits_give(notification, waiter, bits));
    if (unlikely(waiter->waits_also != NULL)) {
        wait_forget(waiter->waits_on, waiter);
    }
    wait_over(waiter);
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
static status_t bits_take(struct notification *notification, struct thread *thread)
{
    uint64_t bits;

    if (notification->orphaned) {
        return STATUS_DEAD;
    }
    if (notification->waiter != NULL) {
        return STATUS_BUSY;
    }
    bits = signal_word_take(&notification->word);
    return bits == 0 ? STATUS_BLOCKED : bits_give(notification, thread, bits);
}

status_t notification_join(struct thread *thread)
{
    struct notification *notification;
    struct cap cap;
    status_t status = cap_lookup(thread->process->caps, thread->notification, OBJECT_NOTIFICATION,
                                 RIGHT_READ, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    if (cap.object->cpu != percpu(id)) {
        return STATUS_BAD_ARGUMENT;
    }
    notification = (struct notification *)cap.object;
    thread->waits_also = cap.object;
    status = bits_take(notification, thread);
    if (status != STATUS_BLOCKED) {
        thread->waits_also = NULL;
        return status;
    }
    notification->waiter = thread;
    thread->fast_home = FAST_NEVER;
    return STATUS_BLOCKED;
}

static inline void begin_wait(struct notification *notification, struct thread *thread)
{
    thread->state = TRACE_THREAD_STATE_BLOCKED_NOTIFICATION;
    thread->waits_on = &notification->object;
    notification->waiter = thread;
}

/* On the notification's CPU, for a thread that is here. */
static status_t notification_wait(struct thread *caller, struct object *object)
{
    struct notification *notification = (struct notification *)object;
    status_t status = bits_take(notification, caller);

    if (status == STATUS_BLOCKED) {
        begin_wait(notification, caller);
        wait_limit(caller);
    }
    return status;
}

/* It lives on this CPU, nobody waits, and no bit is set. (Relaxed: a bit that comes in right now was set
 * elsewhere, and its mail will find the waiter.) */
static inline bool is_quiet_here(struct notification *notification)
{
    return likely(notification->object.cpu == percpu(id)) && likely(notification->waiter == NULL) &&
           likely((load_relaxed(&notification->word) & SIGNAL_BITS) == 0);
}

/* For the current thread, which has the right to. `deadline` 0: it has none. */
static inline __attribute__((always_inline)) status_t
wait_current(struct notification *notification, cycles_t deadline)
{
    if (likely(deadline == 0) && is_quiet_here(notification)) { /* the common case, at once */
        begin_wait(notification, current());
        schedule_blocked(TRACE_THREAD_STATE_BLOCKED_NOTIFICATION);
    }
    current()->deadline = deadline;
    return object_invoke(&notification->object, notification_wait);
}

status_t sys_notification_wait(uint64_t handle, uint64_t deadline)
{
    struct cap_table *caps = current()->process->caps;
    struct cap cap;

    if (unlikely(!cap_find(caps, handle, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_READ), &cap))) {
        return cap_refusal(caps, handle, OBJECT_NOTIFICATION, RIGHT_READ);
    }
    return wait_current((struct notification *)cap.object, deadline);
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
        begin_wait(awaited, current());
        (void)waiter_take(signalled, bits & SIGNAL_BITS);
        waiter->state = TRACE_THREAD_STATE_RUNNABLE;
        trace_wakeup((uint8_t)waiter->run.sc->priority, waiter->id, current()->id);
        schedule_to(waiter, TRACE_THREAD_STATE_BLOCKED_NOTIFICATION);
    }
    notification_signal(there.object, bits);
    return sched_preemption_point(wait_current(awaited, 0));
}

static bool notification_orphaned(struct object *object)
{
    struct notification *notification = (struct notification *)object;

    notification->orphaned = true; /* a thread may still be on its way here to wait */
    if (notification->waiter != NULL) {
        wait_end(notification->waiter, STATUS_DEAD);
    }
    return true;
}

static void notification_forget(struct object *object, struct thread *)
{
    ((struct notification *)object)->waiter = NULL; /* it was the waiter, or is it no more */
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

status_t do_notification_create(struct thread *caller, struct object *object)
{
    uint64_t place = arch_argument(&caller->frame, 0);
    status_t status = range_check_place(caller, place);

    return status != STATUS_OK ? status
                               : cap_create(caller, &notification_class, (cpu_t)place, &object);
}
