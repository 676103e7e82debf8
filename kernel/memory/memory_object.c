/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory objects: making their frames, filling them, taking them apart; the header is the manual.
 *
 * All that takes long is done in pieces of PIECE pages or units (STATUS_AGAIN, or the object's mail to
 * itself), with the progress kept in the object.
 */
#include "kernel/memory_object.h"

#include "kernel/cpu.h"
#include "kernel/invoke.h"
#include "weft/kernel_syscalls.h"

#define PIECE 16u

/* Pages of the list. */
static uint64_t list_pages(const struct memory_object *memory)
{
    return align_up(memory->pages / memory->unit * sizeof(paddr_t), PAGE_SIZE) / PAGE_SIZE;
}

static bool memory_reclaim(struct object *object)
{
    struct memory_object *memory = (struct memory_object *)object;
    struct pool *pool = &object->payer->pool;

    for (unsigned i = 0; i < PIECE && memory->done > 0; i++) {
        uint32_t unit = (memory->done - 1) / memory->unit;

        pool_add(pool, memory->units[unit], memory->unit);
        memory->done = unit * memory->unit;
    }
    if (memory->done == 0 && memory->units != NULL && memory->units != &memory->base) {
        pool_add(pool, arch_to_physical(memory->units), list_pages(memory));
    }
    return memory->done == 0;
}

static const struct object_class memory_class = {
    .type = OBJECT_MEMORY,
    .size = sizeof(struct memory_object),
    .kind = TRACE_OBJECT_KIND_MEMORY,
    .reclaim = memory_reclaim,
};

struct memory_object *memory_object_new(struct process *payer, uint32_t pages, uint32_t unit)
{
    struct memory_object *memory =
        (struct memory_object *)object_create(&memory_class, payer->object.cpu, payer);

    if (memory != NULL) {
        memory->pages = pages;
        memory->unit = unit;
        memory->units = unit == pages ? &memory->base : NULL;
    }
    return memory;
}

/* Makes the next frames, and before them the list; STATUS_AGAIN: there are more to make. */
static status_t frames_make(struct memory_object *memory)
{
    struct pool *pool = &memory->object.payer->pool;

    if (memory->units == NULL) {
        paddr_t list = pool_alloc_run(pool, list_pages(memory));

        if (list == 0) {
            return STATUS_NO_MEMORY;
        }
        memory->units = arch_to_virtual(list);
    }
    for (unsigned i = 0; i < PIECE && memory->done < memory->pages; i++) {
        if (memory->done % memory->unit == 0) {
            paddr_t unit = pool_alloc_run(pool, memory->unit);

            if (unit == 0) {
                return STATUS_NO_MEMORY;
            }
            memory->units[memory->done / memory->unit] = unit;
        }
        __builtin_memset(arch_to_virtual(memory_frame(memory, memory->done)), 0, PAGE_SIZE);
        memory->done++;
    }
    return memory->done < memory->pages ? STATUS_AGAIN : STATUS_OK;
}

static uint32_t unit_of(uint64_t kind, uint32_t pages)
{
    if ((kind & MEMORY_CONTIGUOUS) != 0) {
        return pages;
    }
    return (kind & MEMORY_LARGE) != 0 ? POOL_BLOCK : 1;
}

status_t do_memory_create(struct thread *caller, struct object *object)
{
    struct memory_object *memory = (struct memory_object *)caller->second.object;
    uint64_t kind = arch_argument(&caller->frame, 0);
    uint64_t pages = kind & ~(uint64_t)(MEMORY_LARGE | MEMORY_CONTIGUOUS);
    status_t status;

    if (pages == 0 || pages > MEMORY_PAGES_MAX ||
        ((kind & MEMORY_LARGE) != 0 && pages % POOL_BLOCK != 0)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (memory == NULL) {
        memory = memory_object_new((struct process *)object, (uint32_t)pages,
                                   unit_of(kind, (uint32_t)pages));
        if (memory == NULL) {
            return STATUS_NO_MEMORY;
        }
        caller->second = (struct cap_gift){.object = &memory->object};
    }
    status = frames_make(memory);
    if (status == STATUS_NO_MEMORY) {
        cap_drop_gift(&caller->second);
    }
    if (status != STATUS_OK) {
        return status;
    }
    caller->second.object = NULL;
    process_tell_memory((struct process *)object);
    return cap_publish(caller, &memory->object,
                       RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE | RIGHT_COPY);
}

status_t do_memory_write(struct thread *caller, struct object *object)
{
    struct memory_object *memory = (struct memory_object *)object;
    uint64_t offset = arch_argument(&caller->frame, 1);
    uint64_t address = arch_argument(&caller->frame, 2);
    uint64_t length = arch_argument(&caller->frame, 3);

    if ((memory->access & PAGE_DEVICE) != 0 || length > MEMORY_COPY_MAX ||
        offset > memory->pages * PAGE_SIZE || length > memory->pages * PAGE_SIZE - offset) {
        return STATUS_BAD_ARGUMENT;
    }
    while (length > 0) {
        size_t in_page = PAGE_SIZE - offset % PAGE_SIZE;
        size_t part = length < in_page ? length : in_page;
        char *to = arch_to_virtual(memory_frame(memory, offset / PAGE_SIZE));

        status_t status = user_copy_in(caller->process, address, to + offset % PAGE_SIZE, part);

        if (status != STATUS_OK) {
            return status;
        }
        offset += part;
        address += part;
        length -= part;
    }
    return STATUS_OK;
}
