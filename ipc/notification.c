/* SPDX-License-Identifier: Apache-2.0
 *
 * Notifications; the header is the manual.
 *
 * The waiter is a thread that lies on the notification's CPU, wherever its home is. Bits set on that
 * CPU are taken at once; bits set elsewhere are there at once too, but who takes them hears of it by
 * mail.
 */
#include "ipc/notification.h"

#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "smp/sched_point.h"
#include "smp/signal_word.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

/* Wakes the waiter with bits. Owner. */
static void wake_waiter(struct notification *notification, uint64_t bits)
{
    struct thread *waiter = notification->waiter;

    notification->waiter = NULL;
    trace_notification_deliver(notification->object.id, waiter->id);
    thread_set_status(waiter, STATUS_OK);
    arch_set_result(&waiter->frame, bits);
    /* Relaxed: only the trace looks at it. */
    thread_wake(waiter, load_relaxed(&notification->signaller));
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
        return cap_lookup(caps, handle, OBJECT_NOTIFICATION, RIGHT_WRITE, &cap);
    }
    notification_signal(cap.object, cap.badge != 0 ? cap.badge : bits);
    return sched_preemption_point(STATUS_OK);
}

/* On the notification's CPU, for a thread that is here. */
static status_t notification_wait(struct thread *caller, struct object *object)
{
    struct notification *notification = (struct notification *)object;
    uint64_t bits;

    if (notification->orphaned) {
        return STATUS_DEAD;
    }
    if (notification->waiter != NULL) {
        return STATUS_BUSY;
    }
    bits = signal_word_take(&notification->word);
    if (bits != 0) {
        trace_notification_deliver(notification->object.id, caller->id);
        arch_set_result(&caller->frame, bits);
        return STATUS_OK;
    }
    caller->state = TRACE_THREAD_STATE_BLOCKED_NOTIFICATION;
    caller->waits_on = object;
    notification->waiter = caller;
    return STATUS_BLOCKED;
}

status_t sys_notification_wait(uint64_t handle)
{
    struct thread *thread = current();
    struct cap_table *caps = thread->process->caps;
    struct notification *notification;
    struct cap cap;

    if (unlikely(!cap_find(caps, handle, CAP_KIND(OBJECT_NOTIFICATION, RIGHT_READ), &cap))) {
        return cap_lookup(caps, handle, OBJECT_NOTIFICATION, RIGHT_READ, &cap);
    }
    notification = (struct notification *)cap.object;
    /* The common case, at once: it lives here, and no bit is set. (Relaxed: a bit that comes in right
     * now was set elsewhere, and its mail will find the waiter.) */
    if (likely(notification->object.cpu == percpu(id)) && likely(notification->waiter == NULL) &&
        likely((load_relaxed(&notification->word) & SIGNAL_BITS) == 0)) {
        thread->state = TRACE_THREAD_STATE_BLOCKED_NOTIFICATION;
        thread->waits_on = &notification->object;
        notification->waiter = thread;
        schedule_blocked(TRACE_THREAD_STATE_BLOCKED_NOTIFICATION);
    }
    return object_invoke(&notification->object, notification_wait);
}

static void notification_orphaned(struct object *object)
{
    struct notification *notification = (struct notification *)object;
    struct thread *waiter = notification->waiter;

    notification->orphaned = true; /* a thread may still be on its way here to wait */
    if (waiter != NULL) {
        notification->waiter = NULL;
        thread_set_status(waiter, STATUS_DEAD);
        thread_wake(waiter, 0);
    }
}

static void notification_forget(struct thread *thread)
{
    ((struct notification *)thread->waits_on)->waiter = NULL;
}

static const struct object_class notification_class = {
    .type = OBJECT_NOTIFICATION,
    .size = sizeof(struct notification),
    .orphaned = notification_orphaned,
    .forget = notification_forget,
    .signal = notification_signal,
};

static status_t notification_create(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct notification *notification =
        slab_alloc(&process->slab, &process->pool, sizeof(*notification));
    uint64_t handle;
    status_t status;

    if (notification == NULL) {
        return STATUS_NO_MEMORY;
    }
    object_init(&notification->object, &notification_class, (cpu_t)arch_argument(&caller->frame, 0),
                process);
    notification->mail.id = notification->object.id;
    notification->mail.arrive = signal_arrived;
    notification->mail.travel = TRACE_TRAVEL_SIGNAL;
    trace_object_create(TRACE_OBJECT_KIND_NOTIFICATION, notification->object.id,
                        process->object.id);
    status = cap_insert(process, &notification->object, RIGHT_READ | RIGHT_WRITE | RIGHT_COPY, 0,
                        &handle);
    if (status != STATUS_OK) {
        object_release(&notification->object);
        return status;
    }
    arch_set_result(&caller->frame, handle);
    return STATUS_OK;
}

status_t sys_notification_create(uint64_t cpu)
{
    if (cpu >= boot_info.cpu_count) {
        return STATUS_BAD_ARGUMENT;
    }
    return object_invoke(&current()->process->object, notification_create);
}
