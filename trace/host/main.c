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
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "latency.h"
#include "trigger.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "captures are read as they are");

static const char usage[] =
    "usage: weft-trace capture --ram FILE --kernel ELF [--meta JSON] [--last MS] [--trigger TEXT]\n"
    "                          -o OUT.weft              what the rings hold\n"
    "       weft-trace stream  --ram FILE --kernel ELF [--meta JSON] -o OUT.weft\n"
    "                                                   from a running guest, until input ends\n"
    "       weft-trace watch   --ram FILE --kernel ELF [--meta JSON] [--trigger user:NAME |\n"
    "                          latency:TIME]... [--limit N] -o OUT.weft\n"
    "                                                   OUT.1.weft, ... when a trigger or SIGUSR1\n"
    "                                                   comes, until input ends\n"
    "       weft-trace convert IN.weft -o OUT.pftrace   for ui.perfetto.dev\n"
    "       weft-trace stat    IN.weft [--json]         what CPUs and threads did\n"
    "       weft-trace latency IN.weft [--json] [--slowest N] [--hgrm FOLDER]\n"
    "                                                   where the time of messages went\n"
    "       weft-trace path    IN.weft [--message ID | --thread ID --from NS --to NS] [--json]\n"
    "                                                   what a thread's progress hung on\n"
    "                                                   (the client's of the slowest message)\n"
    "       weft-trace diff    A.weft B.weft [--json]   what changed from A to B\n"
    "       weft-trace clock   IN.weft [--json | -o OUT.weft]   how far the CPUs' clocks are "
    "apart;\n"
    "                                                   with -o, records that in a copy\n"
    "       weft-trace check   IN.weft                  whether it can have happened\n"
    "       weft-trace table   IN.weft --name TABLE -o OUT.npy   rows for NumPy: schedule, "
    "states,\n"
    "                                                   messages, interrupts, slices, marks\n"
    "       weft-trace ctf     IN.weft -o FOLDER        for babeltrace2 and Trace Compass\n"
    "       weft-trace dump    IN.weft [--json]         every event as a line\n"
    "\n"
    "weft trace has three more: sql asks a capture in SQL, top watches a running guest,\n"
    "mask switches what it records.\n"
    "IN may be - for standard input, OUT - for standard output (not for capture).\n"
    "Exit code: 0 done, 1 check found violations, 2 bad usage or bad input.\n"
    "Example: weft-trace convert out/bench/trace.weft -o trace.pftrace\n";

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
};

static bool number_read(const char *text, uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno && *number <= most;
}

/* The options that take a number. */
static bool number_option(struct options *options, int option, const char *text)
{
    uint64_t number = 0;
    uint64_t most = option == 's'   ? SLOWEST_MAX
                    : option == 'l' ? LAST_MS_MAX
                    : option == 'x' ? LIMIT_MAX
                                    : UINT64_MAX;
    bool good = number_read(text, most, &number);

    switch (option) {
    case 's':
        options->latency.slowest = number;
        return good;
    case 'l':
        options->capture.last_ms = number;
        return good;
    case 'x':
        options->capture.limit = (unsigned)number;
        return good && number;
    case 't':
        options->path.thread = (uint32_t)number;
        return good && number && number <= UINT32_MAX;
    case 'i':
        options->path.message = (uint32_t)number;
        return good && number && number <= UINT32_MAX;
    case 'f':
        options->path.from = number;
        return good;
    default:
        options->path.to = number;
        return good;
    }
}

static void trigger_option(struct options *options, const char *text)
{
    struct capture_options *capture = &options->capture;

    capture->trigger = text;
    if (capture->trigger_count < sizeof options->triggers / sizeof *options->triggers) {
        options->triggers[capture->trigger_count++] = text;
    }
}

/* One option. False: it makes no sense. */
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

    options->latency.slowest = SLOWEST_DEFAULT;
    options->capture.limit = LIMIT_DEFAULT;
    options->capture.triggers = options->triggers;
    while ((option = getopt_long(count, arguments, "o:h", names, NULL)) != -1) {
        if (!option_take(options, option, optarg)) {
            return false;
        }
    }
    if (options->help) {
        return true;
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
    return options->command && optind == count;
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
        fputs(usage, stderr);
        return EXIT_BAD_INPUT;
    }
    if (options.help) {
        fputs(usage, stdout);
        return EXIT_DONE;
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
    fputs(usage, stderr);
    return EXIT_BAD_INPUT;
}
