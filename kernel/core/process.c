/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a process: building it, and ending it in pieces. The header tells the order.
 */
#include "kernel/process.h"

#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/mapping.h"
#include "kernel/order.h"
#include "kernel/panic.h"
#include "kernel/sched/switch.h"
#include "smp/atomic.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define KILLS_PER_PIECE 16
#define SLOTS_PER_PIECE 16
#define TABLES_PER_PIECE 16
#define MAPPINGS_PER_PIECE 16
#define SLABS_PER_PIECE 16

struct process kernel_process = {.name = "kernel"};

static void process_gone_check(struct process *process);

static void unreferenced(struct object *object)
{
    struct process *process = (struct process *)object;

    process->unreferenced = true;
    process_end(process, CAUSE_KILLED, 0); /* nobody can watch or end it any more */
    process_gone_check(process);
}

static const struct object_class process_class = {
    .type = OBJECT_PROCESS,
    .unreferenced = unreferenced,
};

/* ---- building -------------------------------------------------------------------------------- */

/* The first pages of a process: itself, its capability table and lineages, the root of its
 * address space. */
_Static_assert(sizeof(struct process) <= PAGE_SIZE, "a process lies in one page");

void process_join(struct process *process)
{
    list_remove(&process->neighbours);
    list_append(&arch_this_cpu()->processes, &process->neighbours);
}

struct process *process_build(struct process *creator, struct pool *pool, const char *name,
                              cpu_t cpu)
{
    struct process *process = arch_to_virtual(pool_alloc_page(pool));

    process->caps = arch_to_virtual(pool_alloc_page(pool));
    process->lineages = arch_to_virtual(pool_alloc_page(pool));
    arch_space_init(&process->space, pool);
    process->pool = *pool;
    list_init(&process->threads);
    list_init(&process->children);
    if (creator != NULL) {
        list_append(&creator->children, &process->kin);
    }
    mapping_init(process);
    object_init(&process->object, &process_class, cpu, creator);
    process->teardown.mail.id = process->object.id;
    process->neighbours = (struct list_link){&process->neighbours, &process->neighbours};
    __builtin_memcpy(process->name, name, NAME_MAX);
    trace_process_create(process->object.id, creator == NULL ? 0 : creator->object.id);
    trace_write_name(TRACE_NAME_KIND_PROCESS, process->object.id, process->name);
    return process;
}

/* ---- ending: threads ------------------------------------------------------------------------- */

static void teardown_start(struct process *process);

void process_check_end(struct process *process)
{
    if (process->state == PROCESS_DYING && process->thread_count == 0 && process->pending == 0 &&
        !process->tearing_down) {
        teardown_start(process);
    }
}

/* Sends kill orders to some threads; those that have theirs are at the list's end. */
static void kill_piece(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, teardown.mail);

    process->pending--; /* this mail */
    for (unsigned i = 0; i < KILLS_PER_PIECE && !list_empty(&process->threads); i++) {
        struct thread *thread =
            container_of(list_first(&process->threads), struct thread, siblings);

        if (thread->doomed) { /* so are all that follow */
            process_check_end(process);
            return;
        }
        list_remove(&thread->siblings);
        list_append(&process->threads, &thread->siblings);
        SCHED_POINT();
        thread->doomed = true;
        order_kill(thread);
    }
    if (list_empty(&process->threads)) {
        process_check_end(process);
        return;
    }
    process->pending++;
    mail_again(mail);
}

void process_end(struct process *process, enum process_cause cause, uint32_t status)
{
    if (process->state != PROCESS_ALIVE) {
        return;
    }
    if (process->object.payer == NULL) {
        panic("the first process has ended, cause %u, status %u", cause, status);
    }
    process->state = PROCESS_DYING;
    process->cause = (uint8_t)cause;
    process->status = status;
    trace_process_exit((uint8_t)(cause - CAUSE_EXITED), process->object.id, (int32_t)status);
    process->pending++;
    mail_send_for(&process->teardown.mail, percpu(id), TRACE_TRAVEL_DESTROY, kill_piece);
}

static status_t end_own_process(struct thread *caller, struct object *object)
{
    process_end((struct process *)object, (enum process_cause)(caller->end_reason >> 32),
                (uint32_t)caller->end_reason);
    /* Relaxed: nobody else looks at it before it has been pushed. It dies at home, without a chance
     * to run again; the kill order that will look for it finds it dead. */
    store_relaxed(&caller->killed, 1);
    if (caller->home != percpu(id)) {
        return STATUS_OK;
    }
    thread_die(caller, (uint32_t)caller->end_reason);
    return STATUS_BLOCKED;
}

void process_end_by(struct thread *thread, enum process_cause cause, uint32_t status)
{
    thread->end_reason = (uint64_t)cause << 32 | status;
    (void)!invoke_continue(thread, &thread->process->object, end_own_process,
                           TRACE_TRAVEL_REMOTE_CALL);
}

void process_end_current(enum process_cause cause, uint32_t status)
{
    process_end_by(current(), cause, status);
    schedule();
}

void process_thread_dead(struct process *process, struct thread *thread)
{
    uint32_t status = thread->exit_status;

    thread->dead = true;
    process->time += thread->own.used;
    process->thread_count--;
    order_retry(thread, false);
    if (!thread->order_out) {
        thread_free(thread);
    }
    if (process->thread_count == 0) {
        process_end(process, CAUSE_EXITED, status);
        process_check_end(process);
    }
}

/* ---- ending: what it had --------------------------------------------------------------------- */

static void tables_piece(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, teardown.mail);

    if (!mapping_drop_step(process, MAPPINGS_PER_PIECE) ||
        !arch_space_destroy_step(&process->space, &process->pool, TABLES_PER_PIECE)) {
        mail_again(mail);
        return;
    }
    process->state = PROCESS_DEAD;
    if (process->watcher != NULL) {
        process->watcher->class->signal(process->watcher, process->watcher_bits);
        object_release(process->watcher);
        process->watcher = NULL;
    }
    process_gone_check(process);
}

static bool unload_visit(struct visitor *visitor)
{
    struct process *process = container_of(visitor, struct process, teardown);

    if (percpu(space_owner) == process) {
        percpu(space_owner) = NULL;
        arch_space_load(NULL);
    }
    return true;
}

static void unloaded(struct visitor *visitor)
{
    mail_send_for(&visitor->mail, percpu(id), TRACE_TRAVEL_DESTROY, tables_piece);
}

static void news_arrived(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, news);

    process_end(process, CAUSE_KILLED, 0);
    object_release(&process->object);
}

/* Ends some of the processes that this one pays for: whoever else may name them, its creator wants its
 * memory back. Those that know already are at the list's end. True: all know. */
static bool tell_children(struct process *process)
{
    for (unsigned i = 0; i < KILLS_PER_PIECE && !list_empty(&process->children); i++) {
        struct process *child = container_of(list_first(&process->children), struct process, kin);

        if (child->told) {
            return true;
        }
        list_remove(&child->kin);
        list_append(&process->children, &child->kin);
        child->told = true;
        if (count_up_unless_zero(&child->object.references)) { /* else it ends as it is */
            child->news.id = child->object.id;
            mail_send_for(&child->news, child->object.cpu, TRACE_TRAVEL_DESTROY, news_arrived);
        }
    }
    return list_empty(&process->children);
}

static void caps_piece(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, teardown.mail);

    if (process->slots_closed < CAPABILITY_SLOTS) {
        (void)cap_delete_range(process, 0, process->slots_closed, SLOTS_PER_PIECE);
        process->slots_closed += SLOTS_PER_PIECE;
    }
    if (!tell_children(process) || process->slots_closed < CAPABILITY_SLOTS) {
        mail_again(mail);
        return;
    }
    process->teardown.visit = unload_visit;
    process->teardown.done = unloaded;
    quiescence_walk(&process->teardown);
}

_Static_assert(CAPABILITY_SLOTS % SLOTS_PER_PIECE == 0, "pieces end with the table");

static void teardown_start(struct process *process)
{
    process->tearing_down = true;
    process->teardown.mail.arrive = caps_piece;
    mail_send(&process->teardown.mail, percpu(id));
}

/* ---- gone ------------------------------------------------------------------------------------ */

/* On the creator's CPU: all pages of the process become the creator's again. */
static void process_reclaim(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, object.visitor.mail);
    struct process *creator = process->object.payer;

    (void)pool_move(&process->pool, &creator->pool, process->pool.free_pages);
    if (process->pool.free_pages != 0) {
        mail_again(mail);
        return;
    }
    list_remove(&process->kin);
    pool_add(&creator->pool, arch_to_physical(process->caps), 1);
    pool_add(&creator->pool, arch_to_physical(process->lineages), 1);
    pool_add(&creator->pool, arch_to_physical(process), 1); /* it does not exist from here on */
    process_object_gone(creator);
}

static void slabs_piece(struct mail *mail)
{
    struct process *process = container_of(mail, struct process, object.visitor.mail);

    if (!slab_destroy_step(&process->slab, &process->pool, SLABS_PER_PIECE)) {
        mail_again(mail);
        return;
    }
    mail->arrive = process_reclaim;
    mail_send(mail, process->object.payer->object.cpu);
}

static void process_gone_check(struct process *process)
{
    if (process->state != PROCESS_DEAD || !process->unreferenced || process->objects != 0) {
        return;
    }
    list_remove(&process->neighbours);
    mail_send_for(&process->object.visitor.mail, percpu(id), TRACE_TRAVEL_DESTROY, slabs_piece);
}

void process_tell_memory(const struct process *process)
{
    trace_memory(process->object.id, (uint32_t)process->pool.free_pages);
}

void process_object_gone(struct process *process)
{
    process->objects--;
    process_tell_memory(process);
    process_gone_check(process);
}
