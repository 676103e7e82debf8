/* SPDX-License-Identifier: Apache-2.0
 *
 * What all objects that capabilities can name have in common: type, owner, references, a payer.
 *
 * An object is owned by one CPU for its whole life; only that CPU changes it, all others send it a
 * thread (object_invoke in kernel/invoke.h) or a signal. Each capability counts as one reference.
 * When the last one is gone the object dies in three steps, each on the CPU that may do it:
 *   1. owner:  object_release() pushes it there; whoever waits on it gets STATUS_DEAD.
 *   2. everyone: it visits every CPU once (smp/quiescence.h). A thread that was sent to it before its
 *      last reference went away has arrived by then, and no CPU is in the middle of using it.
 *   3. payer:  the CPU that owns the paying process takes the memory back into its pool.
 */
#pragma once

#include "kernel/types.h"
#include "smp/atomic.h"
#include "smp/quiescence.h"
#include "weft/trace_events.h"

struct object;
struct process;
struct thread;

/* What a type of object does at the moments that all types share. A new type fills one of these in its
 * own file; nothing else has to know it. NULL: nothing to do. */
struct object_class {
    enum object_type type;
    /* For those that object_create() makes: how many bytes it has, what the trace calls it, how its
     * fields begin that are not zero (payer's CPU); and for cap_create() what its first capability
     * allows. */
    size_t size;
    enum trace_object_kind kind;
    void (*init)(struct object *object);
    unsigned rights;
    /* A capability with these rights comes into being (false: the last of its kind has gone already,
     * for good), or went away. Any CPU. */
    bool (*granted)(struct object *object, unsigned rights);
    void (*withdrawn)(struct object *object, unsigned rights);
    /* May a copy of a capability with the badge `have` get the badge `want`? NULL: only where there is
     * none yet. Any CPU. */
    bool (*narrow)(uint64_t want, uint64_t have);
    /* The last reference is gone: end the waits of those that wait on it, some at a time; true when
     * there are no more. Owner. */
    bool (*orphaned)(struct object *object);
    /* A thread that waits for it does so no longer: forget it. NULL: takes its `link` out of a list.
     * Owner. */
    void (*forget)(struct object *object, struct thread *thread);
    /* The current thread calls it with the words that its registers hold, under this badge; returns only
     * where it cannot. Any CPU. */
    status_t (*call)(struct object *object, uint64_t badge);
    /* Bits are signalled on it. Any CPU. */
    void (*signal)(struct object *object, uint64_t bits);
    /* Nobody uses it any more: give back what it has beside its own memory, a bounded piece of it;
     * false: there is more, call again. Payer's CPU. */
    bool (*reclaim)(struct object *object);
    /* Instead of all that follows quiescence. Owner. */
    void (*unreferenced)(struct object *object);
};

struct object {
    struct visitor visitor;           /* its last journey */
    const struct object_class *class; /* (I) */
    cpu_t cpu;                        /* (I) owner */
    uint32_t id;                      /* (I) in traces; unique, never reused */
    uint32_t references;              /* (A) capabilities and kernel pointers that keep it */
    struct process *payer;            /* (I) process whose pool its memory comes from */
};

/* A new id for whatever appears in traces; unique over all CPUs without asking them. */
uint32_t object_id_new(void);

/* Fills the header with one reference and counts it for `payer`, on whose CPU this must run. */
void object_init(struct object *object, const struct object_class *class, cpu_t cpu,
                 struct process *payer);

/* A new object with one reference out of the payer's memory; NULL: there is none. The payer's CPU. */
must_use struct object *object_create(const struct object_class *class, cpu_t cpu,
                                      struct process *payer);

/* The caller must hold a reference already; who has only found the object uses cap_keep(). */
void object_retain(struct object *object);

/* Adds one to a count whose end is final: false where it is zero already. */
static inline bool count_up_unless_zero(uint32_t *count)
{
    uint32_t old = load_relaxed(count);

    /* Relaxed: publishes nothing; who counts down to zero acquires. */
    while (old != 0 && !compare_exchange_relaxed(count, &old, old + 1)) {
    }
    return old != 0;
}

/* Gives a reference back; the last one starts the object's end. Any CPU. */
void object_release(struct object *object);
