/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about the machine: its time, memory, trace, and its end.
 */
#include "shell.h"

#include "weft/rtc.h"
#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/time.h"
#include "weft/trace_events.h"

#define DAY 86400ull
#define PAGES_PER_MIB 256u

static void command_echo(const struct shell_line *line)
{
    say("%s\n", line->rest);
}

static void command_uptime(const struct shell_line *line)
{
    const struct weft_startup *startup = weft_startup();
    uint64_t milliseconds = (weft_cycles() - startup->kernel_entered) / weft_microseconds(1000);
    (void)line;
    say("up for %lu.%03lu s on %u CPUs\n", milliseconds / 1000, milliseconds % 1000,
        startup->cpu_count);
}

static _Bool is_leap(uint64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static void say_date(uint64_t seconds)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t days = seconds / DAY, time = seconds % DAY, year = 1970;
    uint32_t month = 0;
    for (; days >= 365u + is_leap(year); year++) {
        days -= 365u + is_leap(year);
    }
    for (; days >= lengths[month] + (uint64_t)(month == 1 && is_leap(year)); month++) {
        days -= lengths[month] + (uint64_t)(month == 1 && is_leap(year));
    }
    say("%lu-%02u-%02lu %02lu:%02lu:%02lu UTC\n", year, month + 1, days + 1, time / 3600,
        time / 60 % 60, time % 60);
}

static void command_date(const struct shell_line *line)
{
    uint64_t seconds = 0, clock = shell_capability("rtc");
    (void)line;
    if (clock == 0) {
        return;
    }
    status_t status = weft_rtc_read(clock, &seconds);
    if (status == STATUS_OK) {
        say_date(seconds);
    } else {
        say_status("date", status);
    }
}

static void command_mem(const struct shell_line *line)
{
    struct weft_service_info info;
    uint64_t free = 0, given = 0, used = 0;
    (void)line;
    for (uint32_t i = 0; weft_supervisor_list(i, &info, &free) == STATUS_OK; i++) {
        given += info.pages;
        used += info.pages - info.pages_free;
    }
    say("free %lu MiB; given to processes %lu KiB, of which they use %lu KiB (pages of 4 KiB; see "
        "ps)\n",
        free / PAGES_PER_MIB, given * 4, used * 4);
}

/* ---- trace -------------------------------------------------------------------------------------- */

static const struct category {
    const char *name;
    uint32_t mask;
} categories[] = {
    {"sched", TRACE_CATEGORY_SCHED},  {"ipc", TRACE_CATEGORY_IPC},
    {"smp", TRACE_CATEGORY_SMP},      {"irq", TRACE_CATEGORY_IRQ},
    {"user", TRACE_CATEGORY_USER},    {"syscall", TRACE_CATEGORY_SYSCALL},
    {"life", TRACE_CATEGORY_LIFE},    {"memory", TRACE_CATEGORY_MEMORY},
    {"on", TRACE_CATEGORIES_DEFAULT}, {"default", TRACE_CATEGORIES_DEFAULT},
    {"all", TRACE_CATEGORIES_ALL},    {"off", 0},
};
#define CATEGORIES (sizeof(categories) / sizeof(categories[0]))

/* "sched,ipc": their bits; false: one of the names is unknown, and *bad. */
static _Bool read_mask(char *text, uint32_t *mask, const char **bad)
{
    *mask = 0;
    for (char *name = text; name != NULL;) {
        char *end = strchr(name, ',');
        uint32_t i = 0;
        if (end != NULL) {
            *end = '\0';
        }
        while (i < CATEGORIES && strcmp(categories[i].name, name) != 0) {
            i++;
        }
        if (i == CATEGORIES) {
            *bad = name;
            return 0;
        }
        *mask |= categories[i].mask;
        name = end != NULL ? end + 1 : NULL;
    }
    return 1;
}

static uint32_t wanted_mask(char sign, uint32_t before, uint32_t named)
{
    return sign == '+' ? before | named : sign == '-' ? before & ~named : named;
}

static void say_mask(uint64_t mask)
{
    struct weft_line line = {0};
    for (uint32_t i = 0; i < CATEGORIES; i++) {
        uint32_t bit = categories[i].mask;
        if ((bit & (bit - 1)) == 0 && (mask & bit) != 0) {
            (void)weft_line_add(&line, " %s", categories[i].name);
        }
    }
    if (line.length == 0) {
        (void)weft_line_add(&line, " nothing");
    }
    say("traced on all CPUs:%.*s\n", (int)line.length, line.text);
}

static void command_trace(const struct shell_line *line)
{
    static uint32_t mask = TRACE_CATEGORIES_DEFAULT; /* as this shell knows it */
    char *text = line->words[1], sign = *text;
    uint64_t machine = shell_capability("machine"), before;
    uint32_t named;
    const char *bad;
    text += sign == '+' || sign == '-';
    if (machine == 0) {
        return;
    }
    if (!read_mask(text, &named, &bad)) {
        say("trace: there is no category %s\n", bad);
        return;
    }
    uint32_t wanted = wanted_mask(sign, mask, named);
    status_t status = weft_trace_control(machine, wanted, &before);
    if (status == STATUS_OK && before != mask) { /* somebody else has switched it */
        wanted = wanted_mask(sign, (uint32_t)before, named);
        status = weft_trace_control(machine, wanted, &before);
    }
    if (status == STATUS_OK) {
        status = weft_trace_control(machine, wanted, &before); /* has it been heard? */
    }
    if (status != STATUS_OK) {
        say_status("trace", status);
    } else if (before != wanted) {
        say("trace: this kernel was built without it\n");
    } else {
        mask = wanted;
        say_mask(mask);
    }
}

static void command_halt(const struct shell_line *line)
{
    uint64_t machine = shell_capability("machine");
    (void)line;
    if (machine != 0) {
        say("halt\n");
        (void)weft_terminal_drain(terminal.service);
        say_status("halt", weft_machine_off(machine, 0));
    }
}

const struct shell_command system_commands[] = {
    {"date", "", "the time of day", 0, 0, command_date},
    {"uptime", "", "how long the machine runs", 0, 0, command_uptime},
    {"mem", "", "memory: free, given, used", 0, 0, command_mem},
    {"trace", "on|off|all|[+-]CATEGORY,...", "what the kernel records, on all CPUs", 1, 1,
     command_trace},
    {"echo", "TEXT", "prints it", 0, SHELL_WORDS, command_echo},
    {"halt", "", "switches the machine off; so does ^D", 0, 0, command_halt},
    {0},
};
