/* SPDX-License-Identifier: Apache-2.0
 *
 * Mapping and unmapping; the header is the manual.
 *
 * TLB shootdown. Unmapping clears the page table entries, then the mapping visits every CPU; each
 * that has the space loaded forgets its translations. Nobody spins: the thread that asked waits like
 * for any other journey, and is woken when the visitor is back. Only then the reference to the
 * memory goes, so no CPU can reach a page that has been given to somebody else.
 *
 * Limit: at most MEMORY_PAGES_MAX pages at once, so that the work is bounded.
 */
#include "kernel/mapping.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/panic.h"
#include "smp/sched_point.h"
#include "weft/kernel_syscalls.h"

/* Page tables that mapping MEMORY_PAGES_MAX pages can need: two of each level below the root. */
#define TABLES_MAX 6

static bool range_valid(vaddr_t address, uint64_t pages)
{
    return address % PAGE_SIZE == 0 && address >= USER_BASE && address < USER_TOP && pages > 0 &&
           pages <= MEMORY_PAGES_MAX && pages * PAGE_SIZE <= USER_TOP - address;
}

static bool range_taken(const struct process *process, vaddr_t address, uint64_t pages)
{
    for (const struct mapping *m = process->mappings; m != NULL; m = m->next) {
        if (address < m->address + m->pages * PAGE_SIZE &&
            m->address < address + pages * PAGE_SIZE) {
            return true;
        }
    }
    return false;
}

status_t mapping_create(struct process *process, struct memory_object *memory, vaddr_t address,
                        uint64_t first_page, uint64_t pages, unsigned access,
                        const struct cap_lineage *lineage)
{
    struct mapping *mapping;

    if (range_taken(process, address, pages)) {
        return STATUS_EXISTS;
    }
    /* All that can run out is checked before the first page is mapped: there is no way back then. */
    if (process->pool.free_pages < TABLES_MAX + 1) {
        return STATUS_NO_MEMORY;
    }
    mapping = slab_alloc(&process->slab, &process->pool, sizeof(*mapping));
    for (uint64_t page = 0; page < pages; page++) {
        status_t status =
            arch_space_map(&process->space, &process->pool, address + page * PAGE_SIZE,
                           memory->frames[first_page + page], access);

        ASSERT(status == STATUS_OK);
        (void)status;
    }
    mapping->process = process;
    mapping->memory = memory;
    mapping->address = address;
    mapping->pages = pages;
    mapping->lineage = *lineage;
    mapping->shootdown.mail.id = memory->object.id;
    mapping->next = process->mappings;
    process->mappings = mapping;
    return STATUS_OK;
}

bool mapping_drop_step(struct process *process, unsigned budget)
{
    for (; process->mappings != NULL && budget > 0; budget--) {
        struct mapping *mapping = process->mappings;

        process->mappings = mapping->next;
        object_release(&mapping->memory->object);
        slab_free(&process->slab, mapping, sizeof(*mapping));
    }
    return process->mappings == NULL;
}

/* ---- map ------------------------------------------------------------------------------------- */

static status_t memory_map(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct memory_object *memory = (struct memory_object *)caller->second.object;
    status_t status = STATUS_DEAD;

    if (process->state == PROCESS_ALIVE && !cap_revoked(&caller->second.lineage)) {
        status =
            mapping_create(process, memory, arch_argument(&caller->frame, 2),
                           arch_argument(&caller->frame, 3), arch_argument(&caller->frame, 4),
                           (unsigned)arch_argument(&caller->frame, 5), &caller->second.lineage);
    }
    if (status != STATUS_OK) {
        object_release(&memory->object);
    }
    caller->second.object = NULL;
    return status;
}

status_t sys_memory_map(uint64_t target, uint64_t handle, uint64_t address, uint64_t first_page,
                        uint64_t pages, uint64_t access)
{
    struct thread *caller = current();
    struct cap process, memory;
    status_t status;

    status = cap_lookup(caller->process->caps, target, OBJECT_PROCESS, RIGHT_MANAGE, &process);
    if (status != STATUS_OK) {
        return status;
    }
    if ((access & ~(uint64_t)(RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE)) != 0 ||
        (access & RIGHT_READ) == 0 ||
        (access & (RIGHT_WRITE | RIGHT_EXECUTE)) == (RIGHT_WRITE | RIGHT_EXECUTE)) {
        return STATUS_BAD_ARGUMENT;
    }
    status = cap_lookup(caller->process->caps, handle, OBJECT_MEMORY, (unsigned)access, &memory);
    if (status != STATUS_OK) {
        return status;
    }
    if (!range_valid(address, pages) ||
        first_page > ((struct memory_object *)memory.object)->pages ||
        pages > ((struct memory_object *)memory.object)->pages - first_page) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!cap_read_lineage(caller->process, handle, &caller->second.lineage) ||
        !cap_keep(&memory, 0)) {
        return STATUS_BAD_HANDLE;
    }
    caller->second.object = memory.object;
    caller->second.rights = 0;
    return object_invoke(process.object, memory_map);
}

/* ---- unmap ----------------------------------------------------------------------------------- */

static void shootdown_visit(struct visitor *visitor)
{
    struct mapping *mapping = container_of(visitor, struct mapping, shootdown);

    if (percpu(space_owner) == mapping->process) {
        arch_tlb_flush();
    }
}

static void shootdown_done(struct visitor *visitor)
{
    struct mapping *mapping = container_of(visitor, struct mapping, shootdown);
    struct process *process = mapping->process;
    struct thread *waiter = mapping->waiter;

    object_release(&mapping->memory->object);
    slab_free(&process->slab, mapping, sizeof(*mapping));
    process->pending--;
    if (waiter != NULL && thread_arrived(waiter)) {
        thread_set_status(waiter, STATUS_OK);
        thread_wake(waiter, 0);
    }
    process_check_end(process);
}

/* Takes the mapping behind `link` away; `waiter`, if there is one, sleeps until no CPU reaches it. */
static void mapping_remove(struct mapping **link, struct thread *waiter)
{
    struct mapping *mapping = *link;
    struct process *process = mapping->process;

    *link = mapping->next;
    for (uint64_t page = 0; page < mapping->pages; page++) {
        arch_space_unmap(&process->space, mapping->address + page * PAGE_SIZE);
    }
    SCHED_POINT();
    process->pending++;
    mapping->waiter = waiter;
    if (waiter != NULL) {
        waiter->state =
            TRACE_THREAD_STATE_TRAVELLING; /* a kill finds it when the visitor is back */
    }
    mapping->shootdown.visit = shootdown_visit;
    mapping->shootdown.done = shootdown_done;
    quiescence_walk(&mapping->shootdown);
}

bool mapping_revoke_step(struct process *process, uint32_t id)
{
    struct mapping **link = &process->mappings;

    while (*link != NULL && !cap_descends(&(*link)->lineage, id)) {
        link = &(*link)->next;
    }
    if (*link == NULL) {
        return true;
    }
    mapping_remove(link, NULL);
    return false;
}

static status_t memory_unmap(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    vaddr_t address = arch_argument(&caller->frame, 1);
    uint64_t pages = arch_argument(&caller->frame, 2);
    struct mapping **link = &process->mappings;

    if (process->state != PROCESS_ALIVE) {
        return STATUS_DEAD;
    }
    while (*link != NULL && ((*link)->address != address || (*link)->pages != pages)) {
        link = &(*link)->next;
    }
    if (*link == NULL) {
        return STATUS_BAD_ARGUMENT;
    }
    mapping_remove(link, caller);
    return STATUS_BLOCKED;
}

status_t sys_memory_unmap(uint64_t target, uint64_t address, uint64_t pages)
{
    struct cap process;
    status_t status =
        cap_lookup(current()->process->caps, target, OBJECT_PROCESS, RIGHT_MANAGE, &process);

    (void)address, (void)pages; /* read on the process's CPU */
    return status != STATUS_OK ? status : object_invoke(process.object, memory_unmap);
}
