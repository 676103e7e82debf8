/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the explorer itself. Threads add 1 to a word STEPS times, not atomically: read, give way,
 * write. So there are as many interleavings as there are ways to shuffle the threads' steps, and each
 * final value from 1 to THREADS can come out when each adds once. Run it as
 *
 *     explorer_count THREADS STEPS [skip]
 *
 * It prints the executions and the final values that were reached; with `skip`, states that were seen
 * before are not entered again, which must not lose a final value. Exit code 2: usage.
 */
#include "explorer.h"

static unsigned steps;
static uint64_t word;
static uint64_t finals; /* bit n: the final value n was reached */

static void thread(unsigned index)
{
    (void)index;
    for (unsigned i = 0; i < steps; i++) {
        uint64_t value = word;

        explorer_observe(value);
        explorer_step("writes");
        word = value + 1;
    }
}

static void set_up(void)
{
    word = 0;
}

static uint64_t hash(void)
{
    return word;
}

static void check(void)
{
    finals |= 1ull << word;
}

int main(int count, char **arguments)
{
    static const char *const names[] = {"first", "second", "third", "fourth"};
    struct explorer_model model = {
        .thread_names = names, .thread = thread, .set_up = set_up, .hash = hash, .check = check};

    if (count < 3 || (model.thread_count = (unsigned)atoi(arguments[1])) == 0 ||
        model.thread_count > EXPLORER_THREADS_MAX || (steps = (unsigned)atoi(arguments[2])) == 0) {
        fprintf(stderr, "usage: explorer_count THREADS STEPS [skip]\n");
        return 2;
    }
    model.revisit = count == 3;
    if (!explorer_run(&model)) {
        return 1;
    }
    printf("final");
    for (unsigned i = 0; i < 64; i++) {
        if (finals >> i & 1) {
            printf(" %u", i);
        }
    }
    printf("\n");
    return 0;
}
