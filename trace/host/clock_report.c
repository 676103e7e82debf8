/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace clock`: how far the CPUs' clocks are apart and how sure that is, as text, as JSON, or
 * recorded in a copy of the capture.
 */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "writer.h"

static double us(int64_t nanoseconds)
{
    return (double)nanoseconds / 1e3;
}

/* ---- text -------------------------------------------------------------------------------------- */

/* "-0.210 .. 0.480", or what is known of it. */
static void bracket_text(int64_t lower, int64_t upper, struct output *output)
{
    char text[64];

    if (lower <= -CLOCK_UNBOUNDED && upper >= CLOCK_UNBOUNDED) {
        snprintf(text, sizeof text, "not measured");
    } else if (lower <= -CLOCK_UNBOUNDED) {
        snprintf(text, sizeof text, "at most %.3f", us(upper));
    } else if (upper >= CLOCK_UNBOUNDED) {
        snprintf(text, sizeof text, "at least %.3f", us(lower));
    } else {
        snprintf(text, sizeof text, "%.3f .. %.3f", us(lower), us(upper));
    }
    output_print(output, "  %24s", text);
}

/* In parts per million. */
static void drift_text(const struct capture_clock *clock, struct output *output)
{
    if (clock->drift_lower <= -CLOCK_DRIFT_MAX || clock->drift_upper >= CLOCK_DRIFT_MAX) {
        output_print(output, "  %20s", "not measured");
    } else {
        char text[64];

        snprintf(text, sizeof text, "%.3f .. %.3f", (double)clock->drift_lower / 1e6,
                 (double)clock->drift_upper / 1e6);
        output_print(output, "  %20s", text);
    }
}

static void advice_text(const struct clocks *clocks, struct output *output)
{
    for (uint32_t i = 1; i < clocks->cpu_count; i++) {
        const struct capture_clock *clock = &clocks->table[i];

        if (clock->flags & CLOCK_UNEXPLAINED) {
            output_print(output,
                         "cpu %u: no offset and drift explain what it took and sent: its times are "
                         "left as they are\n",
                         i);
        } else if (!clock->crossings) {
            output_print(output, "cpu %u cannot be bracketed: nothing was exchanged with it\n", i);
        } else if (clock->lower <= -CLOCK_UNBOUNDED && clock->upper >= CLOCK_UNBOUNDED) {
            output_print(output,
                         "cpu %u cannot be bracketed: nothing that it exchanged leads to CPU 0\n",
                         i);
        } else if (!(clock->flags & CLOCK_BRACKETED)) {
            output_print(output,
                         "cpu %u cannot be bracketed: what it exchanged with others went one way "
                         "only\n",
                         i);
        }
    }
    if (clocks->crossings.losses) {
        output_print(output,
                     "events were lost or not recorded: offsets that are longer than a journey and "
                     "back may be seen wrongly\n");
    }
}

static void report_text(const struct clocks *clocks, struct output *output)
{
    output_print(output, "clocks in comparison with CPU 0's, in us; drift in parts per million\n\n"
                         "cpu   corrected by   uncertainty              over the run"
                         "                   at boot                 drift  crossings\n");
    for (uint32_t i = 0; i < clocks->cpu_count; i++) {
        const struct capture_clock *clock = &clocks->table[i];
        char uncertainty[32] = "unknown";

        if (clock->flags & CLOCK_BRACKETED) {
            snprintf(uncertainty, sizeof uncertainty, "%.3f", us(clock->upper - clock->lower));
        }
        output_print(output, "%-3u  %13.3f  %12s", i, us(-clock->offset), uncertainty);
        bracket_text(clock->lower, clock->upper, output);
        bracket_text(clock->boot_lower, clock->boot_upper, output);
        drift_text(clock, output);
        output_print(output, "  %9" PRIu64 "\n", clock->crossings);
    }
    output_print(output, "\n");
    advice_text(clocks, output);
}

void clocks_text(const struct trace_file *file, struct output *output)
{
    uint32_t count = file->header->cpu_count;
    int64_t widest = 0;

    if (!file->clocks) {
        output_print(output, "clocks: not measured\n\n");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct capture_clock *clock = &file->clocks[i];
        bool known = clock->flags & CLOCK_BRACKETED;

        if (clock->flags & CLOCK_CORRECTED) {
            output_print(output, "clocks: cpu %u corrected by %.3f\n", i, us(-clock->offset));
        }
        if (known && clock->upper - clock->lower > widest) {
            widest = clock->upper - clock->lower;
        } else if (!known) {
            output_print(output, "clocks: cpu %u %s\n", i,
                         clock->flags & CLOCK_UNEXPLAINED ? "contradicts the others"
                                                          : "not compared with the others");
        }
    }
    output_print(output, "clocks: compared to within %.3f\n\n", us(widest));
}

void clock_words(const struct trace_file *file, uint32_t cpu, char *text, size_t size)
{
    const struct capture_clock *clock = file->clocks ? &file->clocks[cpu] : NULL;

    if (!clock) {
        snprintf(text, size, "its clock was not measured");
    } else if (clock->flags & CLOCK_UNEXPLAINED) {
        snprintf(text, size, "its clock contradicts the others'");
    } else {
        char known[48] = "not known how exactly";

        if (clock->flags & CLOCK_BRACKETED) {
            snprintf(known, sizeof known, "known to within %.3f us",
                     us(clock->upper - clock->lower));
        }
        snprintf(text, size, "its clock is corrected by %.3f us, %s", us(-clock->offset), known);
    }
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void bound_json(const char *name, int64_t bound, int64_t limit, struct output *output)
{
    if (bound <= -limit || bound >= limit) {
        output_print(output, ",\"%s\":null", name);
    } else {
        output_print(output, ",\"%s\":%" PRId64, name, bound);
    }
}

static void clock_json(const struct capture_clock *clock, struct output *output)
{
    output_print(output, "{\"cpu\":%u,\"offset\":%" PRId64 ",\"drift_ppt\":%" PRId64, clock->cpu,
                 clock->offset, clock->drift);
    bound_json("lower", clock->lower, CLOCK_UNBOUNDED, output);
    bound_json("upper", clock->upper, CLOCK_UNBOUNDED, output);
    bound_json("boot_lower", clock->boot_lower, CLOCK_UNBOUNDED, output);
    bound_json("boot_upper", clock->boot_upper, CLOCK_UNBOUNDED, output);
    bound_json("drift_lower_ppt", clock->drift_lower, CLOCK_DRIFT_MAX, output);
    bound_json("drift_upper_ppt", clock->drift_upper, CLOCK_DRIFT_MAX, output);
    output_print(output,
                 ",\"crossings\":%" PRIu64 ",\"bracketed\":%s,\"corrected\":%s,\"explained\":%s}",
                 clock->crossings, clock->flags & CLOCK_BRACKETED ? "true" : "false",
                 clock->flags & CLOCK_CORRECTED ? "true" : "false",
                 clock->flags & CLOCK_UNEXPLAINED ? "false" : "true");
}

void clocks_json(const struct capture_clock *clocks, uint32_t count, struct output *output)
{
    output_print(output, clocks ? "[" : "null");
    for (uint32_t i = 0; clocks && i < count; i++) {
        output_print(output, i ? ",\n" : "\n");
        clock_json(&clocks[i], output);
    }
    output_print(output, clocks ? "]" : "");
}

static void windows_json(struct clocks *clocks, struct output *output)
{
    const struct crossings *crossings = &clocks->crossings;
    const char *separator = "";

    for (unsigned window = 0; window < CROSSING_WINDOWS; window++) {
        for (uint32_t cpu = 0; cpu < clocks->cpu_count; cpu++) {
            const struct capture_clock *clock = &clocks->table[cpu];
            uint64_t middle = crossings->first + crossings->length * window + crossings->length / 2;
            int64_t lower, upper;
            __int128 ahead = clock->offset + (__int128)clock->drift *
                                                 (int64_t)(middle - clock->base) / CLOCK_DRIFT_UNIT;

            if (clocks_window(clocks, window, cpu, &lower, &upper) && cpu) {
                output_print(output,
                             "%s\n{\"cpu\":%u,\"from\":%" PRIu64 ",\"to\":%" PRIu64
                             ",\"lower\":%" PRId64 ",\"upper\":%" PRId64 "}",
                             separator, cpu, crossings->first + crossings->length * window,
                             crossings->first + crossings->length * (window + 1),
                             (int64_t)(lower + ahead), (int64_t)(upper + ahead));
                separator = ",";
            }
        }
    }
}

static void report_json(struct clocks *clocks, struct output *output)
{
    output_print(output,
                 "{\"unit\":\"ns\",\"base\":%" PRIu64 ",\"losses\":%s,\"explained\":%s,"
                 "\"cpus\":",
                 clocks->table[0].base, clocks->crossings.losses ? "true" : "false",
                 clocks->explained ? "true" : "false");
    clocks_json(clocks->table, clocks->cpu_count, output);
    output_print(output, ",\n\"windows\":[");
    if (clocks->explained) {
        windows_json(clocks, output);
    }
    output_print(output, "]}\n");
}

/* ---- the command ------------------------------------------------------------------------------- */

/* Writes the capture again, with these clocks. */
static void record(const struct clocks *clocks, const struct trace_file *file,
                   struct output *output)
{
    static struct writer writer;
    const struct capture_header *header = file->header;
    struct trace_area area = {.cpu_count = header->cpu_count,
                              .schema_hash = header->schema_hash,
                              .clock_hz = header->clock_hz,
                              .ring_count = header->section_count};

    memcpy(area.build, header->build, sizeof area.build - 1);
    writer_begin(&writer, output, &area);
    for (uint32_t i = 0; i < header->section_count; i++) {
        const struct capture_section *from = &header->sections[i];
        struct capture_section *to;

        if (from->kind == CAPTURE_SECTION_CLOCKS) {
            continue;
        }
        to = writer_section(&writer, from->kind, from->cpu);
        to->first_sequence = from->first_sequence;
        to->lost = from->lost;
        writer_bytes(&writer, file->data + from->offset, from->bytes);
    }
    writer_clocks(&writer, clocks->table);
    writer_close(&writer);
}

bool clock_capture(const struct trace_file *file, const struct clock_options *options,
                   struct output *output, struct trace_error *error)
{
    static struct clocks clocks;

    if (!clocks_measure(&clocks, file, error)) {
        return false;
    }
    if (options->record) {
        record(&clocks, file, output);
    } else if (options->json) {
        report_json(&clocks, output);
    } else {
        report_text(&clocks, output);
    }
    clocks_free(&clocks);
    return true;
}
