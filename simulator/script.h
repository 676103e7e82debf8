/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripted load: a few lines that say which threads there are and what they do. The simulator and the
 * guest program `scripted_load` read the same text with this reader, which needs no library.
 *
 *     slice US                          the time slice; the guest's is `timeslice_us=` of its boot
 *     end US                            when everything stops
 *     thread NAME [cpu=N] [priority=N] [weight=N] [budget=US] [period=US] [start=US] : PHASE...
 *         run US        uses the CPU for so long
 *         sleep US      sleeps for so long
 *         every US      sleeps until the next multiple of so long since its start
 *         yield         lets others run
 *
 * The phases are repeated until the end. Times are microseconds; text behind # means nothing.
 */
#pragma once

#include <stdint.h>

#define SCRIPT_THREADS_MAX 4096
#define SCRIPT_PHASES_MAX 8
#define SCRIPT_NAME_MAX 15

enum script_kind { SCRIPT_RUN, SCRIPT_SLEEP, SCRIPT_EVERY, SCRIPT_YIELD };

struct script_phase {
    enum script_kind kind;
    uint64_t time;
};

struct script_thread {
    char name[SCRIPT_NAME_MAX + 1];
    uint64_t cpu, priority, weight, budget, period, start;
    uint32_t phase_count;
    struct script_phase phases[SCRIPT_PHASES_MAX];
};

struct script {
    uint64_t slice, end;
    uint32_t thread_count;
    uint32_t line; /* where reading stopped */
};

/* Copies the next word of the line to `word`; false at its end. */
static inline _Bool script_word(const char **at, const char *end, char *word, uint32_t size)
{
    uint32_t length = 0;
    const char *p = *at;

    while (p < end && *p == ' ') {
        p++;
    }
    if (p == end || *p == '\n' || *p == '#') {
        return 0;
    }
    for (; p < end && *p != ' ' && *p != '\n'; p++) {
        if (length + 1 < size) {
            word[length++] = *p;
        }
    }
    word[length] = '\0';
    *at = p;
    return 1;
}

/* What follows `prefix` in the word; 0 where it does not begin so. */
static inline const char *script_after(const char *word, const char *prefix)
{
    while (*prefix != '\0') {
        if (*word++ != *prefix++) {
            return 0;
        }
    }
    return word;
}

static inline _Bool script_is(const char *word, const char *text)
{
    const char *rest = script_after(word, text);

    return rest != 0 && *rest == '\0';
}

static inline _Bool script_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (text == 0 || *text == '\0') {
        return 0;
    }
    for (; *text >= '0' && *text <= '9' && value < 1ull << 40; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *out = value;
    return *text == '\0';
}

static inline _Bool script_option(struct script_thread *thread, const char *word)
{
    return script_number(script_after(word, "cpu="), &thread->cpu) ||
           script_number(script_after(word, "priority="), &thread->priority) ||
           script_number(script_after(word, "weight="), &thread->weight) ||
           script_number(script_after(word, "budget="), &thread->budget) ||
           script_number(script_after(word, "period="), &thread->period) ||
           script_number(script_after(word, "start="), &thread->start);
}

static inline const char *script_phases(struct script_thread *thread, const char **at,
                                        const char *end)
{
    static const char *const kinds[] = {"run", "sleep", "every", "yield"};
    char word[24];

    while (script_word(at, end, word, sizeof(word))) {
        struct script_phase *phase = &thread->phases[thread->phase_count];
        uint32_t kind = 0;

        while (kind < 4 && !script_is(word, kinds[kind])) {
            kind++;
        }
        if (kind == 4 || thread->phase_count++ == SCRIPT_PHASES_MAX) {
            return "a phase is run, sleep, every or yield, and there are eight at most";
        }
        phase->kind = (enum script_kind)kind;
        if (kind != SCRIPT_YIELD && (!script_word(at, end, word, sizeof(word)) ||
                                     !script_number(word, &phase->time) || phase->time == 0)) {
            return "a phase needs its microseconds";
        }
    }
    for (uint32_t i = 0; i < thread->phase_count; i++) {
        if (thread->phases[i].kind == SCRIPT_RUN) {
            return 0;
        }
    }
    return "a thread must run for a while";
}

static inline const char *script_thread_line(struct script_thread *thread, const char **at,
                                             const char *end)
{
    char word[24];

    *thread = (struct script_thread){.weight = 10};
    if (!script_word(at, end, thread->name, sizeof(thread->name))) {
        return "a thread needs a name";
    }
    while (script_word(at, end, word, sizeof(word))) {
        if (script_is(word, ":")) {
            if (thread->priority > 63 || thread->weight == 0 || thread->weight > 255 ||
                thread->budget > thread->period) {
                return "priority, weight, budget and period do not fit";
            }
            return script_phases(thread, at, end);
        }
        if (!script_option(thread, word)) {
            return "a thread's options are cpu=, priority=, weight=, budget=, period=, start=";
        }
    }
    return "a thread's phases come after a colon";
}

/* Reads the text; 0, or what is wrong in script->line. `threads` has room for `most`. */
static inline const char *script_read(struct script *script, struct script_thread *threads,
                                      uint32_t most, const char *text, uint64_t size)
{
    const char *at = text, *end = text + size;

    *script = (struct script){.slice = 10000};
    for (script->line = 1; at < end; script->line++) {
        const char *problem = 0;
        char word[24];

        if (script_word(&at, end, word, sizeof(word))) {
            if (script_is(word, "thread")) {
                problem = script->thread_count == most
                              ? "too many threads"
                              : script_thread_line(&threads[script->thread_count++], &at, end);
            } else if (script_is(word, "slice") || script_is(word, "end")) {
                uint64_t *out = script_is(word, "end") ? &script->end : &script->slice;

                if (!script_word(&at, end, word, sizeof(word)) || !script_number(word, out)) {
                    problem = "a number of microseconds is missing";
                }
            } else {
                problem = "a line begins with thread, slice or end";
            }
        }
        if (problem != 0) {
            return problem;
        }
        while (at < end && *at++ != '\n') {
        }
    }
    return script->end == 0 ? "there is no end" : 0;
}
