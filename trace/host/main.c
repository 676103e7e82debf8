/* SPDX-License-Identifier: Apache-2.0
 *
 * weft-trace: the command line of the trace tools. Reads the arguments, opens the capture, runs
 * one subcommand, and turns what comes back into an exit code:
 *
 *     0  done
 *     1  check found violations
 *     2  bad usage or bad input: one line on standard error says what
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "latency.h"
#include "trigger.h"
#include "usage.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "captures are read as they are");

#define LIMIT_DEFAULT 5u
#define LIMIT_MAX 10000u
#define LAST_MS_MAX 1000000 /* in ticks it still fits half of 48 bits */

struct options {
    const char *command, *input, *output;
    struct capture_options capture;
    const char *triggers[TRIGGERS_MAX + 1]; /* one more than can be, so that it is seen */
    struct latency_options latency;
    struct path_options path;
    const char *second; /* capture of diff */
    const char *table;
    bool json, help;
    bool excess; /* there were more arguments than any command takes */
};

static bool number_read(const char *text, uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno && *number <= most;
}

/* The options that take a number, each within bounds; says what is wrong with one that is not. */
static bool number_option(struct options *options, int option, const char *text)
{
    static const struct {
        int option;
        const char *name;
        uint64_t least, most;
    } bounds[] = {
        {'s', "slowest", 0, SLOWEST_MAX}, {'l', "last", 0, LAST_MS_MAX},
        {'x', "limit", 1, LIMIT_MAX},     {'t', "thread", 1, UINT32_MAX},
        {'i', "message", 1, UINT32_MAX},  {'f', "from", 0, UINT64_MAX},
        {'e', "to", 0, UINT64_MAX},
    };
    uint64_t number = 0;
    size_t i = 0;

    while (bounds[i].option != option) {
        i++;
    }
    if (!number_read(text, bounds[i].most, &number) || number < bounds[i].least) {
        fprintf(stderr, "weft-trace: --%s is a number from %" PRIu64 " to %" PRIu64 ", not %s\n",
                bounds[i].name, bounds[i].least, bounds[i].most, text);
        return false;
    }
    switch (option) {
    case 's':
        options->latency.slowest = number;
        break;
    case 'l':
        options->capture.last_ms = number;
        break;
    case 'x':
        options->capture.limit = (unsigned)number;
        break;
    case 't':
        options->path.thread = (uint32_t)number;
        break;
    case 'i':
        options->path.message = (uint32_t)number;
        break;
    case 'f':
        options->path.from = number;
        break;
    default:
        options->path.to = number;
        break;
    }
    return true;
}

static void trigger_option(struct options *options, const char *text)
{
    struct capture_options *capture = &options->capture;

    capture->trigger = text;
    if (capture->trigger_count < sizeof options->triggers / sizeof *options->triggers) {
        options->triggers[capture->trigger_count++] = text;
    }
}

/* One option. False: it makes no sense, as has been said. */
static bool option_take(struct options *options, int option, const char *text)
{
    switch (option) {
    case 'r':
        options->capture.ram = text;
        break;
    case 'k':
        options->capture.kernel = text;
        break;
    case 'm':
        options->capture.metadata = text;
        break;
    case 'w':
        trigger_option(options, text);
        break;
    case 'j':
        options->json = options->latency.json = options->path.json = true;
        break;
    case 'l':
    case 's':
    case 't':
    case 'x':
    case 'i':
    case 'f':
    case 'e':
        return number_option(options, option, text);
    case 'g':
        options->latency.hgrm = text;
        break;
    case 'n':
        options->table = text;
        break;
    case 'o':
        options->output = text;
        break;
    case 'h':
        options->help = true;
        break;
    default:
        return false;
    }
    return true;
}

/* Something is missing, or too much. */
static enum exit_code misused(const struct options *options)
{
    if (!options->command) {
        usage_print(stderr);
    } else if (!usage_of_command(options->command)) {
        fprintf(stderr, "weft-trace: there is no command %s (see weft-trace --help)\n",
                options->command);
    }
    return EXIT_BAD_INPUT;
}

/* False: there is an option that makes no sense, as has been said. */
static bool options_read(struct options *options, int count, char **arguments)
{
    static const struct option names[] = {
        {"ram", required_argument, NULL, 'r'},
        {"kernel", required_argument, NULL, 'k'},
        {"meta", required_argument, NULL, 'm'},
        {"json", no_argument, NULL, 'j'},
        {"last", required_argument, NULL, 'l'},
        {"trigger", required_argument, NULL, 'w'},
        {"limit", required_argument, NULL, 'x'},
        {"slowest", required_argument, NULL, 's'},
        {"hgrm", required_argument, NULL, 'g'},
        {"name", required_argument, NULL, 'n'},
        {"thread", required_argument, NULL, 't'},
        {"message", required_argument, NULL, 'i'},
        {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 'e'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    opterr = 0;
    options->latency.slowest = SLOWEST_DEFAULT;
    options->capture.limit = LIMIT_DEFAULT;
    options->capture.triggers = options->triggers;
    while ((option = getopt_long(count, arguments, "o:h", names, NULL)) != -1) {
        if (option == '?') {
            fprintf(stderr,
                    "weft-trace: %s is no option, or lacks a value (see weft-trace --help)\n",
                    arguments[optind - 1]);
        }
        if (!option_take(options, option, optarg)) {
            return false;
        }
    }
    if (optind < count) {
        options->command = arguments[optind++];
    }
    if (optind < count) {
        options->input = arguments[optind++];
    }
    if (optind < count && options->command && strcmp(options->command, "diff") == 0) {
        options->second = arguments[optind++];
    }
    options->excess = optind < count;
    return true;
}

static bool diff_command(const struct options *options, const struct trace_file *file,
                         struct output *output, struct trace_error *error)
{
    struct trace_file second;
    bool done;

    if (!trace_file_open(&second, options->second, error)) {
        return false;
    }
    done = diff_captures(file, &second, options->json, output, error);
    trace_file_close(&second);
    return done;
}

/* Runs a subcommand that reads a capture. */
static bool run(const struct options *options, const struct trace_file *file, struct output *output,
                enum exit_code *code, struct trace_error *error)
{
    uint64_t violations = 0;
    bool done;

    if (strcmp(options->command, "convert") == 0) {
        return convert_capture(file, output, error);
    }
    if (strcmp(options->command, "stat") == 0) {
        return stat_capture(file, options->json, output, error);
    }
    if (strcmp(options->command, "latency") == 0) {
        return latency_capture(file, &options->latency, output, error);
    }
    if (strcmp(options->command, "path") == 0) {
        return path_capture(file, &options->path, output, error);
    }
    if (strcmp(options->command, "clock") == 0) {
        const struct clock_options clock = {options->json, options->output != NULL};

        return clock_capture(file, &clock, output, error);
    }
    if (strcmp(options->command, "diff") == 0) {
        return diff_command(options, file, output, error);
    }
    if (strcmp(options->command, "table") == 0) {
        return table_capture(file, options->table, output, error);
    }
    if (strcmp(options->command, "dump") == 0) {
        return dump_capture(file, options->json, output, error);
    }
    done = check_capture(file, output, &violations, error);
    *code = violations ? EXIT_VIOLATIONS : EXIT_DONE;
    return done;
}

/* Is it a command that reads a capture, and is there all that it needs? */
static bool is_reader(const struct options *options)
{
    static const struct {
        const char *name;
        bool output, second, table;
    } commands[] = {
        {"convert", true, false, false},  {"stat", false, false, false},
        {"latency", false, false, false}, {"check", false, false, false},
        {"dump", false, false, false},    {"path", false, false, false},
        {"diff", false, true, false},     {"table", true, false, true},
        {"clock", false, false, false},
    };

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(options->command, commands[i].name) == 0) {
            return options->input && (options->output || !commands[i].output) &&
                   (options->second || !commands[i].second) &&
                   (options->table || !commands[i].table);
        }
    }
    return false;
}

static enum exit_code fail(const char *where, const struct trace_error *error)
{
    fprintf(stderr, "weft-trace: %s%s%s\n", where ? where : "", where ? ": " : "", error->text);
    return EXIT_BAD_INPUT;
}

static enum exit_code read_command(const struct options *options)
{
    enum exit_code code = EXIT_DONE;
    struct trace_error error;
    struct trace_file file;
    struct output output;
    bool done;

    if (!trace_file_open(&file, options->input, &error)) {
        return fail(options->input, &error);
    }
    if (!output_open(&output, options->output ? options->output : "-", &error)) {
        trace_file_close(&file);
        return fail(NULL, &error);
    }
    done = run(options, &file, &output, &code, &error);
    trace_file_close(&file);
    if (!done) {
        struct trace_error ignored;

        output_close(&output, false, &ignored);
        return fail(options->input, &error);
    }
    return output_close(&output, true, &error) ? code : fail(NULL, &error);
}

static enum exit_code ctf_command(const struct options *options)
{
    struct trace_error error;
    struct trace_file file;
    bool done;

    if (!trace_file_open(&file, options->input, &error)) {
        return fail(options->input, &error);
    }
    done = ctf_capture(&file, options->output, &error);
    trace_file_close(&file);
    return done ? EXIT_DONE : fail(options->input, &error);
}

/* capture and stream: from a guest to a capture. */
static enum exit_code guest_command(const struct options *options)
{
    bool streams = strcmp(options->command, "stream") == 0;
    struct trace_error error;
    struct output output;
    bool done;

    if (!output_open(&output, options->output, &error)) {
        return fail(NULL, &error);
    }
    done = streams ? stream_guest(&options->capture, &output, &error)
                   : capture_guest(&options->capture, &output, &error);
    if (!done) {
        struct trace_error ignored;

        output_close(&output, false, &ignored);
        return fail(NULL, &error);
    }
    return output_close(&output, true, &error) ? EXIT_DONE : fail(NULL, &error);
}

static enum exit_code watch_command(const struct options *options)
{
    struct trace_error error;

    return watch_guest(&options->capture, options->output, &error) ? EXIT_DONE : fail(NULL, &error);
}

/* Is it a command that looks at a guest, and is there all that it needs? */
static bool is_of_guest(const struct options *options, const char *command)
{
    return strcmp(options->command, command) == 0 && options->capture.ram &&
           options->capture.kernel && options->output && !options->input;
}

int main(int count, char **arguments)
{
    struct options options = {0};

    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
    if (!options_read(&options, count, arguments)) {
        return EXIT_BAD_INPUT;
    }
    if (options.help) {
        usage_print(stdout);
        return EXIT_DONE;
    }
    if (!options.command || options.excess) {
        return (int)misused(&options);
    }
    if (is_of_guest(&options, "capture") || is_of_guest(&options, "stream")) {
        return (int)guest_command(&options);
    }
    if (is_of_guest(&options, "watch")) {
        return (int)watch_command(&options);
    }
    if (is_reader(&options)) {
        return (int)read_command(&options);
    }
    if (strcmp(options.command, "ctf") == 0 && options.input && options.output) {
        return (int)ctf_command(&options);
    }
    return (int)misused(&options);
}
