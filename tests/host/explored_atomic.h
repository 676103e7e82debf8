/* SPDX-License-Identifier: Apache-2.0
 *
 * smp/atomic.h for the explorer: the same names, but every operation is a step of the scheduler, its
 * result is observed, and it obeys the memory model instead of this machine. Include this before a
 * lock-free header of smp/; the header's own code is what runs.
 *
 * Theory of operation
 *
 * 1. A word is the list of all values that it ever had, oldest first. A thread may read any of them
 *    that is not older than what it knows of already: which one is a decision of the explorer. So a
 *    store is seen late, and by different threads at different times, as on a weak machine.
 * 2. What a thread knows is, for each word, the oldest value that it may still read, and for each
 *    thread, how far it has seen that one's writes of ordinary data (a vector clock).
 * 3. A release leaves the knowledge of its thread with the value that it stores; an acquire that reads
 *    this value takes it over. A read-modify-write reads the newest value and hands on what lay there
 *    (a release sequence); a relaxed store leaves nothing.
 * 4. clock_written() notes who wrote ordinary data and when; clock_read() is a violation unless the
 *    reader's clock covers that write: that this execution happened to run in that order is not
 *    enough.
 * 5. Limits: values enter a word's list in the order of execution, and a load does not see values that
 *    do not exist yet. (C11 allows more: racing plain stores to one word in another order, and loads
 *    that run ahead. The headers here change their words by read-modify-writes.)
 *
 * explored.relax_release and .relax_acquire plant the bug of a missing order. A weak
 * compare-and-exchange also fails for no reason, explored.spurious times in all; it must stand in a
 * loop that takes nothing but *expected from one try to the next.
 */
#pragma once

#include "explorer.h"

#include "smp/atomic.h"

#define EXPLORED_WORDS_MAX 4
#define EXPLORED_VALUES_MAX 128

struct knowledge {
    uint32_t clock[EXPLORER_THREADS_MAX];
    uint32_t oldest[EXPLORED_WORDS_MAX];
};

struct explored_value {
    uint64_t value;
    struct knowledge left; /* with it, by who stored it */
};

struct explored_word {
    const void *address;
    unsigned count;
    struct explored_value values[EXPLORED_VALUES_MAX];
};

/* Stands beside ordinary data: the last write of it. */
struct written {
    unsigned thread;
    uint32_t at;
};

static struct {
    struct knowledge threads[EXPLORER_THREADS_MAX];
    struct explored_word words[EXPLORED_WORDS_MAX];
    unsigned word_count;
    unsigned spurious; /* how often a weak operation may still fail for no reason */
    unsigned stale;    /* how many values a load may be behind; 0: sequential consistency */
    bool relax_release, relax_acquire;
} explored;

/* For set_up(): nobody knows anything, there are no words. */
static inline void explored_reset(unsigned spurious)
{
    memset(explored.threads, 0, sizeof(explored.threads));
    for (unsigned i = 0; i < EXPLORER_THREADS_MAX; i++) {
        explored.threads[i].clock[i] = 1;
    }
    explored.word_count = 0;
    explored.spurious = spurious;
}

/* For set_up(), after explored_reset(): a word and its first value, which everybody knows. */
static inline void explored_declare(const void *address, uint64_t value)
{
    struct explored_word *word = &explored.words[explored.word_count++];

    if (explored.word_count > EXPLORED_WORDS_MAX) {
        fprintf(stderr, "explorer: too many atomic words\n");
        exit(2);
    }
    word->address = address;
    word->count = 1;
    word->values[0] = (struct explored_value){.value = value};
}

static inline unsigned explored_index(const void *address)
{
    for (unsigned i = 0; i < explored.word_count; i++) {
        if (explored.words[i].address == address) {
            return i;
        }
    }
    fprintf(stderr, "explorer: an atomic word that was not declared\n");
    exit(2);
}

/* The oldest value of a word that any thread may still read. */
static inline uint32_t explored_alive(unsigned index)
{
    uint32_t newest = explored.words[index].count - 1;
    uint32_t oldest = newest;

    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        if (!explorer.threads[i].ended && explored.threads[i].oldest[index] < oldest) {
            oldest = explored.threads[i].oldest[index];
        }
    }
    return newest - oldest > explored.stale ? newest - explored.stale : oldest;
}

static inline uint64_t explored_hash_knowledge(uint64_t hash, const struct knowledge *knowledge,
                                               const uint32_t alive[])
{
    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        hash = explorer_mix(hash, knowledge->clock[i]);
    }
    for (unsigned i = 0; i < explored.word_count; i++) {
        uint32_t oldest = knowledge->oldest[i];

        hash = explorer_mix(hash, oldest > alive[i] ? oldest - alive[i] : 0);
    }
    return hash;
}

/* For the model's hash(). Values that nobody can read any more are the same as none. */
static inline uint64_t explored_hash(void)
{
    uint32_t alive[EXPLORED_WORDS_MAX] = {0};
    uint64_t hash = explored.spurious;

    for (unsigned i = 0; i < explored.word_count; i++) {
        alive[i] = explored_alive(i);
    }
    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        hash = explored_hash_knowledge(hash, &explored.threads[i], alive);
    }
    for (unsigned i = 0; i < explored.word_count; i++) {
        const struct explored_word *word = &explored.words[i];

        hash = explorer_mix(hash, word->count - alive[i]);
        for (unsigned j = alive[i]; j < word->count; j++) {
            hash = explorer_mix(hash, word->values[j].value);
            hash = explored_hash_knowledge(hash, &word->values[j].left, alive);
        }
    }
    return hash;
}

static inline void explored_learn(struct knowledge *into, const struct knowledge *from)
{
    for (unsigned i = 0; i < EXPLORER_THREADS_MAX; i++) {
        into->clock[i] = into->clock[i] > from->clock[i] ? into->clock[i] : from->clock[i];
    }
    for (unsigned i = 0; i < EXPLORED_WORDS_MAX; i++) {
        into->oldest[i] = into->oldest[i] > from->oldest[i] ? into->oldest[i] : from->oldest[i];
    }
}

/* Ordinary data is written or read by the running thread. */
static inline void clock_written(struct written *written)
{
    written->thread = explorer.running;
    written->at = explored.threads[explorer.running].clock[explorer.running];
}

static inline void clock_read(const struct written *written)
{
    if (explored.threads[explorer.running].clock[written->thread] < written->at) {
        explorer_violation("%s reads what %s wrote without any order between them",
                           explorer.model->thread_names[explorer.running],
                           explorer.model->thread_names[written->thread]);
    }
}

/* The operations. A violation inside one is seen when the thread gives way for the next time. */

enum explored_order { EXPLORED_RELAXED = 0, EXPLORED_ACQUIRE = 1, EXPLORED_RELEASE = 2 };

/* The running thread has read value number `at`. */
static inline uint64_t explored_read(unsigned index, unsigned at, unsigned order)
{
    struct knowledge *mine = &explored.threads[explorer.running];
    const struct explored_value *value = &explored.words[index].values[at];

    mine->oldest[index] = at;
    if ((order & EXPLORED_ACQUIRE) != 0 && !explored.relax_acquire) {
        explored_learn(mine, &value->left);
    }
    explorer_observe(value->value);
    return value->value;
}

/* The running thread appends a value. `modifies`: it is a read-modify-write of the newest one. */
static inline void explored_append(unsigned index, uint64_t value, unsigned order, bool modifies)
{
    struct knowledge *mine = &explored.threads[explorer.running];
    struct explored_word *word = &explored.words[index];
    struct explored_value *added = &word->values[word->count];

    if (word->count == EXPLORED_VALUES_MAX) {
        fprintf(stderr, "explorer: a word with more than %d values\n", EXPLORED_VALUES_MAX);
        exit(2);
    }
    mine->oldest[index] = word->count++;
    *added = (struct explored_value){.value = value};
    if (modifies) {
        added->left = added[-1].left;
    }
    if ((order & EXPLORED_RELEASE) != 0) {
        if (!explored.relax_release) {
            explored_learn(&added->left, mine);
        }
        mine->clock[explorer.running]++;
    }
}

/* The oldest value of a word that the running thread may read now. */
static inline unsigned explored_oldest(unsigned index)
{
    unsigned oldest = explored.threads[explorer.running].oldest[index];
    unsigned newest = explored.words[index].count - 1;

    return newest - oldest > explored.stale ? newest - explored.stale : oldest;
}

/* Whether the same value can be read from further back: without acquire that leaves the reader with
 * all the choices that it has here and more, so this one need not be tried. */
static inline bool explored_is_repeated(unsigned index, unsigned at)
{
    const struct explored_word *word = &explored.words[index];

    for (unsigned i = explored_oldest(index); i < at; i++) {
        if (word->values[i].value == word->values[at].value) {
            return true;
        }
    }
    return false;
}

static inline uint64_t explored_load(const void *address, unsigned order, const char *name)
{
    unsigned index = explored_index(address);
    unsigned choices[EXPLORED_VALUES_MAX] = {0};
    unsigned count = 0, choice;

    explorer_step(name);
    choices[0] = explored.words[index].count - 1; /* there is always one; say so to analyzers */
    for (unsigned at = explored.words[index].count; at-- > explored_oldest(index);) {
        if ((order & EXPLORED_ACQUIRE) != 0 || !explored_is_repeated(index, at)) {
            choices[count++] = at;
        }
    }
    choice = count > 1 ? explorer_choose(count, "one of the values that may be seen") : 0;
    return explored_read(index, choices[choice], order);
}

static inline void explored_store(const void *address, uint64_t value, unsigned order,
                                  const char *name)
{
    explorer_step(name);
    explored_append(explored_index(address), value, order, false);
}

/* A read-modify-write in two halves: begin returns the old value, end stores the new one. */
static inline uint64_t explored_modify_begin(const void *address, unsigned order, const char *name)
{
    unsigned index = explored_index(address);

    explorer_step(name);
    return explored_read(index, explored.words[index].count - 1, order);
}

static inline void explored_modify_end(const void *address, uint64_t value, unsigned order)
{
    explored_append(explored_index(address), value, order, true);
}

/* One compare-and-exchange: the newest value may be exchanged if it is the expected one; it fails with
 * any other value that can be read, and if it is weak, with the expected one too. */
static inline bool explored_compare_exchange(const void *address, uint64_t *expected,
                                             uint64_t desired, unsigned order, bool weak)
{
    unsigned index = explored_index(address);
    struct explored_word *word = &explored.words[index];
    unsigned failures[EXPLORED_VALUES_MAX] = {0};
    unsigned count = 0, choice;
    bool can_succeed;

    explorer_step("compare and exchange");
    can_succeed = word->values[word->count - 1].value == *expected;
    for (unsigned at = word->count; at-- > explored_oldest(index);) {
        bool spurious = word->values[at].value == *expected;

        if ((!spurious || (weak && explored.spurious > 0)) && !explored_is_repeated(index, at)) {
            failures[count++] = at;
        }
    }
    choice = count + can_succeed > 1 ? explorer_choose(count + can_succeed, "success, or one of "
                                                                            "the failures")
                                     : 0;
    if (can_succeed && choice == 0) {
        (void)explored_read(index, word->count - 1, EXPLORED_RELAXED);
        explored_append(index, desired, order, true);
        explorer_observe(true);
        return true;
    }
    uint64_t found = explored_read(index, failures[choice - can_succeed], 0);
    explored.spurious -= found == *expected;
    *expected = found;
    if (weak) {
        explorer_retry(found);
    }
    explorer_observe(false);
    return false;
}

#undef load_relaxed
#define load_relaxed(pointer)                                                                      \
    ((__typeof__(*(pointer)))explored_load((pointer), EXPLORED_RELAXED, "load relaxed"))

#undef load_acquire
#define load_acquire(pointer)                                                                      \
    ((__typeof__(*(pointer)))explored_load((pointer), EXPLORED_ACQUIRE, "load acquire"))

#undef store_relaxed
#define store_relaxed(pointer, new_value)                                                          \
    ({                                                                                             \
        explored_store((pointer), (uint64_t)(new_value), EXPLORED_RELAXED, "store relaxed");       \
        *(pointer) = (new_value);                                                                  \
    })

#undef store_release
#define store_release(pointer, new_value)                                                          \
    ({                                                                                             \
        explored_store((pointer), (uint64_t)(new_value), EXPLORED_RELEASE, "store release");       \
        *(pointer) = (new_value);                                                                  \
    })

/* A read-modify-write; `new_value` may use explored_old. */
#define explored_modify(pointer, new_value, order, name)                                           \
    ({                                                                                             \
        __auto_type explored_old =                                                                 \
            (__typeof__(*(pointer)))explored_modify_begin((pointer), (order), (name));             \
        *(pointer) = (new_value);                                                                  \
        explored_modify_end((pointer), (uint64_t) * (pointer), (order));                           \
        explored_old;                                                                              \
    })

#define EXPLORED_ACQ_REL (EXPLORED_ACQUIRE | EXPLORED_RELEASE)

#undef exchange_acquire
#define exchange_acquire(pointer, value)                                                           \
    explored_modify(pointer, value, EXPLORED_ACQUIRE, "exchange")

#undef fetch_or_acq_rel
#define fetch_or_acq_rel(pointer, value)                                                           \
    explored_modify(pointer, explored_old | (value), EXPLORED_ACQ_REL, "fetch or")

#undef fetch_and_acq_rel
#define fetch_and_acq_rel(pointer, value)                                                          \
    explored_modify(pointer, explored_old &(value), EXPLORED_ACQ_REL, "fetch and")

#undef fetch_sub_acq_rel
#define fetch_sub_acq_rel(pointer, value)                                                          \
    explored_modify(pointer, explored_old - (value), EXPLORED_ACQ_REL, "fetch sub")

#undef fetch_add_relaxed
#define fetch_add_relaxed(pointer, value)                                                          \
    explored_modify(pointer, explored_old + (value), EXPLORED_RELAXED, "fetch add")

#define explored_exchanged(pointer, expected, desired, order, weak)                                \
    ({                                                                                             \
        uint64_t explored_expected = (uint64_t) * (expected);                                      \
        bool explored_done = explored_compare_exchange((pointer), &explored_expected,              \
                                                       (uint64_t)(desired), (order), (weak));      \
        if (explored_done) {                                                                       \
            *(pointer) = (desired);                                                                \
            EXPLORED_SUCCESS(desired);                                                             \
        } else {                                                                                   \
            *(expected) = (__typeof__(*(pointer)))explored_expected;                               \
        }                                                                                          \
        explored_done;                                                                             \
    })

#undef compare_exchange_weak_release
#define compare_exchange_weak_release(pointer, expected, desired)                                  \
    explored_exchanged(pointer, expected, desired, EXPLORED_RELEASE, true)

#undef compare_exchange_relaxed
#define compare_exchange_relaxed(pointer, expected, desired)                                       \
    explored_exchanged(pointer, expected, desired, EXPLORED_RELAXED, false)
