/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability tables; the header is the manual.
 */
#include "kernel/cap.h"

#include "kernel/process.h"
#include "smp/atomic.h"
#include "smp/sched_point.h"

#define GENERATION_SHIFT 8
#define GENERATION_MASK 0x7fffffu /* handles stay below 2^31: user space sees them as positive */

status_t cap_lookup(struct cap_table *table, uint64_t handle, enum object_type type,
                    unsigned rights, struct cap *out)
{
    if (!cap_read(table, handle, out)) {
        return STATUS_BAD_HANDLE;
    }
    if (type != OBJECT_NONE && (out->kind & 0xff) != type) {
        return STATUS_WRONG_TYPE;
    }
    return (cap_rights(out) & rights) == rights ? STATUS_OK : STATUS_NO_RIGHT;
}

bool cap_keep(const struct cap *cap, unsigned rights)
{
    struct object *object = cap->object;

    SCHED_POINT();
    if (!count_up_unless_zero(&object->references)) {
        return false;
    }
    if (object->class->granted != NULL && !object->class->granted(object, rights)) {
        object_release(object);
        return false;
    }
    return true;
}

void cap_drop(struct object *object, unsigned rights)
{
    if (object->class->withdrawn != NULL) {
        object->class->withdrawn(object, rights);
    }
    object_release(object);
}

status_t cap_insert(struct cap_table *table, struct object *object, unsigned rights, uint64_t badge,
                    uint64_t *handle)
{
    for (unsigned index = 1; index < CAPABILITY_SLOTS; index++) {
        struct cap_slot *slot = &table->slots[index];

        if (slot->handle != 0) {
            continue;
        }
        /* [cap.refill] release: who sees one of these also sees that the handle was cleared before.
         * Pairs with [cap.read]. */
        store_release(&slot->object, object);
        store_release(&slot->badge, badge);
        store_release(&slot->kind, CAP_KIND(object->class->type, rights));
        *handle = (slot->generation & GENERATION_MASK) << GENERATION_SHIFT | index;
        slot->generation++;
        /* [cap.fill] release: the slot is complete. Pairs with [cap.handle]. */
        store_release(&slot->handle, (uint32_t)*handle);
        return STATUS_OK;
    }
    return STATUS_NO_SLOT;
}

status_t cap_insert_self(struct process *process, unsigned rights, uint64_t *handle)
{
    return cap_insert(process->caps, &process->object, rights, 0, handle);
}

static void slot_clear(struct process *process, struct cap_slot *slot)
{
    /* Relaxed: who still finds the old handle may use the object, which outlives a quiescence walk;
     * a later filling of the slot is ordered behind this ([cap.refill]). */
    store_relaxed(&slot->handle, 0);
    SCHED_POINT();
    if (slot->object != &process->object) {
        cap_drop(slot->object, slot->kind >> 8);
    }
}

status_t cap_delete(struct process *process, uint64_t handle)
{
    struct cap_slot *slot = cap_slot_of(process->caps, handle);

    if (handle == 0 || slot->handle != handle) {
        return STATUS_BAD_HANDLE;
    }
    slot_clear(process, slot);
    return STATUS_OK;
}

void cap_delete_range(struct process *process, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (process->caps->slots[i].handle != 0) {
            slot_clear(process, &process->caps->slots[i]);
        }
    }
}
