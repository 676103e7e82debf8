/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: making their frames, filling them, taking them apart; the header is the manual.
 *
 * All that takes long is done in pieces of PIECE pages or units (STATUS_AGAIN, or the object's mail to
 * itself), with the progress kept in the object.
 */
#include "kernel/memory_object.h"

#include "kernel/arch.h"
#include "kernel/invoke.h"
#include "kernel/panic.h"
#include "kernel/user_copy.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define PIECE 16u
#define BLOCK_SHIFT 9u

_Static_assert(1u << BLOCK_SHIFT == POOL_BLOCK, "a large object's unit is a block");

/* Pages of the list. */
static uint64_t list_pages(const struct memory_object *memory)
{
    return align_up((memory->pages >> memory->unit_shift) * sizeof(paddr_t), PAGE_SIZE) / PAGE_SIZE;
}

/* Makes the next page; false: no memory. What does not come as a single page is not zero yet. */
static bool page_add(struct memory_object *memory, struct pool *pool)
{
    uint32_t page = memory->done;
    uint32_t unit = page >> memory->unit_shift;

    if (memory->base == 0 && page == unit << memory->unit_shift) {
        memory->list[unit] =
            memory->unit_shift == 0 ? pool_alloc_page(pool) : pool_alloc_run(pool, POOL_BLOCK);
        if (memory->list[unit] == 0) {
            return false;
        }
    }
    if (memory->base != 0 || memory->unit_shift != 0) {
        __builtin_memset(arch_to_virtual(memory_frame(memory, page)), 0, PAGE_SIZE);
    }
    memory->done++;
    return true;
}

static bool memory_reclaim(struct object *object)
{
    struct memory_object *memory = (struct memory_object *)object;
    struct pool *pool = &object->payer->pool;

    if (memory->base != 0) {
        if (!memory_is_device(memory)) {
            pool_add(pool, memory->base, memory->pages);
        }
        return true;
    }
    for (unsigned i = 0; i < PIECE && memory->done > 0; i++) {
        uint32_t unit = (memory->done - 1) >> memory->unit_shift;

        pool_add(pool, memory->list[unit], 1ull << memory->unit_shift);
        memory->done = unit << memory->unit_shift;
    }
    if (memory->done == 0 && memory->list != NULL) {
        pool_add(pool, arch_to_physical(memory->list), list_pages(memory));
    }
    return memory->done == 0;
}

const struct object_class memory_class = {
    .type = OBJECT_MEMORY,
    .size = sizeof(struct memory_object),
    .reclaim = memory_reclaim,
};

struct memory_object *memory_object_new(struct process *payer, uint32_t pages)
{
    struct memory_object *memory = slab_alloc(&payer->slab, &payer->pool, sizeof(*memory));

    if (memory != NULL) {
        memory->pages = pages;
        object_init(&memory->object, &memory_class, payer->object.cpu, payer);
        trace_object_create(TRACE_OBJECT_KIND_MEMORY, memory->object.id, payer->object.id);
    }
    return memory;
}

/* Finds the run of a contiguous object, or one for the list of another. */
static bool frames_begin(struct memory_object *memory, struct pool *pool, uint64_t kind)
{
    paddr_t list;

    if ((kind & MEMORY_CONTIGUOUS) != 0) {
        memory->base = pool_alloc_run(pool, memory->pages);
        return memory->base != 0;
    }
    memory->unit_shift = (kind & MEMORY_LARGE) != 0 ? BLOCK_SHIFT : 0;
    list = pool_alloc_run(pool, list_pages(memory));
    memory->list = list != 0 ? arch_to_virtual(list) : NULL;
    return list != 0;
}

struct memory_object *memory_object_create(struct process *payer, uint32_t pages)
{
    struct memory_object *memory = memory_object_new(payer, pages);
    bool done = memory != NULL && frames_begin(memory, &payer->pool, 0);

    while (done && memory->done < pages) {
        done = page_add(memory, &payer->pool);
    }
    if (!done && memory != NULL) {
        object_release(&memory->object);
    }
    return done ? memory : NULL;
}

/* Gives an unfinished object up; it has no capability yet. */
static status_t memory_create_failed(struct thread *caller, status_t status)
{
    struct object *object = caller->second.object;

    caller->second.object = NULL;
    object_release(object);
    return status;
}

static status_t memory_create(struct thread *caller, struct object *object)
{
    struct process *process = (struct process *)object;
    uint64_t kind = arch_argument(&caller->frame, 0);
    struct memory_object *memory = (struct memory_object *)caller->second.object;
    uint64_t handle;
    status_t status;

    if (memory == NULL) {
        memory = memory_object_new(process, (uint32_t)kind);
        if (memory == NULL) {
            return STATUS_NO_MEMORY;
        }
        caller->second = (struct cap_gift){.object = &memory->object};
        if (!frames_begin(memory, &process->pool, kind)) {
            return memory_create_failed(caller, STATUS_NO_MEMORY);
        }
    }
    for (unsigned i = 0; i < PIECE && memory->done < memory->pages; i++) {
        if (!page_add(memory, &process->pool)) {
            return memory_create_failed(caller, STATUS_NO_MEMORY);
        }
    }
    if (memory->done < memory->pages) {
        return STATUS_AGAIN;
    }
    status = cap_insert(process, &memory->object,
                        RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE | RIGHT_COPY, 0, &handle);
    if (status != STATUS_OK) {
        return memory_create_failed(caller, status);
    }
    caller->second.object = NULL; /* the table has taken the reference over */
    arch_set_result(&caller->frame, handle);
    return STATUS_OK;
}

status_t sys_memory_create(uint64_t pages)
{
    uint64_t kind = pages & (MEMORY_LARGE | MEMORY_CONTIGUOUS);

    pages &= ~kind;
    if (pages == 0 || pages > MEMORY_PAGES_MAX ||
        ((kind & MEMORY_LARGE) != 0 && pages % POOL_BLOCK != 0)) {
        return STATUS_BAD_ARGUMENT;
    }
    return invoke_on_self(memory_create);
}

status_t sys_memory_write(uint64_t handle, uint64_t offset, uint64_t address, uint64_t length)
{
    struct process *process = current()->process;
    struct memory_object *memory;
    struct cap cap;
    status_t status = cap_lookup(process->caps, handle, OBJECT_MEMORY, RIGHT_WRITE, &cap);

    if (status != STATUS_OK) {
        return status;
    }
    memory = (struct memory_object *)cap.object;
    if (memory_is_device(memory) || length > MEMORY_COPY_MAX ||
        offset > memory->pages * PAGE_SIZE || length > memory->pages * PAGE_SIZE - offset) {
        return STATUS_BAD_ARGUMENT;
    }
    while (length > 0) {
        size_t in_page = PAGE_SIZE - offset % PAGE_SIZE;
        size_t part = length < in_page ? length : in_page;
        char *to = arch_to_virtual(memory_frame(memory, offset / PAGE_SIZE));

        status = user_copy_in(process, address, to + offset % PAGE_SIZE, part);
        if (status != STATUS_OK) {
            return status;
        }
        offset += part;
        address += part;
        length -= part;
    }
    return STATUS_OK;
}
