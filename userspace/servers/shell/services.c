/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about processes and services: all by way of init (weft/supervisor.h).
 */
#include "shell.h"

#include "weft/startup.h"
#include "weft/string.h"
#include "weft/supervisor.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define LOOK_TIME 10000u /* microseconds between two looks at a program that runs */

static const char *const state_names[] = WEFT_SERVICE_STATE_NAMES;
static const char *const cause_names[] = WEFT_SERVICE_CAUSE_NAMES;

static const char *name_in(const char *const *names, uint32_t count, uint32_t number)
{
    return number < count ? names[number] : "?";
}

static const char *state_of(const struct weft_service_info *info)
{
    if (info->is_manual && info->instance == 0) {
        return "manual";
    }
    return name_in(state_names, sizeof(state_names) / sizeof(state_names[0]), info->state);
}

/* "exit 0", "killed" */
static const char *cause_of(const struct weft_service_info *info)
{
    static char text[32];
    const char *name =
        name_in(cause_names, sizeof(cause_names) / sizeof(cause_names[0]), info->cause);
    _Bool tells = info->cause == WEFT_CAUSE_EXIT || info->cause == WEFT_CAUSE_FAULT ||
                  info->cause == WEFT_CAUSE_START;
    if (info->cause == WEFT_CAUSE_NONE) {
        return "-";
    }
    weft_format(text, sizeof(text), tells ? "%s %d" : "%s", name, info->detail);
    return text;
}

static _Bool is_up(const struct weft_service_info *info)
{
    return info->state == WEFT_SERVICE_STARTING || info->state == WEFT_SERVICE_RUNNING;
}

static status_t list(uint32_t number, struct weft_service_info *info)
{
    return weft_supervisor_list(number, info, NULL);
}

static void command_ps(const struct shell_line *line)
{
    struct weft_service_info info;
    status_t status;
    (void)line;
    say("%-16s %-8s %-9s %3s %10s %7s %11s %6s %s\n", "NAME", "KIND", "STATE", "CPU", "TIME",
        "THREADS", "MEMORY", "STARTS", "LAST END");
    for (uint32_t i = 0; (status = list(i, &info)) == STATUS_OK; i++) {
        char memory[24] = "-";
        if (is_up(&info)) {
            weft_format(memory, sizeof(memory), "%u/%u", info.pages - info.pages_free, info.pages);
        }
        say("%-16s %-8s %-9s %3u %7lu ms %7u %11s %6u %s\n", info.name,
            info.is_service ? "service" : "process", state_of(&info), info.cpu,
            info.time / weft_microseconds(1000), info.threads, memory, info.instance,
            cause_of(&info));
    }
    if (status != STATUS_BAD_ARGUMENT) {
        say_status("ps", status);
    }
}

/* "12.3 s", of a moment that is past; "-" if there was none. */
static const char *ago(uint64_t moment, char *text, size_t size)
{
    uint64_t tenths = (weft_cycles() - moment) / weft_microseconds(100000);
    weft_format(text, size, moment != 0 ? "%lu.%lu s" : "-", tenths / 10, tenths % 10);
    return text;
}

static void command_services(const struct shell_line *line)
{
    struct weft_service_info info;
    status_t status;
    (void)line;
    say("%-16s %-9s %6s %8s %10s %9s %s\n", "SERVICE", "STATE", "STARTS", "FAILURES", "UP FOR",
        "READY IN", "LAST END");
    for (uint32_t i = 0; (status = list(i, &info)) == STATUS_OK; i++) {
        char up[24], took[24] = "-";
        if (!info.is_service) {
            continue;
        }
        if (info.ready_at > info.started_at) {
            weft_format(took, sizeof(took), "%lu us",
                        (info.ready_at - info.started_at) / weft_microseconds(1));
        }
        say("%-16s %-9s %6u %8u %10s %9s %s\n", info.name, state_of(&info), info.instance,
            info.failures, ago(is_up(&info) ? info.ready_at : 0, up, sizeof(up)), took,
            cause_of(&info));
    }
    if (status != STATUS_BAD_ARGUMENT) {
        say_status("services", status);
    }
}

/* ---- capabilities ------------------------------------------------------------------------------- */

static const char *type_of(uint32_t type)
{
    static const char *const names[] = {
        [OBJECT_PROCESS] = "process",   [OBJECT_THREAD] = "thread",
        [OBJECT_ENDPOINT] = "endpoint", [OBJECT_NOTIFICATION] = "notification",
        [OBJECT_MEMORY] = "memory",     [OBJECT_CONSOLE] = "console",
        [OBJECT_MACHINE] = "machine",   [OBJECT_CPUS] = "cpus",
        [OBJECT_PORTS] = "ports",       [OBJECT_INTERRUPTS] = "interrupts",
        [OBJECT_PHYSICAL] = "physical", [OBJECT_INTERRUPT] = "interrupt",
        [OBJECT_REPLY] = "reply",
    };
    return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] : "nothing";
}

/* "rw-c-" */
static void letters_of(uint32_t rights, char *text)
{
    static const char letters[] = "rwxcm";
    for (uint32_t i = 0; i < sizeof(letters) - 1; i++) {
        text[i] = '-';
        if ((rights >> i & 1) != 0) {
            text[i] = letters[i];
        }
    }
    text[sizeof(letters) - 1] = '\0';
}

/* What a badge means depends on what the capability is to. */
static void describe(const struct weft_capability_info *capability, char *text, size_t size)
{
    uint64_t first = (uint32_t)capability->badge, count = capability->badge >> 32;
    _Bool is_range = capability->type >= OBJECT_CPUS && capability->type <= OBJECT_PHYSICAL;
    if (is_range && capability->badge == 0) {
        weft_format(text, size, "all");
    } else if (is_range) {
        weft_format(text, size, capability->type == OBJECT_CPUS ? "%lu to %lu" : "0x%lx to 0x%lx",
                    first, first + count - 1);
    } else if (capability->type == OBJECT_ENDPOINT && (capability->rights & RIGHT_READ) != 0) {
        weft_format(text, size, "receives here");
    } else if (capability->type == OBJECT_ENDPOINT) {
        weft_format(text, size, "calls %s as 0x%lx", capability->target, capability->badge);
    } else if (capability->badge != 0) {
        weft_format(text, size, "badge 0x%lx", capability->badge);
    } else {
        weft_format(text, size, "%s", capability->target);
    }
}

static status_t show_capabilities(uint32_t number, const char *name)
{
    struct weft_capability_info capabilities[WEFT_SUPERVISOR_CAPABILITIES_MAX];
    uint32_t count;
    status_t status = weft_supervisor_capabilities(number, capabilities, &count);
    if (status != STATUS_OK) {
        return status;
    }
    say("%s: %u capabilities\n", name, count);
    for (uint32_t i = 0; i < count; i++) {
        char rights[8], text[64];
        letters_of(capabilities[i].rights, rights);
        describe(&capabilities[i], text, sizeof(text));
        say("    %-16s %-12s %s  %s\n", capabilities[i].name, type_of(capabilities[i].type), rights,
            text);
    }
    return STATUS_OK;
}

static void command_caps(const struct shell_line *line)
{
    const char *wanted = line->count > 1 ? line->words[1] : NULL;
    struct weft_service_info info;
    status_t status;
    _Bool found = 0;
    for (uint32_t i = 0; (status = list(i, &info)) == STATUS_OK; i++) {
        if (wanted == NULL || strcmp(info.name, wanted) == 0) {
            found = 1;
            status = show_capabilities(i, info.name);
        }
        if (status != STATUS_OK || shell_interrupted(0)) {
            break;
        }
    }
    if (wanted == NULL && status == STATUS_BAD_ARGUMENT) {
        say("init: the whole machine, and every process that it starts\n");
    }
    if (status != STATUS_OK && (status != STATUS_BAD_ARGUMENT || !found)) {
        say_status(wanted != NULL ? wanted : "caps", status);
    }
}

/* ---- beginning and end -------------------------------------------------------------------------- */

/* Why it was not done. init knows no such name where the command is not for what has it: say what that is. */
static void say_refusal(const char *name, status_t status)
{
    struct weft_service_info info;
    _Bool known = 0;
    for (uint32_t i = 0; status == STATUS_BAD_ARGUMENT && !known; i++) {
        if (list(i, &info) != STATUS_OK) {
            break;
        }
        known = strcmp(info.name, name) == 0;
    }
    if (!known) {
        say_status(name, status);
    } else if (info.is_service) {
        say("%s: it is a service (try start)\n", name);
    } else if (info.is_manual) {
        say("%s: it is a program (try run and kill)\n", name);
    } else {
        say("%s: it began with the machine, and ends with it\n", name);
    }
}

static void command_kill(const struct shell_line *line)
{
    status_t status = weft_supervisor_kill(line->words[1]);
    if (status != STATUS_OK) {
        say_refusal(line->words[1], status);
    }
}

static void command_restart(const struct shell_line *line)
{
    status_t status = weft_supervisor_restart(line->words[1]);
    if (status != STATUS_OK) {
        say_refusal(line->words[1], status);
    }
}

static void command_stop(const struct shell_line *line)
{
    status_t status = weft_supervisor_stop(line->words[1]);
    if (status != STATUS_OK) {
        say_refusal(line->words[1], status);
    }
}

static void command_start(const struct shell_line *line)
{
    status_t status = weft_supervisor_start(line->words[1]);
    if (status != STATUS_OK) {
        say_refusal(line->words[1], status);
    }
}

static void list_programs(void)
{
    struct weft_service_info info;
    say("programs that may be run:\n");
    for (uint32_t i = 0; list(i, &info) == STATUS_OK; i++) {
        if (info.is_manual) {
            say("    %s\n", info.name);
        }
    }
}

static status_t find_program(const char *name, struct weft_service_info *info)
{
    status_t status;
    for (uint32_t i = 0; (status = list(i, info)) == STATUS_OK; i++) {
        if (info->is_manual && strcmp(info->name, name) == 0) {
            break;
        }
    }
    return status;
}

/* Until it has ended. ^C kills it. */
static void wait_for(const char *name)
{
    struct weft_service_info info;
    status_t status;
    while ((status = find_program(name, &info)) == STATUS_OK && is_up(&info)) {
        if (shell_interrupted(LOOK_TIME)) {
            (void)weft_supervisor_kill(name); /* or it has just ended */
        }
    }
    if (status != STATUS_OK) {
        say_status(name, status);
    } else if (info.cause != WEFT_CAUSE_EXIT || info.detail != 0) {
        say("%s: %s\n", name, cause_of(&info));
    }
}

static void command_run(const struct shell_line *line)
{
    char arguments[TERMINAL_LINE_MAX] = "";
    uint32_t count = line->count;
    _Bool aside = count > 2 && strcmp(line->words[count - 1], "&") == 0;
    if (count == 1) {
        list_programs();
        return;
    }
    size_t length = 0;
    for (uint32_t i = 2; i < count - aside; i++) {
        length += weft_format(arguments + length, sizeof(arguments) - length, i > 2 ? " %s" : "%s",
                              line->words[i]);
    }
    status_t status = weft_supervisor_run(line->words[1], arguments);
    if (status == STATUS_WOULD_BLOCK) {
        say("%s: it runs already\n", line->words[1]);
    } else if (status != STATUS_OK) {
        say_refusal(line->words[1], status);
    } else if (!aside) {
        wait_for(line->words[1]);
    }
}

const struct shell_command service_commands[] = {
    {"ps", "", "processes and services: state, time, memory, last end", 0, 0, command_ps},
    {"services", "", "services: starts, failures, how long a start took", 0, 0, command_services},
    {"caps", "[NAME]", "what each process was given", 0, 1, command_caps},
    {"run", "[NAME [WORD...] [&]]", "runs a program of the boot image; & does not wait", 0,
     SHELL_WORDS, command_run},
    {"kill", "NAME", "ends a service, as a fault would, or a program", 1, 1, command_kill},
    {"restart", "NAME", "ends a service and starts it at once", 1, 1, command_restart},
    {"stop", "NAME", "ends a service until `start`", 1, 1, command_stop},
    {"start", "NAME", "starts a service that was stopped or given up", 1, 1, command_start},
    {0},
};
