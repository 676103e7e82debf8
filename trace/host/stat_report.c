/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of `weft-trace stat`, as text and as JSON.
 */
#include <inttypes.h>

#include "clock.h"
#include "stat.h"
#include "weft/trace_schema.h"

static double us(uint64_t nanoseconds)
{
    return (double)nanoseconds / 1e3;
}

/* ---- text -------------------------------------------------------------------------------------- */

static void cpus_text(const struct statistics *stat, struct output *output)
{
    output_print(output, "cpu        busy        idle   interrupts  count   switches    wakeups  "
                         "messages   pushes    takes  rung elided received    events    lost\n");
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        const struct cpu_stat *cpu = &stat->cpus[i];

        output_print(output, "%-3u %11.1f %11.1f %12.1f %6" PRIu64 " %10" PRIu64 " %10" PRIu64, i,
                     us(cpu->busy), us(cpu->idle), us(cpu->irq), cpu->interrupts, cpu->switches,
                     cpu->wakeups);
        output_print(output,
                     " %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %5" PRIu64 " %6" PRIu64 " %8" PRIu64
                     " %9" PRIu64 " %7" PRIu64 "\n",
                     cpu->messages, cpu->pushes, cpu->takes, cpu->doorbells_sent,
                     cpu->doorbells_elided, cpu->doorbells_received, cpu->events, cpu->lost);
    }
}

static void wait_text(const struct histogram *waits, struct output *output)
{
    output_print(output, " %8" PRIu64 " %9.1f %9.1f %9.1f %9.1f\n", waits->count,
                 us((uint64_t)histogram_percentile(waits, 500)),
                 us((uint64_t)histogram_percentile(waits, 900)),
                 us((uint64_t)histogram_percentile(waits, 990)), us((uint64_t)waits->max));
}

static void waits_text(const struct statistics *stat, struct output *output)
{
    output_print(output, "\nscheduling latency: from ready to running\n"
                         "                                      n       p50       p90       p99"
                         "       max\n");
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        if (stat->cpus[i].waits.count) {
            output_print(output, "cpu %-26u", i);
            wait_text(&stat->cpus[i].waits, output);
        }
    }
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        if (stat->threads[i].waits.count) {
            output_print(output, "%-6u %-23.23s", stat->names.threads[i].id,
                         stat->names.threads[i].name);
            wait_text(&stat->threads[i].waits, output);
        }
    }
}

static void threads_text(const struct statistics *stat, struct output *output)
{
    output_print(output,
                 "\nthread                               running    runnable     blocked"
                 " interrupts     runs  wakeups preempted    calls    sends   serves  replies"
                 "  signals\n");
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        const struct thread_stat *thread = &stat->threads[i];
        const struct thread_name *name = &stat->names.threads[i];

        output_print(output, "%-6u %-24s %13.1f %11.1f %11.1f %10.1f", name->id, name->name,
                     us(thread->running), us(thread->runnable), us(thread->blocked),
                     us(thread->irq));
        output_print(output,
                     " %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
                     " %8" PRIu64 " %8" PRIu64 "\n",
                     thread->runs, thread->wakeups, thread->preemptions, thread->calls,
                     thread->sends, thread->serves, thread->replies, thread->signals);
    }
}

void stat_text(const struct statistics *stat, struct output *output)
{
    output_print(output, "%.3f ms on %u CPUs; times in us\n",
                 (double)(stat->last - stat->first) / 1e6, stat->model.cpu_count);
    clocks_text(stat->file, output);
    cpus_text(stat, output);
    threads_text(stat, output);
    waits_text(stat, output);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static void vectors_json(const struct cpu_stat *cpu, struct output *output)
{
    const char *separator = "";

    output_print(output, ",\"vectors\":{");
    for (unsigned i = 0; i < 256; i++) {
        if (cpu->vectors[i]) {
            output_print(output, "%s\"%u\":%" PRIu64, separator, i, cpu->vectors[i]);
            separator = ",";
        }
    }
    output_print(output, "}");
}

static void cpu_json(const struct cpu_stat *cpu, uint32_t number, struct output *output)
{
    output_print(output,
                 "{\"cpu\":%u,\"busy\":%" PRIu64 ",\"idle\":%" PRIu64 ",\"interrupts\":%" PRIu64
                 ",\"interrupt_count\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"wakeups\":%" PRIu64,
                 number, cpu->busy, cpu->idle, cpu->irq, cpu->interrupts, cpu->switches,
                 cpu->wakeups);
    output_print(output,
                 ",\"messages\":%" PRIu64 ",\"pushes\":%" PRIu64 ",\"takes\":%" PRIu64
                 ",\"doorbells_sent\":%" PRIu64 ",\"doorbells_elided\":%" PRIu64
                 ",\"doorbells_received\":%" PRIu64 ",\"events\":%" PRIu64 ",\"lost\":%" PRIu64,
                 cpu->messages, cpu->pushes, cpu->takes, cpu->doorbells_sent, cpu->doorbells_elided,
                 cpu->doorbells_received, cpu->events, cpu->lost);
    vectors_json(cpu, output);
    output_print(output, ",\"scheduling_latency\":{");
    histogram_json(&cpu->waits, output);
    output_print(output, "}}");
}

static void thread_json(const struct statistics *stat, uint32_t index, struct output *output)
{
    const struct thread_stat *thread = &stat->threads[index];
    const struct thread_name *name = &stat->names.threads[index];

    output_print(output, "{\"thread\":%u,\"process\":%u,\"name\":", name->id, name->process);
    output_json_string(output, name->name);
    output_print(output,
                 ",\"idle\":%s,\"running\":%" PRIu64 ",\"runnable\":%" PRIu64
                 ",\"blocked\":%" PRIu64 ",\"interrupts\":%" PRIu64 ",\"wait_max\":%" PRId64,
                 name->idle_cpu != ID_NONE ? "true" : "false", thread->running, thread->runnable,
                 thread->blocked, thread->irq, thread->waits.count ? thread->waits.max : 0);
    output_print(output,
                 ",\"runs\":%" PRIu64 ",\"wakeups\":%" PRIu64 ",\"preemptions\":%" PRIu64
                 ",\"calls\":%" PRIu64 ",\"sends\":%" PRIu64 ",\"serves\":%" PRIu64,
                 thread->runs, thread->wakeups, thread->preemptions, thread->calls, thread->sends,
                 thread->serves);
    output_print(output,
                 ",\"replies\":%" PRIu64 ",\"signals\":%" PRIu64 ",\"notified\":%" PRIu64
                 ",\"scheduling_latency\":{",
                 thread->replies, thread->signals, thread->notified);
    histogram_json(&thread->waits, output);
    output_print(output, "}}");
}

void stat_json(const struct statistics *stat, struct output *output)
{
    const char *separator = "";

    output_print(output, "{\"unit\":\"ns\",\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"cpus\":[",
                 stat->first, stat->last);
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        output_print(output, i ? ",\n" : "\n");
        cpu_json(&stat->cpus[i], i, output);
    }
    output_print(output, "],\n\"clocks\":");
    clocks_json(stat->file->clocks, stat->model.cpu_count, output);
    output_print(output, ",\n\"threads\":[");
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        output_print(output, i ? ",\n" : "\n");
        thread_json(stat, i, output);
    }
    output_print(output, "],\n\"events\":{");
    for (unsigned i = 1; i < 256; i++) {
        if (stat->counts[i]) {
            output_print(output, "%s\"%s\":%" PRIu64, separator, trace_events[i].name,
                         stat->counts[i]);
            separator = ",";
        }
    }
    output_print(output, "}}\n");
}
