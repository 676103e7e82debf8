/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs every interleaving of a few threads, by running them again and again.
 *
 * A model is some threads (functions), a set-up and a final check. The threads are coroutines; each
 * calls explorer_step() before an atomic operation and hands what it read to explorer_observe().
 * One execution is a list of decisions, one per step: which thread goes on. The explorer runs the
 * first choice everywhere, then goes back to the last decision that has another choice left and runs
 * again from the start, until no choice is left (depth-first search by replay). explorer_choose()
 * is one more decision, for operations that may end in several ways by themselves.
 *
 * A state that has been seen before is not entered again. A thread's state is the history of what it
 * observed, as it is deterministic otherwise; the model's hash() covers everything else, which must
 * include whatever the final check looks at.
 *
 * A violation is a deadlock (nobody can go on, but not all have ended) or what a model reports by
 * explorer_violation(). The first one ends the search, and its interleaving is printed.
 *
 * Only sequentially consistent interleavings are run. That release and acquire suffice is checked
 * on each of them by vector clocks, see explored_atomic.h.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define EXPLORER_THREADS_MAX 4
#define EXPLORER_DEPTH_MAX 4096
#define EXPLORER_STACK_BYTES 65536
#define EXPLORER_SEEN_BITS 24 /* room for 2^24 states */

struct explorer_model {
    unsigned thread_count;
    const char *const *thread_names;
    void (*thread)(unsigned index);
    void (*set_up)(void);
    uint64_t (*hash)(void);
    void (*check)(void); /* all threads have ended */
    bool revisit;        /* enter states again: one execution per interleaving, for counting */
};

struct explorer_thread {
    ucontext_t context;
    uint64_t history;        /* what it saw since it last forgot, hashed */
    uint64_t remembered;     /* what it knew when it last forgot */
    bool (*may_go_on)(void); /* NULL: not blocked */
    bool ended;
    const char *at; /* what it will do when it goes on */
};

struct explorer_decision {
    unsigned choice;
    unsigned count;
    unsigned thread; /* who went on, for printing; THREADS_MAX: a choose() */
    const char *at;
};

static struct {
    const struct explorer_model *model;
    ucontext_t scheduler;
    struct explorer_thread threads[EXPLORER_THREADS_MAX];
    char stacks[EXPLORER_THREADS_MAX][EXPLORER_STACK_BYTES];
    unsigned running;
    struct explorer_decision decisions[EXPLORER_DEPTH_MAX];
    unsigned decided; /* of this execution so far */
    unsigned known;   /* decisions that this execution has to repeat */
    char violation[256];
    uint64_t *seen;
    uint64_t executions, states, steps;
} explorer;

static inline uint64_t explorer_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 29;
}

/* Ends this execution and the search. */
__attribute__((format(printf, 1, 2))) static inline void explorer_violation(const char *format, ...)
{
    va_list arguments;

    if (explorer.violation[0] != 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(explorer.violation, sizeof(explorer.violation), format, arguments);
    va_end(arguments);
}

/* The next decision of this execution: the one to repeat, or the first choice of a new one. */
static inline unsigned explorer_decide(unsigned count)
{
    struct explorer_decision *decision = &explorer.decisions[explorer.decided];

    if (explorer.decided >= EXPLORER_DEPTH_MAX) {
        fprintf(stderr, "explorer: an execution of more than %d steps\n", EXPLORER_DEPTH_MAX);
        exit(2);
    }
    if (explorer.decided >= explorer.known) {
        *decision = (struct explorer_decision){.count = count};
        explorer.known++;
    } else if (decision->count != count) {
        fprintf(stderr, "explorer: the model is not deterministic\n");
        exit(2);
    }
    explorer.decided++;
    return decision->choice;
}

/* What threads call */

static inline struct explorer_thread *explorer_self(void)
{
    return &explorer.threads[explorer.running];
}

/* Any other thread may run here. `at` names the operation that comes next. */
static inline void explorer_step(const char *at)
{
    struct explorer_thread *self = explorer_self();

    self->at = at;
    self->history = explorer_mix(self->history, 0x57e9);
    swapcontext(&self->context, &explorer.scheduler);
}

/* Goes on only when may_go_on() says so, looked at whenever a thread is chosen. */
static inline void explorer_wait(bool (*may_go_on)(void), const char *at)
{
    struct explorer_thread *self = explorer_self();

    self->may_go_on = may_go_on;
    explorer_step(at);
    self->may_go_on = NULL;
}

static inline void explorer_observe(uint64_t value)
{
    explorer_self()->history = explorer_mix(explorer_self()->history, value);
}

/* Promises that what this thread will do depends from here on only on `state` and on what the model's
 * hash() covers: different pasts with the same future become one. */
static inline void explorer_forget(uint64_t state)
{
    explorer_self()->history = explorer_mix(explorer.running + 1, state);
    explorer_self()->remembered = explorer_self()->history;
}

/* The same for the tries of one operation: nothing but `state` is left of those that failed. */
static inline void explorer_retry(uint64_t state)
{
    explorer_self()->history = explorer_mix(explorer_self()->remembered ^ 0x4e77, state);
}

/* 0 .. count - 1, all of them sooner or later. */
static inline unsigned explorer_choose(unsigned count, const char *at)
{
    unsigned choice = explorer_decide(count);
    struct explorer_decision *decision = &explorer.decisions[explorer.decided - 1];

    decision->thread = EXPLORER_THREADS_MAX;
    decision->at = at;
    explorer_observe(choice);
    return choice;
}

/* The search */

static inline void explorer_thread_main(unsigned index)
{
    explorer.model->thread(index);
    explorer.threads[index].ended = true;
    /* uc_link leads back to the scheduler. */
}

static inline void explorer_reset(void)
{
    explorer.decided = 0;
    explorer.model->set_up();
    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        struct explorer_thread *thread = &explorer.threads[i];

        thread->history = i + 1;
        thread->remembered = i + 1;
        thread->may_go_on = NULL;
        thread->ended = false;
        thread->at = "starts";
        getcontext(&thread->context);
        thread->context.uc_stack.ss_sp = explorer.stacks[i];
        thread->context.uc_stack.ss_size = EXPLORER_STACK_BYTES;
        thread->context.uc_link = &explorer.scheduler;
        makecontext(&thread->context, (void (*)(void))explorer_thread_main, 1, i);
    }
}

/* True: this state is new. */
static inline bool explorer_enter_state(void)
{
    uint64_t mask = (1ull << EXPLORER_SEEN_BITS) - 1;
    uint64_t hash = explorer.model->hash();

    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        hash = explorer_mix(hash, explorer.threads[i].history);
    }
    hash |= hash == 0;
    for (uint64_t slot = hash & mask;; slot = (slot + 1) & mask) {
        if (explorer.seen[slot] == hash) {
            return false;
        }
        if (explorer.seen[slot] == 0) {
            explorer.seen[slot] = hash;
            break;
        }
    }
    if (++explorer.states > mask / 2) {
        fprintf(stderr, "explorer: too many states, make the model smaller\n");
        exit(2);
    }
    return true;
}

static inline void explorer_deadlock(void)
{
    char text[200] = "";

    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        const struct explorer_thread *thread = &explorer.threads[i];
        size_t used = strlen(text);

        if (!thread->ended) {
            snprintf(text + used, sizeof(text) - used, " %s (%s)", explorer.model->thread_names[i],
                     thread->at);
        }
    }
    explorer_violation("deadlock, for ever waiting:%s", text);
}

/* One step of one thread. False: the execution is over. */
static inline bool explorer_advance(void)
{
    unsigned enabled[EXPLORER_THREADS_MAX];
    unsigned count = 0, ended = 0;

    for (unsigned i = 0; i < explorer.model->thread_count; i++) {
        const struct explorer_thread *thread = &explorer.threads[i];

        ended += thread->ended;
        if (!thread->ended && (thread->may_go_on == NULL || thread->may_go_on())) {
            enabled[count++] = i;
        }
    }
    if (count == 0) {
        if (ended == explorer.model->thread_count) {
            explorer.model->check();
        } else {
            explorer_deadlock();
        }
        return false;
    }
    if (explorer.decided >= explorer.known && !explorer.model->revisit && !explorer_enter_state()) {
        return false;
    }
    explorer.running = enabled[explorer_decide(count)];
    explorer.decisions[explorer.decided - 1].thread = explorer.running;
    explorer.decisions[explorer.decided - 1].at = explorer_self()->at;
    explorer.steps++;
    swapcontext(&explorer.scheduler, &explorer_self()->context);
    return explorer.violation[0] == 0;
}

static inline void explorer_print_violation(void)
{
    printf("violation: %s\n", explorer.violation);
    for (unsigned i = 0; i < explorer.decided; i++) {
        const struct explorer_decision *decision = &explorer.decisions[i];

        if (decision->thread == EXPLORER_THREADS_MAX) {
            printf("%4u                 %s: %u\n", i, decision->at, decision->choice);
        } else {
            printf("%4u  %-12s  %s\n", i, explorer.model->thread_names[decision->thread],
                   decision->at);
        }
    }
}

/* Returns true if no interleaving violates anything. Prints the counts, or the violation. */
static inline bool explorer_run(const struct explorer_model *model)
{
    free(explorer.seen);
    memset(&explorer, 0, sizeof(explorer));
    explorer.model = model;
    explorer.seen = calloc(1ull << EXPLORER_SEEN_BITS, sizeof(*explorer.seen));
    if (explorer.seen == NULL) {
        fprintf(stderr, "explorer: no memory\n");
        exit(2);
    }
    do {
        explorer_reset();
        explorer.executions++;
        while (explorer_advance()) {
        }
        if (explorer.violation[0] != 0) {
            explorer_print_violation();
            return false;
        }
        explorer.known = explorer.decided;
        while (explorer.known > 0) {
            struct explorer_decision *last = &explorer.decisions[explorer.known - 1];

            if (++last->choice < last->count) {
                break;
            }
            explorer.known--;
        }
    } while (explorer.known > 0);
    printf("executions %lu states %lu steps %lu\n", explorer.executions, explorer.states,
           explorer.steps);
    return true;
}
