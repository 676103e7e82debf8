/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the kernel's command line; the header lists the options.
 */
#include "kernel/options.h"

#include "kernel/arch.h"
#include "kernel/panic.h"
#include "weft/trace_events.h"

#define POLL_MIN_US 2
#define POLL_MAX_US 200
#define POLL_JUMP_US 150

struct options options = {
    .trace_mask = TRACE_CATEGORIES_DEFAULT,
    .timeslice_us = 10000,
};

/* Does the word at `text` start with `prefix`? Then `*value` is what follows. */
static bool option_is(const char *text, const char *prefix, const char **value)
{
    while (*prefix != '\0') {
        if (*text++ != *prefix++) {
            return false;
        }
    }
    *value = text;
    return true;
}

static bool word_is(const char *text, const char *word)
{
    const char *rest;

    return option_is(text, word, &rest) && (*rest == '\0' || *rest == ' ');
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

/* A number: decimal or 0x..., with suffix K or M. Panics when it is none. */
static uint64_t number(const char *option, const char *text)
{
    unsigned base = 10;
    uint64_t value = 0;
    const char *p = text;

    if (p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    if (digit_value(*p) >= base) {
        panic("command line: %s needs a number", option);
    }
    for (; digit_value(*p) < base; p++) {
        value = value * base + digit_value(*p);
    }
    if (*p == 'K') {
        value <<= 10;
        p++;
    } else if (*p == 'M') {
        value <<= 20;
        p++;
    }
    if (*p != '\0' && *p != ' ') {
        panic("command line: %s: the number ends with something else", option);
    }
    return value;
}

static void parse_trace(const char *value)
{
    if (word_is(value, "off")) {
        options.trace_mask = 0;
    } else if (word_is(value, "all")) {
        options.trace_mask = TRACE_CATEGORIES_ALL;
    } else if (!word_is(value, "default")) {
        options.trace_mask = (uint8_t)number("trace=off|default|all|MASK", value);
    }
}

static void parse_idle(const char *value)
{
    if (word_is(value, "poll")) {
        options.poll_min = options.poll_max;
        options.never_halt = true;
    } else if (word_is(value, "halt")) {
        options.poll_min = 0;
        options.poll_max = 0;
    } else if (!word_is(value, "adaptive")) {
        panic("command line: idle= is adaptive, poll or halt");
    }
}

/* The policy that the text begins with; *end is what follows. */
static const struct policy *policy_named(const char *text, const char **end)
{
    static const struct policy *const policies[] = {&policy_fixed, &policy_edf, &policy_fair};

    for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (option_is(text, policies[i]->name, end) &&
            (**end == '\0' || **end == ' ' || **end == ',')) {
            return policies[i];
        }
    }
    panic("command line: policy= is fixed, edf or fair, or CPU:policy,CPU:policy");
}

static void parse_policy(const char *value)
{
    if (digit_value(*value) >= 10) {
        const struct policy *policy = policy_named(value, &value);

        for (unsigned cpu = 0; cpu < CPU_MAX; cpu++) {
            options.policy[cpu] = policy;
        }
        return;
    }
    while (digit_value(*value) < 10) {
        unsigned cpu = 0;

        for (; digit_value(*value) < 10 && cpu < CPU_MAX; value++) {
            cpu = cpu * 10 + digit_value(*value);
        }
        if (*value != ':' || cpu >= CPU_MAX) {
            panic("command line: policy=: there is no such CPU");
        }
        options.policy[cpu] = policy_named(value + 1, &value);
        value += *value == ',';
    }
}

static void parse_word(const char *word)
{
    const char *value;

    if (option_is(word, "trace=", &value)) {
        parse_trace(value);
    } else if (option_is(word, "trace_ring=", &value)) {
        options.trace_ring = number("trace_ring=", value);
    } else if (option_is(word, "seed=", &value)) {
        options.seed = number("seed=", value);
    } else if (option_is(word, "idle=", &value)) {
        parse_idle(value);
    } else if (option_is(word, "policy=", &value)) {
        parse_policy(value);
    } else if (option_is(word, "timeslice_us=", &value)) {
        options.timeslice_us = (uint32_t)number("timeslice_us=", value);
    }
}

void options_parse(const char *command_line)
{
    options.poll_min = arch_clock_hz / 1000000 * POLL_MIN_US;
    options.poll_max = arch_clock_hz / 1000000 * POLL_MAX_US;
    options.poll_jump = (uint32_t)(arch_clock_hz / 1000000 * POLL_JUMP_US);
    parse_policy("fixed");
    while (*command_line != '\0') {
        while (*command_line == ' ') {
            command_line++;
        }
        parse_word(command_line);
        while (*command_line != ' ' && *command_line != '\0') {
            command_line++;
        }
    }
}
