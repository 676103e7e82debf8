/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource ranges; the header is the manual.
 */
#include "kernel/cap.h"

#include "kernel/boot.h"
#include "kernel/cpu.h"

/* Does the first range lie within the second? An empty one lies nowhere. */
static bool range_within(uint64_t inner, uint64_t outer)
{
    uint64_t first = (uint32_t)inner, count = inner >> 32;
    uint64_t from = (uint32_t)outer, size = outer >> 32;

    return count > 0 && first >= from && count <= size && first - from <= size - count;
}

static const struct object_class classes[] = {
    {.type = OBJECT_CONSOLE},
    {.type = OBJECT_MACHINE},
    {.type = OBJECT_CPUS, .narrow = range_within},
    {.type = OBJECT_PORTS, .narrow = range_within},
    {.type = OBJECT_INTERRUPTS, .narrow = range_within},
    {.type = OBJECT_PHYSICAL, .narrow = range_within},
};

/* Parts of the machine: the kernel's own reference keeps them for ever. */
static struct object ranges[sizeof(classes) / sizeof(classes[0])];

struct object *range_object(enum object_type type)
{
    struct object *object = &ranges[type - OBJECT_CONSOLE];

    if (object->class == NULL) {
        object->class = &classes[type - OBJECT_CONSOLE];
        object->references = 1;
        object->id = object_id_new();
    }
    return object;
}

status_t range_check(struct cap_table *table, uint64_t handle, enum object_type type,
                     unsigned rights, uint64_t first, uint64_t count)
{
    struct cap cap;
    status_t status = cap_lookup(table, handle, type, rights, &cap);

    if (status == STATUS_OK && (first > UINT32_MAX || count > UINT32_MAX ||
                                !range_within(RANGE(first, count), cap.badge))) {
        status = STATUS_NO_RIGHT;
    }
    return status;
}

status_t range_check_place(const struct thread *caller, uint64_t place)
{
    uint64_t cpu = (uint32_t)place;

    if (cpu >= boot_info.cpu_count) {
        return STATUS_BAD_ARGUMENT;
    }
    return range_check(caller->process->caps, place >> 32, OBJECT_CPUS, RIGHT_WRITE, cpu, 1);
}
