/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests have in common that do random operations and compare each with a model: the number of the
 * operation, for whoever looks at a disagreement again; numbers that are the same for the same seed; and
 * the main program of those models whose other side can be a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long operation;
static uint64_t random_state;

static inline _Noreturn void disagree(const char *what)
{
    printf("operation %lu: %s\n", operation, what);
    exit(1);
}

static inline void random_seed(const char *seed)
{
    random_state = strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull | 1;
}

static inline uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 20) % limit;
}

/* Both sides keep to the rules (`honest`), or one of them writes what it likes. */
struct model_sides {
    const char *name;
    void (*open)(void);
    void (*honest_step)(void);
    void (*hostile_step)(void);
};

/* PROGRAM SEED OPERATIONS honest|hostile: does them; true, and `*hostile` says which. False: bad usage. */
static inline bool model_run(const struct model_sides *sides, int count, char **arguments,
                             bool *hostile)
{
    unsigned long operations = count == 4 ? strtoul(arguments[2], NULL, 10) : 0;

    *hostile = count == 4 && strcmp(arguments[3], "hostile") == 0;
    if (operations == 0 || (!*hostile && strcmp(arguments[3], "honest") != 0)) {
        fprintf(stderr, "usage: %s SEED OPERATIONS honest|hostile\n", sides->name);
        return false;
    }
    random_seed(arguments[1]);
    sides->open();
    for (operation = 0; operation < operations; operation++) {
        (*hostile ? sides->hostile_step : sides->honest_step)();
    }
    return true;
}
