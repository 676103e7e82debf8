/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: creating, filling, mapping; the header is the manual.
 *
 * All that takes long is done in pieces of PIECE pages (STATUS_AGAIN), with the progress kept in the
 * calling thread. A mapping keeps its memory object alive through a struct mapping in the process.
 */
#include "kernel/memory_object.h"

#include "kernel/arch.h"
#include "kernel/invoke.h"
#include "kernel/panic.h"
#include "kernel/user_copy.h"
#include "trace/kernel/trace.h"
#include "weft/kernel_syscalls.h"

#define PIECE 16u

static void memory_reclaim(struct object *object)
{
    struct memory_object *memory = (struct memory_object *)object;
    struct process *payer = object->payer;

    for (uint32_t page = 0; page < memory->created; page++) {
        pool_free_page(&payer->pool, memory->frames[page]);
    }
    pool_free_page(&payer->pool, arch_to_physical(memory->frames));
}

const struct object_class memory_class = {
    .type = OBJECT_MEMORY,
    .size = sizeof(struct memory_object),
    .reclaim = memory_reclaim,
};

static struct memory_object *memory_object_new(struct process *payer, uint32_t pages)
{
    struct memory_object *memory = slab_alloc(&payer->slab, &payer->pool, sizeof(*memory));
    paddr_t list;

    if (memory == NULL) {
        return NULL;
    }
    list = pool_alloc_page(&payer->pool);
    if (list == 0) {
        slab_free(&payer->slab, memory, sizeof(*memory));
        return NULL;
    }
    memory->frames = arch_to_virtual(list);
    memory->pages = pages;
    object_init(&memory->object, &memory_class, payer->object.cpu, payer);
    trace_object_create(TRACE_OBJECT_KIND_MEMORY, memory->object.id, payer->object.id);
    return memory;
}

struct memory_object *memory_object_create(struct process *payer, uint32_t pages)
{
    struct memory_object *memory = memory_object_new(payer, pages);

    while (memory != NULL && memory->created < pages) {
        paddr_t frame = pool_alloc_page(&payer->pool);

        if (frame == 0) {
            object_release(&memory->object);
            return NULL;
        }
        memory->frames[memory->created++] = frame;
    }
    return memory;
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
    uint32_t pages = (uint32_t)arch_argument(&caller->frame, 0);
    struct memory_object *memory = (struct memory_object *)caller->second.object;
    uint64_t handle;
    status_t status;

    if (memory == NULL) {
        memory = memory_object_new(process, pages);
        if (memory == NULL) {
            return STATUS_NO_MEMORY;
        }
        caller->second.object = &memory->object;
    }
    for (unsigned i = 0; i < PIECE && memory->created < pages; i++) {
        paddr_t frame = pool_alloc_page(&process->pool);

        if (frame == 0) {
            return memory_create_failed(caller, STATUS_NO_MEMORY);
        }
        memory->frames[memory->created++] = frame;
    }
    if (memory->created < pages) {
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
    if (pages == 0 || pages > MEMORY_PAGES_MAX) {
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
    if (length > MEMORY_COPY_MAX || offset > memory->pages * PAGE_SIZE ||
        length > memory->pages * PAGE_SIZE - offset) {
        return STATUS_BAD_ARGUMENT;
    }
    while (length > 0) {
        size_t in_page = PAGE_SIZE - offset % PAGE_SIZE;
        size_t part = length < in_page ? length : in_page;
        char *to = arch_to_virtual(memory->frames[offset / PAGE_SIZE]);

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
