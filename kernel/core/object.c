/* SPDX-License-Identifier: Apache-2.0
 *
 * References to objects and the way they end; the header tells the three steps.
 */
#include "kernel/object.h"

#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "smp/quiescence.h"
#include "trace/kernel/trace.h"

uint32_t object_id_new(void)
{
    /* Each CPU counts for itself; the remainder tells them apart. Starts at 1: 0 means nobody. */
    return ++percpu(ids) * boot_info.cpu_count + percpu(id);
}

void object_init(struct object *object, const struct object_class *class, cpu_t cpu,
                 struct process *payer)
{
    object->class = class;
    object->cpu = cpu;
    object->id = object_id_new();
    object->references = 1;
    object->payer = payer;
    object->visitor.mail.id = object->id;
    if (payer != NULL) {
        payer->objects++;
        process_tell_memory(payer);
    }
}

struct object *object_create(const struct object_class *class, cpu_t cpu, struct process *payer)
{
    struct object *object = slab_alloc(&payer->slab, &payer->pool, class->size);

    if (object != NULL) {
        object_init(object, class, cpu, payer);
        if (class->init != NULL) {
            class->init(object);
        }
        trace_object_create((uint8_t) class->kind, object->id, payer->object.id);
    }
    return object;
}

void object_retain(struct object *object)
{
    /* Relaxed: the caller's own reference keeps the object alive meanwhile. */
    fetch_add_relaxed(&object->references, 1);
}

/* Step 3. */
static void object_reclaim(struct mail *mail)
{
    struct object *object = container_of(mail, struct object, visitor.mail);
    struct process *payer = object->payer;

    if (object->class->reclaim != NULL && !object->class->reclaim(object)) {
        mail_again(mail);
        return;
    }
    slab_free(&payer->slab, object, object->class->size);
    process_object_gone(payer);
}

/* Step 2 is over. */
static void object_quiescent(struct visitor *visitor)
{
    struct object *object = container_of(visitor, struct object, visitor);

    if (object->class->unreferenced != NULL) {
        object->class->unreferenced(object);
        return;
    }
    mail_send_for(&visitor->mail, object->payer->object.cpu, TRACE_TRAVEL_DESTROY, object_reclaim);
}

/* Step 1. */
static void object_destroy(struct mail *mail)
{
    struct object *object = container_of(mail, struct object, visitor.mail);

    if (object->class->orphaned != NULL && !object->class->orphaned(object)) {
        mail_send(mail, percpu(id));
        return;
    }
    object->visitor.visit = NULL;
    object->visitor.done = object_quiescent;
    quiescence_walk(&object->visitor);
}

void object_release(struct object *object)
{
    /* [object.references] acquire and release: all that holders did to the object happened before
     * its end. Pairs with itself on other CPUs. */
    if (fetch_sub_acq_rel(&object->references, 1) != 1) {
        return;
    }
    mail_send_for(&object->visitor.mail, object->cpu, TRACE_TRAVEL_DESTROY, object_destroy);
}
