/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability tables: the only way in which user code names kernel objects.
 *
 * A table belongs to a process; only the CPU that owns the process writes it. Threads of the process
 * on other CPUs read it meanwhile. A slot is filled by storing its `handle` last and emptied by
 * clearing it first; a reader looks at the handle before and after it reads the rest, so it never
 * mixes two fillings. What it found stays valid for the rest of its kernel entry, as objects are
 * freed only after every CPU was quiescent.
 *
 * A handle is generation << 8 | index; a slot's generation changes each time it is filled, so a
 * handle that was deleted does not reach what comes after it (until the 23-bit generation wraps).
 *
 * Lineage by value. Beside each slot stand the capability's own id and those of all that it descends
 * from, so that cap_revoke() finds descendants by looking at them, and there is no tree to keep. It
 * costs a second page per process, and a limit: what was handed on CAP_ANCESTORS times cannot be
 * handed on again. See kernel/cap/revoke.c.
 */
#pragma once

#include "kernel/object.h"
#include "smp/atomic.h"

struct cap_slot {
    uint32_t handle;       /* (Q) 0: empty; stored last */
    uint32_t generation;   /* (O) of the next filling */
    uint16_t kind;         /* (Q) object type | rights << 8 */
    struct object *object; /* (Q) holds one reference */
    uint64_t badge;        /* (Q) */
};

#define CAP_ANCESTORS 7

/* Where a capability comes from. Ids are unique, 0 is nobody's. */
struct cap_lineage {
    uint32_t id;                       /* (Q) its own */
    uint32_t ancestors[CAP_ANCESTORS]; /* (Q) the oldest first, then zeros */
};

_Static_assert(sizeof(struct cap_lineage) * CAPABILITY_SLOTS <= PAGE_SIZE,
               "a process's lineages are one page");

struct cap_table {
    struct cap_slot slots[CAPABILITY_SLOTS];
};

#define CAP_INDEX_MASK 0xffu
_Static_assert(CAPABILITY_SLOTS <= CAP_INDEX_MASK + 1, "a handle's index must reach every slot");
_Static_assert(sizeof(struct cap_table) <= PAGE_SIZE, "a capability table is one page");

/* The kind a slot must show, at least, for an object of this type with this right. */
#define CAP_KIND(type, rights) ((uint16_t)((type) | (rights) << 8))

/* What a lookup returns: a copy. */
struct cap {
    struct object *object;
    uint64_t badge;
    uint16_t kind;
};

#define CAP_GIFTS_MAX 4 /* capabilities that a thread can carry */

/* A capability on its way into a table. Kept, as cap_keep() does: it goes into cap_insert_gift() or
 * cap_drop_gift(). A revocation catches it only if it is not kept waiting: between cap_take() and
 * cap_insert_gift() at most one journey to another CPU may lie, and no wait. */
struct cap_gift {
    struct object *object; /* NULL: there is none */
    uint64_t badge;
    unsigned rights;
    struct cap_lineage lineage;
};

static inline unsigned cap_rights(const struct cap *cap)
{
    return cap->kind >> 8;
}

static inline struct cap_slot *cap_slot_of(struct cap_table *table, uint64_t handle)
{
    return &table->slots[(handle & CAP_INDEX_MASK) % CAPABILITY_SLOTS];
}

/* Copies what `handle` names, whatever it is; false where it names nothing. Any CPU on which a thread
 * of the process runs. */
static inline bool cap_read(struct cap_table *table, uint64_t handle, struct cap *out)
{
    struct cap_slot *slot = cap_slot_of(table, handle);

    /* [cap.handle] acquire: the rest of the slot is at least as new as this handle.
     * Pairs with [cap.fill]. An empty slot has handle 0, which names nothing. */
    if (unlikely(load_acquire(&slot->handle) != handle) || unlikely(handle == 0)) {
        return false;
    }
    /* [cap.read] acquire: the handle is looked at again after these. If one of them is of a later
     * filling, the handle has been cleared by then. Pairs with [cap.refill]. */
    out->object = load_acquire(&slot->object);
    out->badge = load_acquire(&slot->badge);
    out->kind = load_acquire(&slot->kind);
    return likely(load_relaxed(&slot->handle) == handle); /* Relaxed: ordered by the above. */
}

/* The same for a capability of at least `kind`, as CAP_KIND makes it. */
static inline bool cap_find(struct cap_table *table, uint64_t handle, uint16_t kind,
                            struct cap *out)
{
    return likely(cap_read(table, handle, out)) && likely((out->kind & (kind | 0xff)) == kind);
}

/* The same with a status that says what is wrong: STATUS_BAD_HANDLE, STATUS_WRONG_TYPE,
 * STATUS_NO_RIGHT. `type` OBJECT_NONE: any. */
must_use status_t cap_lookup(struct cap_table *table, uint64_t handle, enum object_type type,
                             unsigned rights, struct cap *out);

/* What is wrong with a handle that cap_find() refused. Apart from it, so that the copy there can stay in
 * registers. */
must_use status_t cap_refusal(struct cap_table *table, uint64_t handle, enum object_type type,
                              unsigned rights);

/* The lineage of what `handle` names; false where it names nothing any more. Any CPU on which a thread
 * of the process runs, or where one waits. */
must_use bool cap_read_lineage(struct process *process, uint64_t handle, struct cap_lineage *out);

/* Takes a copy of a capability that allows to be copied, to hand it on: with `rights`, never more than
 * it has, and `badge` where it has none yet (0 keeps it). What is wrong with it as for cap_lookup();
 * STATUS_BAD_ARGUMENT for the badge, STATUS_DEPTH. CPUs as above. */
must_use status_t cap_take(struct process *process, uint64_t handle, enum object_type type,
                           uint64_t rights, uint64_t badge, struct cap_gift *out);

/* Puts a gift into a free slot, or drops it: STATUS_NO_SLOT, and STATUS_DEAD where the process is
 * ending or what the gift descends from is being revoked. Owner only. */
must_use status_t cap_insert_gift(struct process *process, struct cap_gift *gift, uint64_t *handle);

/* Gives a gift back, if there is one. Any CPU. */
void cap_drop_gift(struct cap_gift *gift);

/* Does it descend from the capability with this id? 0 is nobody's ancestor. */
bool cap_descends(const struct cap_lineage *lineage, uint32_t id);

/* Does it descend from what is being revoked here? Then nothing may be made of it any more. */
bool cap_revoked(const struct cap_lineage *lineage);

/* Keeps what a look-up has found beyond this kernel entry, to insert it with `rights` or to drop it.
 * False: it was deleted meanwhile, and perhaps was the last. Any CPU, in the entry of the look-up. */
must_use bool cap_keep(const struct cap *cap, unsigned rights);

/* Gives back what cap_keep() or an object's creation gave. Any CPU. */
void cap_drop(struct object *object, unsigned rights);

/* Puts the first capability to an object into a free slot: it descends from nobody. Takes over a
 * reference if it succeeds; a process's capability to itself has none, as a process that nobody else can
 * name ends. Owner only. */
must_use status_t cap_insert(struct process *process, struct object *object, unsigned rights,
                             uint64_t badge, uint64_t *handle);

/* The same for a new object and the calling thread's process: the handle becomes the call's result. If it
 * fails (STATUS_NO_SLOT) the object goes. The process's CPU. */
must_use status_t cap_publish(struct thread *caller, struct object *object, unsigned rights);

/* Makes an object that lives on `cpu`, paid by the caller's process, and the first capability to it: its
 * handle becomes the caller's result. STATUS_NO_MEMORY, STATUS_NO_SLOT. The process's CPU. */
must_use status_t cap_create(struct thread *caller, const struct object_class *class, cpu_t cpu,
                             struct object **out);

/* Puts a gift into the table's slot 0, which no handle of a program's reaches: the endpoint that a
 * process's faults go to, with the badge under which. It takes the place of what was there (a gift
 * without an object: nothing); as cap_insert_gift() otherwise. Owner only. */
must_use status_t cap_set_fault(struct process *process, struct cap_gift *gift);

/* Removes one capability and gives its reference back. Owner only. */
must_use status_t cap_delete(struct process *process, uint64_t handle);

/* Removes those that descend from the capability with this id, for 0 all, in slots [first, first + count);
 * returns how many. Owner only. */
unsigned cap_delete_range(struct process *process, uint32_t ancestor, unsigned first,
                          unsigned count);

/* ---- resource ranges --------------------------------------------------------------------------
 * The right to use a part of the machine that no process made.
 *
 * CPUs, ports, interrupts and physical pages are four objects, which init holds. The badge of a
 * capability to one of them is not a sender's name but the range that it stands for: the first number
 * in the low 32 bits, how many in the high ones. cap_copy() may narrow a range and never widens it.
 */

#define RANGE(first, count) ((uint64_t)(count) << 32 | (uint32_t)(first))

/* One of the four, or the console, or the machine: what init is given. */
struct object *range_object(enum object_type type);

/* Does the capability allow `rights` on all of [first, first + count)? STATUS_BAD_HANDLE,
 * STATUS_WRONG_TYPE, STATUS_NO_RIGHT (also outside of the range). Any CPU. */
must_use status_t range_check(struct cap_table *table, uint64_t handle, enum object_type type,
                              unsigned rights, uint64_t first, uint64_t count);

/* May the caller place something there: cpu | handle of a capability to CPUs << 32? Also
 * STATUS_BAD_ARGUMENT where there is no such CPU. Any CPU. */
must_use status_t range_check_place(const struct thread *caller, uint64_t place);
