/* SPDX-License-Identifier: Apache-2.0
 *
 * The shell: what its files share. A command is a row in the table of its topic's file:
 *
 *     {"kill", "NAME", "ends a service or program", 1, 1, command_kill},
 *
 * It gets its words, the name first; as many of them as the row allows. It says what is wrong in one line.
 */
#pragma once

#include "weft/terminal.h"

#define SHELL_WORDS 16

struct shell_line {
    uint32_t count;
    char *words[SHELL_WORDS];
    const char *rest; /* the line behind its first word, as it was typed */
};

struct shell_command {
    const char *name;
    const char *usage; /* its words, for people */
    const char *help;
    uint32_t least, most; /* words behind the name */
    void (*run)(const struct shell_line *line);
};

/* Ended by a row without a name. */
extern const struct shell_command service_commands[]; /* services.c */
extern const struct shell_command file_commands[];    /* files.c */
extern const struct shell_command system_commands[];  /* system.c */

extern struct weft_terminal terminal;

/* Prints a line or several. */
#define say weft_terminal_print

/* "name: what the status means in words" */
void say_status(const char *name, status_t status);

/* ^C since the last prompt? Looks for so many microseconds. */
_Bool shell_interrupted(uint64_t microseconds);

/* The capability, or 0 and a line that says that the manifest does not give it. */
uint64_t shell_capability(const char *name);
