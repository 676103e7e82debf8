/* SPDX-License-Identifier: Apache-2.0
 *
 * smp/atomic.h for the explorer: the same names, but every operation is a step of the scheduler, its
 * result is observed, and its memory order moves vector clocks. Include this before a lock-free
 * header of smp/; the header's own code is what runs.
 *
 * Vector clocks say what a thread is guaranteed to see on a machine with weak ordering. A release
 * leaves its thread's clock at the word, an acquire takes what lies there; a read-modify-write of
 * any order continues the release sequence, a plain relaxed store ends it. clock_written() notes who
 * wrote ordinary data and when; clock_read() is a violation unless that write is known to the reader
 * by such a chain, and not merely because this execution happened to run in that order.
 *
 * explored.relax_release and .relax_acquire plant the bug of a missing order, to prove that it is
 * caught. A weak compare-and-exchange also fails for no reason, explored.spurious times in all. It
 * must stand in a loop that takes nothing but *expected from one try to the next.
 */
#pragma once

#include "explorer.h"

#include "smp/atomic.h"

#define EXPLORED_WORDS_MAX 8

struct clock {
    uint32_t at[EXPLORER_THREADS_MAX];
};

/* Stands beside ordinary data: the last write of it. */
struct written {
    unsigned thread;
    uint32_t at;
};

static struct {
    struct clock threads[EXPLORER_THREADS_MAX];
    struct {
        const void *word;
        struct clock clock;
    } words[EXPLORED_WORDS_MAX];
    unsigned spurious; /* how often a weak operation may still fail for no reason */
    bool relax_release, relax_acquire;
} explored;

/* To be called by set_up(): no thread knows anything, no word carries anything. */
static inline void explored_reset(unsigned spurious)
{
    memset(explored.threads, 0, sizeof(explored.threads));
    memset(explored.words, 0, sizeof(explored.words));
    for (unsigned i = 0; i < EXPLORER_THREADS_MAX; i++) {
        explored.threads[i].at[i] = 1;
    }
    explored.spurious = spurious;
}

static inline uint64_t explored_hash(void)
{
    uint64_t hash = explored.spurious;

    for (unsigned i = 0; i < EXPLORER_THREADS_MAX; i++) {
        for (unsigned j = 0; j < EXPLORER_THREADS_MAX; j++) {
            hash = explorer_mix(hash, explored.threads[i].at[j]);
        }
    }
    for (unsigned i = 0; i < EXPLORED_WORDS_MAX; i++) {
        for (unsigned j = 0; j < EXPLORER_THREADS_MAX; j++) {
            hash = explorer_mix(hash, explored.words[i].clock.at[j]);
        }
    }
    return hash;
}

static inline struct clock *explored_word(const void *word)
{
    for (unsigned i = 0; i < EXPLORED_WORDS_MAX; i++) {
        if (explored.words[i].word == word || explored.words[i].word == NULL) {
            explored.words[i].word = word;
            return &explored.words[i].clock;
        }
    }
    fprintf(stderr, "explorer: too many atomic words\n");
    exit(2);
}

static inline void explored_join(struct clock *into, const struct clock *from)
{
    for (unsigned i = 0; i < EXPLORER_THREADS_MAX; i++) {
        into->at[i] = into->at[i] > from->at[i] ? into->at[i] : from->at[i];
    }
}

static inline void explored_acquire(const void *word)
{
    if (!explored.relax_acquire) {
        explored_join(&explored.threads[explorer.running], explored_word(word));
    }
}

static inline void explored_release(const void *word)
{
    struct clock *mine = &explored.threads[explorer.running];

    if (!explored.relax_release) {
        explored_join(explored_word(word), mine);
    }
    mine->at[explorer.running]++;
}

/* Ordinary data is written or read by the running thread. */
static inline void clock_written(struct written *written)
{
    written->thread = explorer.running;
    written->at = explored.threads[explorer.running].at[explorer.running];
}

static inline void clock_read(const struct written *written)
{
    if (explored.threads[explorer.running].at[written->thread] < written->at) {
        explorer_violation("%s reads what %s wrote without any order between them",
                           explorer.model->thread_names[explorer.running],
                           explorer.model->thread_names[written->thread]);
    }
}

/* The operations. A violation inside one is seen when the thread gives way for the next time. */

#define explored_result(value)                                                                     \
    ({                                                                                             \
        __auto_type explored_value = (value);                                                      \
        explorer_observe((uint64_t)explored_value);                                                \
        explored_value;                                                                            \
    })

#undef load_relaxed
#define load_relaxed(pointer)                                                                      \
    ({                                                                                             \
        explorer_step("load relaxed");                                                             \
        explored_result(*(pointer));                                                               \
    })

#undef load_acquire
#define load_acquire(pointer)                                                                      \
    ({                                                                                             \
        explorer_step("load acquire");                                                             \
        explored_acquire(pointer);                                                                 \
        explored_result(*(pointer));                                                               \
    })

#undef store_relaxed
#define store_relaxed(pointer, value)                                                              \
    ({                                                                                             \
        explorer_step("store relaxed");                                                            \
        *explored_word(pointer) = (struct clock){0};                                               \
        *(pointer) = (value);                                                                      \
    })

#undef store_release
#define store_release(pointer, value)                                                              \
    ({                                                                                             \
        explorer_step("store release");                                                            \
        *explored_word(pointer) = (struct clock){0};                                               \
        explored_release(pointer);                                                                 \
        *(pointer) = (value);                                                                      \
    })

#undef exchange_acquire
#define exchange_acquire(pointer, value)                                                           \
    ({                                                                                             \
        explorer_step("exchange");                                                                 \
        explored_acquire(pointer);                                                                 \
        __auto_type explored_old = *(pointer);                                                     \
        *(pointer) = (value);                                                                      \
        explored_result(explored_old);                                                             \
    })

/* One compare-and-exchange; `name` is for printing. Says whether it succeeded. */
#define explored_compare_exchange(name, pointer, expected, desired, weak, release)                 \
    ({                                                                                             \
        bool explored_done = false;                                                                \
        explorer_step(name);                                                                       \
        if (*(pointer) == *(expected) &&                                                           \
            !((weak) && explored.spurious > 0 && explorer_choose(2, "fails for no reason"))) {     \
            if (release) {                                                                         \
                explored_release(pointer);                                                         \
            }                                                                                      \
            *(pointer) = (desired);                                                                \
            explored_done = true;                                                                  \
            EXPLORED_SUCCESS(desired);                                                             \
        } else {                                                                                   \
            explored.spurious -= *(pointer) == *(expected);                                        \
            *(expected) = *(pointer);                                                              \
        }                                                                                          \
        explorer_observe((uint64_t) * (expected));                                                 \
        if ((weak) && !explored_done) {                                                            \
            explorer_retry((uint64_t) * (expected));                                               \
        }                                                                                          \
        explored_result(explored_done);                                                            \
    })

#undef compare_exchange_weak_release
#define compare_exchange_weak_release(pointer, expected, desired)                                  \
    explored_compare_exchange("compare and exchange", pointer, expected, desired, true, true)

#undef compare_exchange_relaxed
#define compare_exchange_relaxed(pointer, expected, desired)                                       \
    explored_compare_exchange("compare and exchange", pointer, expected, desired, false, false)

/* One read-modify-write with acquire and release. */
#define explored_modify(name, pointer, operator, value)                                            \
    ({                                                                                             \
        explorer_step(name);                                                                       \
        explored_acquire(pointer);                                                                 \
        explored_release(pointer);                                                                 \
        __auto_type explored_old = *(pointer);                                                     \
        *(pointer) = explored_old operator(value);                                                 \
        explored_result(explored_old);                                                             \
    })

#undef fetch_or_acq_rel
#define fetch_or_acq_rel(pointer, value) explored_modify("fetch or", pointer, |, value)

#undef fetch_and_acq_rel
#define fetch_and_acq_rel(pointer, value) explored_modify("fetch and", pointer, &, value)

#undef fetch_sub_acq_rel
#define fetch_sub_acq_rel(pointer, value) explored_modify("fetch sub", pointer, -, value)

#undef fetch_add_relaxed
#define fetch_add_relaxed(pointer, value)                                                          \
    ({                                                                                             \
        explorer_step("fetch add");                                                                \
        __auto_type explored_old = *(pointer);                                                     \
        *(pointer) = explored_old + (value);                                                       \
        explored_result(explored_old);                                                             \
    })
