/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands about files, by way of the file system server (weft/file.h). The session is opened with the first of
 * them, so that the shell comes up without a disk.
 */
#include "shell.h"

#include "weft/file.h"
#include "weft/string.h"

#define SESSION_PAGES 16u
#define ENTRIES 8u    /* that are listed at a time */
#define PIECE 1024u   /* bytes that are shown at a time */
#define BLANK_LAST 31 /* characters up to here are not shown */

static struct weft_files files;

/* Says what went wrong; true: nothing did. */
static _Bool went_well(const char *path, int64_t result)
{
    if (result < 0) {
        say("%s: %s\n", path, weft_file_result_text(result));
    }
    return result >= 0;
}

static _Bool open_session(void)
{
    uint64_t service = files.service == 0 ? shell_capability("files") : files.service;
    if (service == 0 || files.service != 0) {
        return service != 0;
    }
    struct weft_files fresh = {0};
    if (!went_well("files", weft_files_open(&fresh, service, WEFT_FREE_BASE, SESSION_PAGES))) {
        return 0;
    }
    files = fresh;
    return 1;
}

static void command_ls(const struct shell_line *line)
{
    static struct weft_file_entry entries[ENTRIES];
    const char *path = line->count > 1 ? line->words[1] : "/";
    uint64_t next = 0;
    int64_t count;
    if (!open_session()) {
        return;
    }
    while ((count = weft_files_list(&files, path, &next, entries, ENTRIES)) > 0) {
        for (int64_t i = 0; i < count; i++) {
            if (entries[i].kind == WEFT_FILE_DIRECTORY) {
                say("%12s  %s/\n", "", entries[i].name);
            } else {
                say("%12lu  %s\n", entries[i].size, entries[i].name);
            }
        }
        if (shell_interrupted(0)) {
            return;
        }
    }
    (void)went_well(path, count);
}

/* Text is shown in whole lines, so what stands behind the last newline waits for more. What is no text shows as
 * dots. */
static size_t show(char *text, size_t length, _Bool last)
{
    size_t whole = length;
    while (!last && whole > 0 && text[whole - 1] != '\n') {
        whole--;
    }
    whole = whole == 0 && length == PIECE ? length : whole;
    for (size_t i = 0; i < whole; i++) {
        if ((uint8_t)text[i] <= BLANK_LAST && text[i] != '\n' && text[i] != '\t') {
            text[i] = '.';
        }
    }
    (void)weft_terminal_write(terminal.service, text, whole);
    memmove(text, text + whole, length - whole);
    return length - whole;
}

static void command_cat(const struct shell_line *line)
{
    static char text[PIECE];
    const char *path = line->words[1];
    struct weft_file file;
    size_t held = 0;
    int64_t count = 0;
    if (!open_session() || !went_well(path, weft_file_open(&files, &file, path, WEFT_FILE_READ))) {
        return;
    }
    while (!shell_interrupted(0) &&
           (count = weft_file_read(&file, text + held, sizeof(text) - held)) > 0) {
        held = show(text, held + (size_t)count, 0);
    }
    (void)show(text, held, 1);
    (void)went_well(path, count);
    (void)weft_file_close(&file);
}

/* The words behind the path, as they were typed, and a newline. */
static void command_write(const struct shell_line *line)
{
    const char *path = line->words[1], *text = line->rest + strlen(path);
    struct weft_file file;
    uint32_t flags = WEFT_FILE_WRITE | WEFT_FILE_CREATE;
    flags |= strcmp(line->words[0], "append") == 0 ? WEFT_FILE_APPEND : WEFT_FILE_TRUNCATE;
    text += *text != '\0'; /* the blank between them */
    if (!open_session() || !went_well(path, weft_file_open(&files, &file, path, flags))) {
        return;
    }
    if (went_well(path, weft_file_write(&file, text, strlen(text)))) {
        (void)went_well(path, weft_file_write(&file, "\n", 1));
    }
    (void)went_well(path, weft_file_close(&file));
}

static void command_rm(const struct shell_line *line)
{
    if (open_session()) {
        (void)went_well(line->words[1], weft_files_remove(&files, line->words[1]));
    }
}

static void command_mkdir(const struct shell_line *line)
{
    if (open_session()) {
        (void)went_well(line->words[1], weft_files_make_directory(&files, line->words[1]));
    }
}

static void command_mv(const struct shell_line *line)
{
    if (open_session()) {
        (void)went_well(line->words[1], weft_files_rename(&files, line->words[1], line->words[2]));
    }
}

static void command_df(const struct shell_line *line)
{
    struct weft_file_space space;
    (void)line;
    if (open_session() && went_well("df", weft_files_space(&files, &space))) {
        uint64_t unit = space.block_bytes / 1024;
        say("%lu KiB, of which %lu KiB are used, in blocks of %lu KiB\n", space.blocks * unit,
            space.used * unit, unit);
    }
}

const struct shell_command file_commands[] = {
    {"ls", "[PATH]", "names in a directory", 0, 1, command_ls},
    {"cat", "PATH", "shows a file", 1, 1, command_cat},
    {"write", "PATH [TEXT]", "makes a file of the text, and has it on the disk", 1, SHELL_WORDS,
     command_write},
    {"append", "PATH [TEXT]", "adds the text to a file", 1, SHELL_WORDS, command_write},
    {"rm", "PATH", "removes a file or an empty directory", 1, 1, command_rm},
    {"mv", "PATH PATH", "renames", 2, 2, command_mv},
    {"mkdir", "PATH", "makes a directory", 1, 1, command_mkdir},
    {"df", "", "how much room there is", 0, 0, command_df},
    {0},
};
