/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell: a person's way to the running system, on the terminal (docs/shell.md).
 *
 * It is given
 *
 *     terminal     lines in and out (`use terminal`)
 *     supervisor   lists, kills and starts what the manifest declares (`use supervisor`)
 *     machine      for `halt` and `trace`; rtc for `date`, files for files. Without these the commands say so
 *
 * It keeps nothing: when it is killed the next instance prompts again, and the line that killed it is not read
 * twice (weft/terminal.h).
 */
#include "shell.h"

#include "weft/startup.h"
#include "weft/string.h"
#include "weft/syscalls.h"
#include "weft/time.h"

#define PROMPT "weft> "

struct weft_terminal terminal;

static void command_help(const struct shell_line *line);

static const struct shell_command own_commands[] = {
    {"help", "[COMMAND]", "what there is", 0, 1, command_help},
    {0},
};
static const struct shell_command *const tables[] = {own_commands, service_commands, file_commands,
                                                     system_commands};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

void say_status(const char *name, status_t status)
{
    static const char *const known[] = {
        [-STATUS_BAD_ARGUMENT] = "there is nothing of this name",
        [-STATUS_NO_RIGHT] = "the shell's capability does not allow this",
        [-STATUS_WOULD_BLOCK] = "it is not in a state for this (see ps)",
        [-STATUS_BAD_HANDLE] = "the shell was not given the capability for this",
        [-STATUS_DEAD] = "the service has ended, or is given up",
    };
    uint64_t number = (uint64_t)-status;
    if (number < sizeof(known) / sizeof(known[0]) && known[number] != NULL) {
        say("%s: %s\n", name, known[number]);
    } else {
        say("%s: failed with status %ld\n", name, status);
    }
}

_Bool shell_interrupted(uint64_t microseconds)
{
    return weft_terminal_interrupted(&terminal, weft_deadline(microseconds));
}

uint64_t shell_capability(const char *name)
{
    uint64_t handle = weft_capability(name);
    if (handle == 0) {
        say("the shell was not given %s: the manifest says what it holds\n", name);
    }
    return handle;
}

static const struct shell_command *find(const char *name)
{
    for (uint32_t i = 0; i < TABLES; i++) {
        for (const struct shell_command *command = tables[i]; command->name != NULL; command++) {
            if (strcmp(command->name, name) == 0) {
                return command;
            }
        }
    }
    return NULL;
}

static void command_help(const struct shell_line *line)
{
    for (uint32_t i = 0; i < TABLES; i++) {
        for (const struct shell_command *command = tables[i]; command->name != NULL; command++) {
            if (line->count == 1 || strcmp(line->words[1], command->name) == 0) {
                say("%-8s %-28s %s\n", command->name, command->usage, command->help);
            }
        }
    }
    if (line->count == 2 && find(line->words[1]) == NULL) {
        say("there is no command %s\n", line->words[1]);
    }
}

/* Cuts the text into words in place; false: there are too many. */
static _Bool cut(char *text, struct shell_line *line)
{
    *line = (struct shell_line){.rest = ""};
    for (char *at = text; *at != '\0';) {
        while (*at == ' ' || *at == '\t') {
            *at++ = '\0';
        }
        if (*at == '\0') {
            break;
        }
        if (line->count == SHELL_WORDS) {
            return 0;
        }
        line->words[line->count++] = at;
        while (*at != '\0' && *at != ' ' && *at != '\t') {
            at++;
        }
    }
    return 1;
}

static void execute(char *text)
{
    static char whole[TERMINAL_LINE_MAX];
    struct shell_line line;
    (void)weft_string_copy(whole, text, sizeof(whole));
    if (!cut(text, &line)) {
        say("a line has %u words at most\n", SHELL_WORDS);
        return;
    }
    if (line.count == 0) {
        return;
    }
    if (line.count > 1) {
        line.rest = whole + (line.words[1] - text);
    }
    const struct shell_command *command = find(line.words[0]);
    if (command == NULL) {
        say("there is no command %s (try help)\n", line.words[0]);
    } else if (line.count - 1 < command->least || line.count - 1 > command->most) {
        say("usage: %s %s\n", command->name, command->usage);
    } else {
        command->run(&line);
    }
}

/* Says to init that all is prepared; a shell is not called by anybody. */
static void become_ready(uint32_t *instance)
{
    static struct weft_service service;
    struct weft_ipc unused;
    weft_service_join(&service);
    weft_service_turn(&service, &unused, 0);
    *instance = service.page != NULL ? service.page->instance : 1;
}

static void greet(uint32_t instance)
{
    const struct weft_startup *startup = weft_startup();
    if (instance > 1) {
        say("shell: instance %u\n", instance);
        return;
    }
    say("Weft on %u CPUs, ready after %lu ms. `help` says what there is.\n", startup->cpu_count,
        (weft_cycles() - startup->kernel_entered) / weft_microseconds(1000));
}

int main(void)
{
    char text[TERMINAL_LINE_MAX];
    uint32_t instance;
    terminal.service = weft_capability("terminal");
    if (terminal.service == 0) {
        weft_fail("there is no capability terminal: its entry needs `use terminal`");
    }
    become_ready(&instance);
    greet(instance);
    for (;;) {
        enum terminal_input kind = TERMINAL_LINE;
        status_t status = weft_terminal_prompt(&terminal, PROMPT);
        if (status == STATUS_OK) {
            status = weft_terminal_read(&terminal, text, sizeof(text), &kind);
        }
        if (status == STATUS_BUSY) {
            continue; /* another reader has come, and gone */
        }
        if (status != STATUS_OK) {
            weft_fail("there is no terminal any more: status %ld", status);
        }
        if (kind == TERMINAL_END) {
            (void)weft_string_copy(text, "halt", sizeof(text));
        }
        if (kind != TERMINAL_INTERRUPT) {
            execute(text);
        }
    }
}
