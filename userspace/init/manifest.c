/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the manifest, whose format stands at the top of init.c. Line by line: the first word says
 * what the line declares, `key=value` words fill it in. Whatever is unknown, twice there, missing or
 * out of its range is an error with its line; nothing is guessed.
 */
#include "manifest.h"
#include "manifest_service.h"
#include "manifest_words.h"

#include "weft/abi.h"
#include "weft/layout.h"
#include "weft/string.h"

#define LINE_MAX_BYTES 1200
#define DEFAULT_PAGES 256
#define PRIORITY_TOP 62 /* init itself runs at 63 and must stay able to act */

struct reader {
    struct manifest *manifest;
    struct manifest_process *process; /* to which `give` and `arguments` lines belong */
    const char *words;
    uint32_t cpu_count;
    unsigned line;
};

static const char *read_cpu(const struct reader *reader, const char *text, uint32_t *out)
{
    uint64_t cpu;
    const char *problem = read_number(text, UINT32_MAX, &cpu);
    if (problem == NULL) {
        *out = (uint32_t)(cpu % reader->cpu_count);
    }
    return problem;
}

/* A range of CPUs, as far as this machine has them: at least one. */
static const char *read_cpus(const struct reader *reader, char *text, uint64_t *out)
{
    const char *problem = read_range(text, out);
    if (problem == NULL) {
        uint64_t first = (uint32_t)*out, last = first + (*out >> 32) - 1;
        last = last < reader->cpu_count ? last : reader->cpu_count - 1;
        first = first < last ? first : last;
        *out = first | (last - first + 1) << 32;
    }
    return problem;
}

static const char *read_object(struct reader *reader, enum manifest_kind kind, struct words *words)
{
    struct manifest_object object = {.kind = kind};
    const char *problem = copy_name(object.name, next_word(words));
    for (char *word; problem == NULL && (word = next_word(words)) != NULL;) {
        char *value = split_value(word);
        if (strcmp(word, "cpu") == 0 && kind != KIND_MEMORY) {
            problem = read_cpu(reader, value, &object.cpu);
        } else if (strcmp(word, "pages") == 0 && kind == KIND_MEMORY) {
            problem = read_number(value, UINT32_MAX, &object.pages);
        } else {
            problem = "a word is not understood";
        }
    }
    if (problem == NULL && kind == KIND_MEMORY && object.pages == 0) {
        problem = "pages=N is missing";
    }
    return problem != NULL ? problem : add_object(reader->manifest, &object);
}

static const char *read_process_word(struct reader *reader, struct manifest_process *process,
                                     char *word)
{
    if (strcmp(word, "wait") == 0 && !process->is_service) {
        process->wait = 1;
        return NULL;
    }
    if (strcmp(word, "manual") == 0 && !process->is_service) {
        process->is_manual = 1;
        return NULL;
    }
    char *value = split_value(word);
    if (strcmp(word, "program") == 0) {
        return copy_name(process->program, value);
    }
    if (strcmp(word, "cpu") == 0) {
        return read_cpu(reader, value, &process->cpu);
    }
    if (strcmp(word, "home") == 0) {
        return read_cpu(reader, value, &process->home);
    }
    if (strcmp(word, "cpus") == 0) {
        return read_cpus(reader, value, &process->cpus);
    }
    if (strcmp(word, "priority") == 0) {
        return read_number32(value, PRIORITY_TOP, &process->priority);
    }
    if (strcmp(word, "pages") == 0) {
        return read_number(value, UINT32_MAX, &process->pages);
    }
    if (strcmp(word, "needs") == 0) {
        return manifest_needs(process, value);
    }
    return process->is_service ? manifest_service_word(process, word, value)
                               : "a word is not understood";
}

static const char *read_process(struct reader *reader, struct words *words, _Bool is_service)
{
    struct manifest *manifest = reader->manifest;
    if (manifest->process_count == MANIFEST_PROCESSES_MAX) {
        return "there are too many processes";
    }
    struct manifest_process *process = &manifest->processes[manifest->process_count];
    *process = (struct manifest_process){.priority = WEFT_PRIORITY_DEFAULT,
                                         .pages = DEFAULT_PAGES,
                                         .is_service = is_service,
                                         .service = manifest_service_default,
                                         .line = reader->line};
    const char *problem = copy_name(process->name, next_word(words));
    if (problem == NULL && strlen(process->name) > NAME_MAX) {
        problem = "a process's name is too long";
    }
    for (char *word; problem == NULL && (word = next_word(words)) != NULL;) {
        problem = read_process_word(reader, process, word);
    }
    if (problem == NULL && process->program[0] == '\0') {
        problem = "program=FILE is missing";
    }
    if (problem == NULL && process->is_manual &&
        (process->wait || process->needs_text[0] != '\0')) {
        problem = "a manual process has neither wait nor needs=";
    }
    if (problem == NULL && is_service) {
        problem = manifest_service_check(manifest, process);
    }
    if (problem == NULL) {
        manifest->process_count++;
        reader->process = process;
    }
    return problem;
}

/* Letters in the order of the rights' bits: r read, w write, x execute, c copy, m manage. */
static const char *read_rights(const char *letters, uint32_t *out)
{
    static const char known[] = "rwxcm";
    *out = 0;
    for (; letters != NULL && *letters != '\0'; letters++) {
        const char *letter = strchr(known, *letters);
        if (letter == NULL) {
            return "rights are letters of rwxcm";
        }
        *out |= 1u << (letter - known);
    }
    return NULL;
}

/* What a grant gives where it does not say: enough to use the object, not to hand it on. */
static uint32_t default_rights(enum manifest_kind kind)
{
    switch (kind) {
    case KIND_CONSOLE:
        return RIGHT_WRITE | RIGHT_COPY;
    case KIND_MACHINE:
        return RIGHT_MANAGE;
    case KIND_INITRD:
    case KIND_TRACE:
        return RIGHT_READ | RIGHT_COPY;
    default:
        return RIGHT_READ | RIGHT_WRITE;
    }
}

static const char *read_grant(struct reader *reader, struct words *words)
{
    struct manifest_process *process = reader->process;
    if (process == NULL) {
        return "give stands before the first process";
    }
    if (process->grant_count == MANIFEST_GRANTS_MAX) {
        return "there are too many capabilities";
    }
    char *name = next_word(words);
    int object = name ? find_object(reader->manifest, name) : -1;
    if (object < 0) {
        return "there is no object of this name";
    }
    struct manifest_grant grant = {.object = (uint32_t)object};
    const char *problem = copy_name(grant.name, name);
    enum manifest_kind kind = reader->manifest->objects[object].kind;
    if (kind == KIND_SUPERVISOR) {
        return "the supervisor is had by `use supervisor`";
    }
    grant.rights = default_rights(kind);
    for (char *word; problem == NULL && (word = next_word(words)) != NULL;) {
        char *value = split_value(word);
        if (strcmp(word, "rights") == 0) {
            problem = read_rights(value, &grant.rights);
        } else if (strcmp(word, "badge") == 0) {
            problem = read_number(value, UINT64_MAX, &grant.badge);
        } else if (strcmp(word, "range") == 0 && kind >= KIND_PORTS) {
            problem = read_range(value, &grant.badge);
        } else if (strcmp(word, "as") == 0) {
            problem = copy_name(grant.name, value);
        } else {
            problem = "a word is not understood";
        }
    }
    if (problem == NULL) {
        process->grants[process->grant_count++] = grant;
    }
    return problem;
}

/* Appends text to the process's arguments; false where it does not fit. */
static _Bool append(struct manifest_process *process, const char *text, size_t length)
{
    size_t used = strlen(process->arguments);
    if (length >= sizeof(process->arguments) - used) {
        return 0;
    }
    memcpy(process->arguments + used, text, length);
    process->arguments[used + length] = '\0';
    return 1;
}

/* The rest of the line, with the boot's words in the place of {arguments}. */
static const char *read_arguments(struct reader *reader, struct words *words)
{
    static const char placeholder[] = "{arguments}";
    if (reader->process == NULL) {
        return "arguments stand before the first process";
    }
    reader->process->arguments[0] = '\0';
    while (*words->rest == ' ' || *words->rest == '\t') {
        words->rest++;
    }
    for (const char *text = words->rest; *text != '\0';) {
        _Bool replace = strncmp(text, placeholder, sizeof(placeholder) - 1) == 0;
        const char *piece = replace ? reader->words : text;
        if (!append(reader->process, piece, replace ? strlen(piece) : 1)) {
            return "the arguments are too long";
        }
        text += replace ? sizeof(placeholder) - 1 : 1;
    }
    return NULL;
}

static const char *read_line(struct reader *reader, char *line)
{
    struct words words = {line};
    char *kind = next_word(&words);
    if (kind == NULL || kind[0] == '#') {
        return NULL;
    }
    if (strcmp(kind, "endpoint") == 0) {
        return read_object(reader, KIND_ENDPOINT, &words);
    }
    if (strcmp(kind, "notification") == 0) {
        return read_object(reader, KIND_NOTIFICATION, &words);
    }
    if (strcmp(kind, "memory") == 0) {
        return read_object(reader, KIND_MEMORY, &words);
    }
    if (strcmp(kind, "process") == 0 || strcmp(kind, "service") == 0) {
        return read_process(reader, &words, kind[0] == 's');
    }
    if (strcmp(kind, "provide") == 0 || strcmp(kind, "use") == 0 || strcmp(kind, "state") == 0 ||
        strcmp(kind, "vault") == 0 || strcmp(kind, "complain") == 0) {
        return manifest_service_line(reader->manifest, reader->process, reader->line, kind, &words);
    }
    if (strcmp(kind, "give") == 0) {
        return read_grant(reader, &words);
    }
    if (strcmp(kind, "arguments") == 0) {
        return read_arguments(reader, &words);
    }
    if (strcmp(kind, "include") == 0) {
        return next_word(&words) ? NULL : "a file's name is missing"; /* for the image's builder */
    }
    return "a line begins with an unknown word";
}

static void add_special_objects(struct manifest *manifest)
{
    static const struct manifest_object special[] = {
        {.name = "console", .kind = KIND_CONSOLE},
        {.name = "machine", .kind = KIND_MACHINE},
        {.name = "initrd", .kind = KIND_INITRD},
        {.name = "supervisor", .kind = KIND_SUPERVISOR},
        {.name = "ports", .kind = KIND_PORTS},
        {.name = "interrupts", .kind = KIND_INTERRUPTS},
        {.name = "physical", .kind = KIND_PHYSICAL},
        {.name = "trace", .kind = KIND_TRACE},
    };
    memcpy(manifest->objects, special, sizeof(special));
    manifest->object_count = sizeof(special) / sizeof(special[0]);
}

/* The line that begins at *start, which moves to the one behind it. */
static const char *take_line(struct reader *reader, const uint8_t *text, size_t size, size_t *start)
{
    char buffer[LINE_MAX_BYTES];
    size_t length = 0;
    while (*start + length < size && text[*start + length] != '\n') {
        length++;
    }
    reader->line++;
    if (length >= sizeof(buffer)) {
        return "a line is too long";
    }
    memcpy(buffer, text + *start, length);
    buffer[length] = '\0';
    *start += length + 1;
    return strlen(buffer) < length ? "a line holds a NUL" : read_line(reader, buffer);
}

const char *manifest_read(const uint8_t *text, size_t size, const char *words, uint32_t cpu_count,
                          struct manifest *out, unsigned *line)
{
    struct reader reader = {.manifest = out, .words = words, .cpu_count = cpu_count};
    const char *problem = NULL;
    out->process_count = 0;
    add_special_objects(out);
    for (size_t start = 0; start < size && problem == NULL;) {
        problem = take_line(&reader, text, size, &start);
    }
    *line = reader.line;
    if (problem == NULL && out->process_count == 0) {
        problem = "no process is declared";
    }
    return problem != NULL ? problem : manifest_resolve(out, line);
}
