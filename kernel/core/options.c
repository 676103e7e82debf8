/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the kernel's command line; the header lists the options. Functions that take a `text` by
 * reference leave it behind what they have read.
 */
#include "kernel/options.h"

#include "kernel/arch.h"
#include "kernel/panic.h"
#include "weft/trace_events.h"

#define POLL_MIN_US 2
#define POLL_MAX_US 200
#define POLL_JUMP_US 150
#define POLL_FOR_EVER UINT64_MAX

struct options options = {
    .trace_mask = TRACE_CATEGORIES_DEFAULT,
    .timeslice_us = 10000,
    .policy = {[0 ... CPU_MAX - 1] = &policy_fixed},
};

static uint64_t idle_us = POLL_MAX_US;
static uint64_t doorbell = DOORBELL_POLL;

static bool skip(const char **text, const char *expected)
{
    const char *at = *text;

    while (*expected != '\0') {
        if (*at++ != *expected++) {
            return false;
        }
    }
    *text = at;
    return true;
}

static bool word_ends(const char *text)
{
    return *text == '\0' || *text == ' ';
}

/* Decimal; false where there is no digit. */
static bool number_read(const char **text, uint64_t *out)
{
    const char *first = *text;

    for (*out = 0; **text >= '0' && **text <= '9'; ++*text) {
        *out = *out * 10 + (uint64_t)(**text - '0');
    }
    return *text != first;
}

static bool doorbell_read(const char **text, uint64_t *option)
{
    static const char *const names[] = {"always", "elide", "poll"}; /* as in enum doorbell */

    for (*option = 0; *option <= DOORBELL_POLL && !skip(text, names[*option]); ++*option) {
    }
    return *option <= DOORBELL_POLL;
}

static const struct policy *policy_read(const char **text)
{
    static const struct policy *const policies[] = {&policy_fixed, &policy_edf, &policy_fair};

    for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (skip(text, policies[i]->name)) {
            return policies[i];
        }
    }
    return NULL;
}

/* POLICY or CPU:POLICY, several of them with commas in between. */
static bool policies_read(const char **text, uint64_t *option)
{
    (void)option; /* there is one for each CPU */
    do {
        uint64_t first, last = CPU_MAX - 1;
        const struct policy *policy;

        if (number_read(text, &first)) {
            last = first;
            if (first >= CPU_MAX || !skip(text, ":")) {
                return false;
            }
        }
        policy = policy_read(text);
        if (policy == NULL) {
            return false;
        }
        for (uint64_t cpu = first; cpu <= last; cpu++) {
            options.policy[cpu] = policy;
        }
    } while (skip(text, ","));
    return true;
}

/* How words begin that are ours. What follows is read, or nothing may follow and the word stands for
 * `value`. */
static const struct {
    const char *begin;
    uint64_t *option;
    bool (*read)(const char **text, uint64_t *option);
    uint64_t value;
} words[] = {
    {"trace=off", &options.trace_mask, NULL, 0},
    {"trace=default", &options.trace_mask, NULL, TRACE_CATEGORIES_DEFAULT},
    {"trace=all", &options.trace_mask, NULL, TRACE_CATEGORIES_ALL},
    {"trace=", &options.trace_mask, number_read, 0},
    {"trace_ring=", &options.trace_ring, number_read, 0},
    {"trace_once=", &options.trace_once, number_read, 0},
    {"seed=", &options.seed, number_read, 0},
    {"doorbell=", &doorbell, doorbell_read, 0},
    {"idle=adaptive", &idle_us, NULL, POLL_MAX_US},
    {"idle=poll", &idle_us, NULL, POLL_FOR_EVER},
    {"idle=", &idle_us, number_read, 0},
    {"timeslice_us=", &options.timeslice_us, number_read, 0},
    {"policy=", NULL, policies_read, 0},
};

static void word_read(const char *text)
{
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *at = text;

        if (!skip(&at, words[i].begin)) {
            continue;
        }
        if (words[i].read != NULL) {
            if (!words[i].read(&at, words[i].option) || !word_ends(at)) {
                panic("command line: %s is not followed by one of its values", words[i].begin);
            }
            return;
        }
        if (word_ends(at)) {
            *words[i].option = words[i].value;
            return;
        }
    }
}

void options_parse(const char *command_line)
{
    cycles_t microsecond = arch_clock_hz / 1000000;

    while (*command_line != '\0') {
        word_read(command_line);
        while (!word_ends(command_line)) {
            command_line++;
        }
        while (*command_line == ' ') {
            command_line++;
        }
    }
    if (idle_us == 0 || (doorbell != DOORBELL_POLL && idle_us != POLL_MAX_US)) {
        panic("command line: idle= is for how long doorbell=poll polls, not 0 (doorbell=elide)");
    }
    options.never_polls = doorbell != DOORBELL_POLL;
    options.rings_up_to = doorbell == DOORBELL_ALWAYS ? UINT64_MAX : 0;
    options.never_halt = idle_us == POLL_FOR_EVER;
    options.poll_max = microsecond * (options.never_halt ? POLL_MAX_US : idle_us);
    options.poll_min = options.never_halt ? options.poll_max : microsecond * POLL_MIN_US;
    options.poll_jump = (uint32_t)(microsecond * POLL_JUMP_US);
}
