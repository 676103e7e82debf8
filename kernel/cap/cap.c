/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability tables; the header is the manual.
 */
#include "kernel/cap.h"

#include "kernel/cpu.h"
#include "smp/atomic.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define GENERATION_SHIFT 8
#define GENERATION_MASK 0x7fffffu /* handles stay below 2^31: user space sees them as positive */

status_t cap_lookup(struct cap_table *table, uint64_t handle, enum object_type type,
                    unsigned rights, struct cap *out)
{
    if ((handle & CAP_INDEX_MASK) == 0 || !cap_read(table, handle, out)) {
        return STATUS_BAD_HANDLE;
    }
    if (type != OBJECT_NONE && (out->kind & 0xff) != type) {
        return STATUS_WRONG_TYPE;
    }
    return (cap_rights(out) & rights) == rights ? STATUS_OK : STATUS_NO_RIGHT;
}

status_t cap_refusal(struct cap_table *table, uint64_t handle, enum object_type type,
                     unsigned rights)
{
    struct cap cap;
    status_t status = cap_lookup(table, handle, type, rights, &cap);

    return status == STATUS_OK ? STATUS_BAD_HANDLE : status; /* it has been filled just now */
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

void cap_drop_gift(struct cap_gift *gift)
{
    if (gift->object != NULL) {
        cap_drop(gift->object, gift->rights);
        gift->object = NULL;
    }
}

/* ---- lineage --------------------------------------------------------------------------------- */

bool cap_read_lineage(struct process *process, uint64_t handle, struct cap_lineage *out)
{
    struct cap_slot *slot = cap_slot_of(process->caps, handle);
    struct cap_lineage *lineage = &process->lineages[slot - process->caps->slots];

    /* [cap.handle] acquire: the lineage is at least as new as this handle. Pairs with [cap.fill]. */
    if (handle == 0 || load_acquire(&slot->handle) != handle) {
        return false;
    }
    /* [cap.read] acquire: as in cap_read(). Pairs with [cap.refill]. */
    out->id = load_acquire(&lineage->id);
    for (unsigned i = 0; i < CAP_ANCESTORS; i++) {
        out->ancestors[i] = load_acquire(&lineage->ancestors[i]); /* [cap.read] */
    }
    return load_relaxed(&slot->handle) == handle; /* Relaxed: ordered by the above. */
}

bool cap_descends(const struct cap_lineage *lineage, uint32_t id)
{
    for (unsigned i = 0; i < CAP_ANCESTORS && id != 0; i++) {
        if (lineage->ancestors[i] == id) {
            return true;
        }
    }
    return false;
}

bool cap_revoked(const struct cap_lineage *lineage)
{
    return cap_descends(lineage, percpu(revoking));
}

/* Turns a lineage into that of its child, which has no id yet. */
static bool lineage_descend(struct cap_lineage *lineage)
{
    for (unsigned i = 0; i < CAP_ANCESTORS; i++) {
        if (lineage->ancestors[i] == 0) {
            lineage->ancestors[i] = lineage->id;
            lineage->id = 0;
            return true;
        }
    }
    return false;
}

static void lineage_store(struct cap_lineage *to, const struct cap_lineage *from)
{
    /* [cap.refill] release: as for the slot. Pairs with [cap.read]. */
    store_release(&to->id, object_id_new());
    for (unsigned i = 0; i < CAP_ANCESTORS; i++) {
        store_release(&to->ancestors[i], from->ancestors[i]); /* [cap.refill] */
    }
}

/* ---- filling --------------------------------------------------------------------------------- */

static uint64_t slot_fill_at(struct process *process, unsigned index, const struct cap_gift *gift,
                             uint16_t kind)
{
    struct cap_slot *slot = &process->caps->slots[index];
    uint64_t handle = (slot->generation & GENERATION_MASK) << GENERATION_SHIFT | index;

    /* [cap.refill] release: who sees one of these also sees that the handle was cleared before.
     * Pairs with [cap.read]. */
    store_release(&slot->object, gift->object);
    store_release(&slot->badge, gift->badge);
    store_release(&slot->kind, kind);
    lineage_store(&process->lineages[index], &gift->lineage);
    slot->generation++;
    /* [cap.fill] release: the slot is complete. Pairs with [cap.handle]. */
    store_release(&slot->handle, (uint32_t)handle);
    return handle;
}

static status_t slot_fill(struct process *process, const struct cap_gift *gift, uint64_t *handle)
{
    for (unsigned index = 1; index < CAPABILITY_SLOTS; index++) {
        if (process->caps->slots[index].handle == 0) {
            *handle = slot_fill_at(process, index, gift,
                                   CAP_KIND(gift->object->class->type, gift->rights));
            return STATUS_OK;
        }
    }
    return STATUS_NO_SLOT;
}

status_t cap_insert(struct process *process, struct object *object, unsigned rights, uint64_t badge,
                    uint64_t *handle)
{
    return slot_fill(
        process, &(struct cap_gift){.object = object, .rights = rights, .badge = badge}, handle);
}

status_t cap_publish(struct thread *caller, struct object *object, unsigned rights)
{
    uint64_t handle;
    status_t status = cap_insert(caller->process, object, rights, 0, &handle);

    if (status == STATUS_OK) {
        arch_set_result(&caller->frame, handle);
    } else {
        object_release(object);
    }
    return status;
}

status_t cap_create(struct thread *caller, const struct object_class *class, cpu_t cpu,
                    struct object **out)
{
    *out = object_create(class, cpu, caller->process);
    return *out != NULL ? cap_publish(caller, *out, class->rights) : STATUS_NO_MEMORY;
}

/* ---- handing on ------------------------------------------------------------------------------ */

static bool may_badge(const struct cap *cap, uint64_t badge)
{
    return cap->object->class->narrow != NULL ? cap->object->class->narrow(badge, cap->badge)
                                              : cap->badge == 0;
}

status_t cap_take(struct process *process, uint64_t handle, enum object_type type, uint64_t rights,
                  uint64_t badge, struct cap_gift *out)
{
    struct cap cap;
    status_t status = cap_lookup(process->caps, handle, type, RIGHT_COPY, &cap);

    out->object = NULL;
    if (status != STATUS_OK) {
        return status;
    }
    if ((rights & ~(uint64_t)cap_rights(&cap)) != 0) {
        return STATUS_NO_RIGHT;
    }
    if (badge != 0 && !may_badge(&cap, badge)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!cap_read_lineage(process, handle, &out->lineage)) {
        return STATUS_BAD_HANDLE;
    }
    if (!lineage_descend(&out->lineage)) {
        return STATUS_DEPTH;
    }
    if (!cap_keep(&cap, (unsigned)rights)) {
        return STATUS_BAD_HANDLE;
    }
    out->object = cap.object;
    out->rights = (unsigned)rights;
    out->badge = badge != 0 ? badge : cap.badge;
    return STATUS_OK;
}

status_t cap_insert_gift(struct process *process, struct cap_gift *gift, uint64_t *handle)
{
    status_t status = STATUS_DEAD;

    if (process->state == PROCESS_ALIVE && !cap_revoked(&gift->lineage)) {
        status = slot_fill(process, gift, handle);
    }
    if (status != STATUS_OK) {
        cap_drop_gift(gift);
        return status;
    }
    trace_cap_grant((uint8_t)gift->rights, gift->object->id, process->object.id);
    if (gift->object == &process->object) { /* on oneself, one holds no reference */
        cap_drop(gift->object, gift->rights);
    }
    gift->object = NULL;
    return STATUS_OK;
}

/* ---- removing -------------------------------------------------------------------------------- */

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

status_t cap_set_fault(struct process *process, struct cap_gift *gift)
{
    struct cap_slot *slot = &process->caps->slots[0];

    if (process->state != PROCESS_ALIVE || cap_revoked(&gift->lineage)) {
        cap_drop_gift(gift);
        return STATUS_DEAD;
    }
    if (slot->handle != 0) {
        slot_clear(process, slot);
    }
    if (gift->object != NULL) {
        slot->generation |= 1; /* its handle is not 0 */
        (void)slot_fill_at(process, 0, gift, CAP_KIND(OBJECT_NONE, 0));
        gift->object = NULL;
    }
    return STATUS_OK;
}

status_t cap_delete(struct process *process, uint64_t handle)
{
    struct cap_slot *slot = cap_slot_of(process->caps, handle);

    if ((handle & CAP_INDEX_MASK) == 0 || slot->handle != handle) {
        return STATUS_BAD_HANDLE;
    }
    slot_clear(process, slot);
    return STATUS_OK;
}

unsigned cap_delete_range(struct process *process, uint32_t ancestor, unsigned first,
                          unsigned count)
{
    unsigned removed = 0;

    for (unsigned i = first; i < first + count; i++) {
        if (process->caps->slots[i].handle != 0 &&
            (ancestor == 0 || cap_descends(&process->lineages[i], ancestor))) {
            slot_clear(process, &process->caps->slots[i]);
            removed++;
        }
    }
    return removed;
}
