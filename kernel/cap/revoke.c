/* SPDX-License-Identifier: Apache-2.0
 *
 * Revocation: taking back everything that was derived from a capability.
 *
 * Theory of operation
 *
 * 1. Motivation. Who hands a capability on must be able to take it back, with all that was made of it
 *    since: copies of copies in other processes, and memory mapped through them. seL4 keeps a tree of
 *    all capabilities for this, which every copy changes and every CPU must agree on.
 * 2. Lineage by value. Here nothing points from one table into another. Each slot holds its own id and
 *    those of its ancestors (kernel/cap.h), each mapping those of the capability through which it was
 *    made. Copying writes one slot, deleting clears one, whatever becomes of the original. Revocation,
 *    which is rare, pays: it looks into every table.
 * 3. Objects. One revocation runs at a time in the machine; who comes meanwhile waits on CPU 0. Each
 *    CPU has a list of the processes that it owns, and `revoking`: the id whose descendants may not
 *    come into being here.
 * 4. The first walk goes to all CPUs in turn. On each it sets `revoking`, then goes through the tables
 *    of that CPU's processes in pieces (others have their turn in between). A process
 *    that is done goes to the end of the list, so that the next one is always the first; one that is
 *    built meanwhile is empty and stays free of descendants. Mappings are unmapped, and the second
 *    walk makes every CPU forget them; when their memory may be used again is the matter of their
 *    process (kernel/memory/mapping.c).
 * 5. In flight. After the first walk no table holds a descendant, but a thread may have taken one
 *    before (cap_take) and be on its way to insert it. It was taken in a kernel path that had ended
 *    before the second walk's visitor was opened on that CPU, so it was pushed before that visitor
 *    was pushed on, and so before the third walk's visitor is pushed to where it goes. Mailboxes are
 *    first-in first-out: it arrives before the third walk, finds `revoking`, and is refused.
 *    The third walk clears `revoking`. What waits between taking and inserting would slip through:
 *    hence the rule at struct cap_gift.
 * 6. The same argument covers uses. A call that looked its capability up before that was removed has
 *    arrived at its object when the revocation is over. What it began there (a message in an endpoint's
 *    queue, a signal to be sent at a process's end) goes on: revoked is the capability, not its past.
 * 7. The capability itself stays, and can be handed on again afterwards.
 *
 * Limits: the cost grows with the number of processes in the machine, and revocations do not run side
 * by side. Ids wrap after 2^32; two that are the same by then count as related.
 */
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/mapping.h"
#include "smp/quiescence.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define SLOTS_PER_PIECE 32u

_Static_assert(CAPABILITY_SLOTS % SLOTS_PER_PIECE == 0, "pieces end with the table");

/* (O): belongs to CPU 0 between revocations, and during one to the CPU where the visitor is. */
static struct revocation {
    struct object object; /* first; threads are sent to it as to any object */
    struct visitor visitor;
    unsigned walks;     /* begun */
    uint32_t id;        /* of the capability whose descendants go */
    uint32_t serial;    /* number of this revocation: a process that shows it has been swept */
    uint32_t object_id; /* for the trace, as are the next two */
    uint32_t removed;   /* capabilities */
    uint32_t unmapped;  /* mappings */
} revocation;

/* (O: CPU 0) The threads that asked; the first one's turn it is. */
static struct list askers = {{&askers.head, &askers.head}};

static void revocation_begin(struct mail *mail);

static void send_next(void)
{
    mail_send_for(&revocation.visitor.mail, 0, TRACE_TRAVEL_REVOKE, revocation_begin);
}

static void finish(status_t status)
{
    struct thread *caller = container_of(list_take_first(&askers), struct thread, link);

    if (!list_empty(&askers)) {
        send_next();
    }
    if (thread_arrived(caller)) {
        thread_set_status(caller, status);
        thread_wake(caller, 0);
    }
}

/* ---- the three walks ------------------------------------------------------------------------- */

/* One piece of this CPU's tables; true when all of them are done. */
static bool sweep_visit(struct visitor *visitor)
{
    struct list *processes = &arch_this_cpu()->processes;
    struct process *process;

    (void)visitor;
    percpu(revoking) = revocation.id;
    SCHED_POINT();
    if (list_empty(processes)) {
        return true;
    }
    process = container_of(list_first(processes), struct process, neighbours);
    if (process->swept == revocation.serial) { /* so have all that follow */
        return true;
    }
    /* Nobody runs in a process that is being torn down, and its mappings go anyway. */
    if (process->slots_swept == 0 && !process->tearing_down &&
        !mapping_revoke_step(process, revocation.id, &revocation.unmapped)) {
        return false;
    }
    revocation.removed +=
        cap_delete_range(process, revocation.id, process->slots_swept, SLOTS_PER_PIECE);
    process->slots_swept += SLOTS_PER_PIECE;
    if (process->slots_swept == CAPABILITY_SLOTS) {
        process->slots_swept = 0;
        process->swept = revocation.serial;
        process_join(process); /* to the end of the list */
    }
    return false;
}

static bool flush_visit(struct visitor *visitor)
{
    (void)visitor;
    if (revocation.unmapped != 0) {
        percpu(statistics.shootdowns)++;
        arch_tlb_flush();
    }
    return true;
}

static bool allow_visit(struct visitor *visitor)
{
    (void)visitor;
    SCHED_POINT();
    percpu(revoking) = 0;
    return true;
}

static bool (*const walks[])(struct visitor *) = {sweep_visit, flush_visit, allow_visit};

static void walk_next(struct visitor *visitor)
{
    if (revocation.walks < sizeof(walks) / sizeof(walks[0])) {
        visitor->visit = walks[revocation.walks++];
        quiescence_walk(visitor);
        return;
    }
    trace_cap_revoke((uint8_t)(revocation.unmapped < 0xff ? revocation.unmapped : 0xff),
                     revocation.object_id, revocation.removed);
    finish(STATUS_OK);
}

/* ---- one after the other --------------------------------------------------------------------- */

static void revocation_begin(struct mail *mail)
{
    struct thread *caller = container_of(list_first(&askers), struct thread, link);
    uint64_t handle = arch_argument(&caller->frame, 0);
    struct cap_lineage lineage;
    struct cap cap;

    /* It may have been deleted while its turn came. */
    if (!cap_read(caller->process->caps, handle, &cap) ||
        !cap_read_lineage(caller->process, handle, &lineage)) {
        finish(STATUS_BAD_HANDLE);
        return;
    }
    revocation.walks = 0;
    revocation.id = lineage.id;
    revocation.serial++;
    revocation.object_id = mail->id = cap.object->id;
    revocation.removed = 0;
    revocation.unmapped = 0;
    revocation.visitor.done = walk_next;
    walk_next(&revocation.visitor);
}

static status_t revoke(struct thread *caller, struct object *object)
{
    bool first = list_empty(&askers);

    (void)object;
    caller->state = TRACE_THREAD_STATE_TRAVELLING; /* a kill finds it when its turn is over */
    list_append(&askers, &caller->link);
    if (first) {
        send_next();
    }
    return STATUS_BLOCKED;
}

status_t sys_cap_revoke(uint64_t handle)
{
    struct cap cap;

    return cap_lookup(current()->process->caps, handle, OBJECT_NONE, 0, &cap) == STATUS_OK
               ? object_invoke(&revocation.object, revoke)
               : STATUS_BAD_HANDLE;
}
