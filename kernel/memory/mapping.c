/* SPDX-License-Identifier: Apache-2.0
 *
 * Mapping and unmapping; the header is the manual.
 *
 * Theory of operation
 *
 * 1. States. A mapping is made (`done` grows to `pages`), stands, is cleared (`done` falls to 0), and
 *    leaves: out of the page tables, it waits for the shootdown. Until that is over it keeps its place
 *    in the tree, so that nothing else is mapped where some CPU may still remember it.
 * 2. Pieces. Making and clearing take PIECE entries of page tables at once; who asked goes on with
 *    the next piece when others had their turn. Whoever clears a mapping ends its making: the maker
 *    finds that it is not its `waiter` any more. If a maker or clearer is killed, the rest can be
 *    unmapped by anybody.
 * 3. Shootdown. Mappings that leave wait in a list of their process. A visitor takes up to BATCH of
 *    them along and walks to every CPU; each that has the space loaded forgets its translations. One
 *    walk is under way per process; what comes meanwhile waits for the next, and shares it. Nobody
 *    spins: the thread that asked waits like for any other journey, and is woken when the visitor is
 *    back. Only then the reference to the memory goes, so no CPU can reach a page that has been given
 *    to somebody else.
 * 4. Large pages. Where POOL_BLOCK pages in a row are one block of frames, and both are aligned, one
 *    entry maps them; never where single pages have been mapped before, as their table stays.
 */
#include "kernel/mapping.h"

#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "kernel/panic.h"
#include "smp/sched_point.h"
#include "weft/kernel_syscalls.h"

#define PIECE 128u       /* entries of page tables */
#define BATCH 32u        /* mappings that one shootdown serves */
#define REVOKE_PIECE 32u /* mappings that are looked at */

static bool range_valid(vaddr_t address, uint64_t pages)
{
    return address % PAGE_SIZE == 0 && address >= USER_BASE && address < USER_TOP && pages > 0 &&
           pages <= MEMORY_PAGES_MAX && pages * PAGE_SIZE <= USER_TOP - address;
}

/* The last mapping that begins at or before an address; NULL: none. */
static struct mapping *mapping_before(const struct process *process, vaddr_t address)
{
    struct tree_node *node = tree_at_or_before(&process->mappings, address);

    return node != NULL ? container_of(node, struct mapping, node) : NULL;
}

/* The one that begins there; NULL: none. */
static struct mapping *mapping_at(const struct process *process, vaddr_t address)
{
    struct mapping *mapping = mapping_before(process, address);

    return mapping != NULL && mapping->node.key == address ? mapping : NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

static status_t mapping_begin(struct process *process, const struct mapping *wanted)
{
    vaddr_t address = wanted->node.key;
    struct mapping *last = mapping_before(process, address + (wanted->pages - 1) * PAGE_SIZE);
    struct mapping *mapping;

    if (last != NULL && last->node.key + last->pages * PAGE_SIZE > address) {
        return STATUS_EXISTS;
    }
    mapping = slab_alloc(&process->slab, &process->pool, sizeof(*mapping));
    if (mapping == NULL) {
        return STATUS_NO_MEMORY;
    }
    *mapping = *wanted;
    mapping->access |= mapping->memory->access;
    tree_insert(&process->mappings, &mapping->node);
    return STATUS_OK;
}

static status_t mapping_fill(struct process *process, struct mapping *mapping)
{
    const struct memory_object *memory = mapping->memory;

    for (unsigned i = 0; i < PIECE && mapping->done < mapping->pages; i++) {
        uint64_t page = mapping->first_page + mapping->done;
        uint64_t in_row = memory->unit - page % memory->unit;
        uint64_t left = mapping->pages - mapping->done;
        unsigned pages = arch_space_map(
            &process->space, &process->pool, mapping->node.key + mapping->done * PAGE_SIZE,
            memory_frame(memory, page), in_row < left ? in_row : left, mapping->access);

        if (pages == 0) {
            return STATUS_NO_MEMORY;
        }
        mapping->done += pages;
    }
    return mapping->done < mapping->pages ? STATUS_AGAIN : STATUS_OK;
}

status_t mapping_create(struct process *process, const struct mapping *wanted)
{
    status_t status = mapping_begin(process, wanted);

    if (status == STATUS_OK) {
        do {
            status = mapping_fill(process, mapping_at(process, wanted->node.key));
        } while (status == STATUS_AGAIN);
    }
    return status;
}

/* ---- taking away ----------------------------------------------------------------------------- */

static void mapping_forget(struct process *process, struct mapping *mapping)
{
    tree_remove(&process->mappings, &mapping->node);
    object_release(&mapping->memory->object);
    slab_free(&process->slab, mapping, sizeof(*mapping));
}

static bool shootdown_visit(struct visitor *visitor)
{
    if (percpu(space_owner) == container_of(visitor, struct process, shootdown)) {
        percpu(statistics.shootdowns)++;
        arch_tlb_flush();
    }
    return true;
}

static void shootdown_start(struct process *process)
{
    for (unsigned i = 0; i < BATCH && !list_empty(&process->leaving); i++) {
        list_append(&process->flushing, list_take_first(&process->leaving));
    }
    process->shootdown.mail.id = process->object.id;
    quiescence_walk(&process->shootdown);
}

static void shootdown_done(struct visitor *visitor)
{
    struct process *process = container_of(visitor, struct process, shootdown);
    struct list_link *link;

    while ((link = list_take_first(&process->flushing)) != NULL) {
        struct mapping *mapping = container_of(link, struct mapping, link);
        struct thread *waiter = mapping->waiter;
        status_t status = mapping->status;

        mapping_forget(process, mapping);
        process->pending--;
        if (waiter != NULL && thread_arrived(waiter)) {
            thread_set_status(waiter, status);
            thread_wake(waiter, 0);
        }
    }
    if (!list_empty(&process->leaving)) {
        shootdown_start(process);
    }
    process_check_end(process);
}

/* Takes a piece of a mapping out of the page tables, from the end, whoever may be making it. When nothing
 * is left in them it waits for the next shootdown (STATUS_BLOCKED), and with it `waiter`, if there is one,
 * to go on with `outcome`. */
static status_t mapping_remove(struct process *process, struct mapping *mapping,
                               struct thread *waiter, status_t outcome)
{
    mapping->waiter = waiter;
    mapping->status = outcome;
    for (unsigned i = 0; i < PIECE && mapping->done > 0; i++) {
        unsigned pages =
            arch_space_unmap(&process->space, mapping->node.key + (mapping->done - 1) * PAGE_SIZE);

        ASSERT(pages > 0 && pages <= mapping->done);
        mapping->done -= pages;
    }
    if (mapping->done > 0) {
        return STATUS_AGAIN;
    }
    SCHED_POINT();
    mapping->leaving = true;
    if (waiter != NULL) {
        /* A kill finds it when the visitor is back. */
        waiter->state = TRACE_THREAD_STATE_TRAVELLING;
    }
    process->pending++;
    list_append(&process->leaving, &mapping->link);
    if (list_empty(&process->flushing)) {
        shootdown_start(process);
    }
    return STATUS_BLOCKED;
}

void mapping_init(struct process *process)
{
    list_init(&process->leaving);
    list_init(&process->flushing);
    process->shootdown.visit = shootdown_visit;
    process->shootdown.done = shootdown_done;
}

bool mapping_drop_step(struct process *process, unsigned budget)
{
    for (; !tree_empty(&process->mappings) && budget > 0; budget--) {
        mapping_forget(process, container_of(tree_first(&process->mappings), struct mapping, node));
    }
    return tree_empty(&process->mappings);
}

/* The first mapping that the revocation has not looked at. */
static struct mapping *revoke_next(const struct process *process)
{
    struct tree_node *last = tree_at_or_before(&process->mappings, process->revoke_at);
    struct tree_node *node = last != NULL ? tree_next(last) : tree_first(&process->mappings);

    return node != NULL ? container_of(node, struct mapping, node) : NULL;
}

bool mapping_revoke_step(struct process *process, uint32_t id, uint32_t *unmapped)
{
    for (unsigned i = 0; i < REVOKE_PIECE; i++) {
        struct mapping *mapping = revoke_next(process);

        if (mapping == NULL) {
            process->revoke_at = 0;
            return true;
        }
        if (!mapping->leaving && cap_descends(&mapping->lineage, id)) {
            if (mapping_remove(process, mapping, NULL, STATUS_OK) == STATUS_AGAIN) {
                return false;
            }
            ++*unmapped;
        }
        process->revoke_at = mapping->node.key;
    }
    return false;
}

/* ---- system calls ---------------------------------------------------------------------------- */

/* Goes on with the caller's mapping, if nobody has ended that. */
static status_t map_more(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct mapping *mapping = mapping_at(process, arch_argument(&caller->frame, 2));
    status_t status;

    if (process->state != PROCESS_ALIVE) {
        return STATUS_DEAD;
    }
    if (mapping == NULL || mapping->waiter != caller) {
        return STATUS_CANCELLED;
    }
    if (mapping->status == STATUS_OK) {
        status = mapping_fill(process, mapping);
        mapping->waiter = status == STATUS_OK ? NULL : caller;
        if (status != STATUS_NO_MEMORY) {
            return status;
        }
    }
    return mapping_remove(process, mapping, caller,
                          STATUS_NO_MEMORY); /* what is there goes again */
}

/* Begins it. */
status_t do_memory_map(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    uint64_t handle = arch_argument(&caller->frame, 1);
    uint64_t access = arch_argument(&caller->frame, 5);
    struct mapping wanted = {
        .node.key = arch_argument(&caller->frame, 2),
        .first_page = arch_argument(&caller->frame, 3),
        .pages = arch_argument(&caller->frame, 4),
        .access = (unsigned)access,
        .waiter = caller,
    };
    struct cap cap;
    status_t status;

    if ((access & ~(uint64_t)(RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE)) != 0 ||
        (access & RIGHT_READ) == 0 ||
        (access & (RIGHT_WRITE | RIGHT_EXECUTE)) == (RIGHT_WRITE | RIGHT_EXECUTE)) {
        return STATUS_BAD_ARGUMENT;
    }
    status = cap_lookup(caller->process->caps, handle, OBJECT_MEMORY, (unsigned)access, &cap);
    if (status != STATUS_OK) {
        return status;
    }
    wanted.memory = (struct memory_object *)cap.object;
    if (!range_valid(wanted.node.key, wanted.pages) || wanted.first_page > wanted.memory->pages ||
        wanted.pages > wanted.memory->pages - wanted.first_page) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!cap_read_lineage(caller->process, handle, &wanted.lineage) || !cap_keep(&cap, 0)) {
        return STATUS_BAD_HANDLE;
    }
    status = process->state != PROCESS_ALIVE || cap_revoked(&wanted.lineage)
                 ? STATUS_DEAD
                 : mapping_begin(process, &wanted);
    if (status != STATUS_OK) {
        cap_drop(cap.object, 0);
        return status;
    }
    caller->invoke = map_more;
    return map_more(caller, object);
}

status_t do_memory_unmap(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    struct mapping *mapping = mapping_at(process, arch_argument(&caller->frame, 1));

    if (process->state != PROCESS_ALIVE) {
        return STATUS_DEAD;
    }
    if (mapping == NULL || mapping->leaving || mapping->pages != arch_argument(&caller->frame, 2)) {
        return STATUS_BAD_ARGUMENT;
    }
    return mapping_remove(process, mapping, caller, STATUS_OK);
}
