/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace stat`: what CPUs and threads did, in sums. Per CPU: time in threads, idle and in
 * interrupts, and what crossed. Per thread: time running, waiting for a CPU, and blocked (from its
 * first to its last event), its messages, and the longest wait for a CPU after a wake-up.
 *
 * A CPU's time runs from its first event to its last. Time in interrupts is also time of the
 * thread that was interrupted.
 */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "weft/trace_events.h"
#include "weft/trace_schema.h"

struct cpu_stat {
    uint64_t first, last; /* times */
    uint64_t since;       /* start of the current thread's stretch */
    uint64_t irq_since;
    uint64_t busy, idle, irq;
    uint64_t switches, wakeups, interrupts, pushes, takes, doorbells_sent, doorbells_elided,
        doorbells_received, events, lost;
    bool any, in_irq;
};

enum thread_phase { PHASE_UNKNOWN, PHASE_RUNNING, PHASE_RUNNABLE, PHASE_BLOCKED };

struct thread_stat {
    uint64_t since; /* start of the phase */
    uint64_t running, runnable, blocked;
    uint64_t runs, preemptions, wakeups, wait_max;
    uint64_t calls, serves;
    enum thread_phase phase;
};

struct statistics {
    struct model model;
    struct names names;
    struct cpu_stat cpus[CAPTURE_CPUS_MAX];
    struct thread_stat *threads; /* parallel to names.threads */
    size_t thread_capacity;
    uint64_t counts[256]; /* per event id */
    uint64_t first, last;
};

static struct thread_stat *thread_stat(struct statistics *stat, uint32_t thread)
{
    stat->threads = memory_grow(stat->threads, &stat->thread_capacity, (size_t)thread + 1,
                                sizeof *stat->threads);
    return &stat->threads[thread];
}

static void phase_set(struct statistics *stat, uint32_t index, enum thread_phase phase,
                      uint64_t time)
{
    struct thread_stat *thread = thread_stat(stat, index);
    uint64_t length = time - thread->since;

    switch (thread->phase) {
    case PHASE_RUNNING:
        thread->running += length;
        break;
    case PHASE_RUNNABLE:
        thread->runnable += length;
        thread->wait_max = length > thread->wait_max ? length : thread->wait_max;
        break;
    case PHASE_BLOCKED:
        thread->blocked += length;
        break;
    default:
        break;
    }
    thread->phase = phase;
    thread->since = time;
}

static bool is_idle(const struct statistics *stat, uint32_t thread)
{
    return thread == ID_NONE || stat->names.threads[thread].idle_cpu != ID_NONE;
}

static void stretch_end(struct statistics *stat, uint32_t cpu, uint32_t thread, uint64_t time)
{
    struct cpu_stat *cpu_stat = &stat->cpus[cpu];

    *(is_idle(stat, thread) ? &cpu_stat->idle : &cpu_stat->busy) += time - cpu_stat->since;
    cpu_stat->since = time;
}

static void count_switch(struct statistics *stat, const struct trace_event *event,
                         const struct model_change *change)
{
    bool runnable = event->small == TRACE_THREAD_STATE_RUNNABLE;

    stat->cpus[event->cpu].switches++;
    stretch_end(stat, event->cpu, change->thread, event->time);
    if (event->small == TRACE_THREAD_STATE_EXITED || is_idle(stat, change->thread)) {
        phase_set(stat, change->thread, PHASE_UNKNOWN, event->time);
    } else {
        phase_set(stat, change->thread, runnable ? PHASE_RUNNABLE : PHASE_BLOCKED, event->time);
        stat->threads[change->thread].preemptions += runnable;
    }
    phase_set(stat, change->other, PHASE_RUNNING, event->time);
    stat->threads[change->other].runs++;
}

static void count_irq(struct cpu_stat *cpu, const struct trace_event *event)
{
    if (event->id == TRACE_EVENT_IRQ_ENTRY) {
        cpu->interrupts++;
        cpu->irq_since = event->time;
        cpu->in_irq = true;
    } else if (cpu->in_irq) {
        cpu->irq += event->time - cpu->irq_since;
        cpu->in_irq = false;
    }
}

static void count_event(struct statistics *stat, const struct trace_event *event,
                        const struct model_change *change)
{
    struct cpu_stat *cpu = &stat->cpus[event->cpu];

    switch (event->id) {
    case READER_GAP:
        cpu->lost += event->payload;
        cpu->since = event->time;
        break;
    case TRACE_EVENT_SWITCH:
        count_switch(stat, event, change);
        break;
    case TRACE_EVENT_WAKEUP:
        cpu->wakeups++;
        phase_set(stat, change->other, PHASE_RUNNABLE, event->time);
        stat->threads[change->other].wakeups++;
        break;
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_IRQ_EXIT:
        count_irq(cpu, event);
        break;
    case TRACE_EVENT_IPC_CALL:
        if (change->thread != ID_NONE) {
            thread_stat(stat, change->thread)->calls++;
        }
        break;
    case TRACE_EVENT_IPC_DELIVER:
        thread_stat(stat, change->other)->serves++;
        break;
    default:
        cpu->pushes += event->id == TRACE_EVENT_MAILBOX_PUSH;
        cpu->takes += event->id == TRACE_EVENT_MAILBOX_TAKE;
        cpu->doorbells_sent += event->id == TRACE_EVENT_DOORBELL_SEND;
        cpu->doorbells_elided += event->id == TRACE_EVENT_DOORBELL_ELIDE;
        cpu->doorbells_received += event->id == TRACE_EVENT_DOORBELL_RECEIVE;
        break;
    }
}

static void count_all(struct statistics *stat, struct reader *reader)
{
    struct trace_event event;
    bool any = false;

    while (reader_next(reader, &event)) {
        struct cpu_stat *cpu = &stat->cpus[event.cpu];
        struct model_change change;

        if (!any) {
            stat->first = event.time;
            any = true;
        }
        stat->last = event.time > stat->last ? event.time : stat->last;
        if (!cpu->any) {
            cpu->any = true;
            cpu->first = cpu->since = cpu->last = event.time;
            if (stat->model.cpus[event.cpu].current != ID_NONE) {
                phase_set(stat, stat->model.cpus[event.cpu].current, PHASE_RUNNING, event.time);
            }
        }
        event.time = event.time < cpu->last ? cpu->last : event.time;
        cpu->last = event.time;
        stat->counts[event.id]++;
        cpu->events += event.id != READER_GAP;
        change = model_apply(&stat->model, &event);
        count_event(stat, &event, &change);
    }
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        stretch_end(stat, i, stat->model.cpus[i].current, stat->cpus[i].last);
    }
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        struct thread_stat *thread = &stat->threads[i];
        uint64_t end = stat->last > thread->since ? stat->last : thread->since;

        phase_set(stat, i, PHASE_UNKNOWN, end);
    }
}

static void report_text(const struct statistics *stat, struct output *output)
{
    output_print(output, "%.3f ms on %u CPUs; times in us\n\n",
                 (double)(stat->last - stat->first) / 1e6, stat->model.cpu_count);
    output_print(output,
                 "cpu        busy        idle   interrupts  count   switches    wakeups   pushes"
                 "    takes  rung elided received    events    lost\n");
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        const struct cpu_stat *cpu = &stat->cpus[i];

        output_print(output,
                     "%-3u %11.1f %11.1f %12.1f %6" PRIu64 " %10" PRIu64 " %10" PRIu64 " %8" PRIu64
                     " %8" PRIu64 " %5" PRIu64 " %6" PRIu64 " %8" PRIu64 " %9" PRIu64 " %7" PRIu64
                     "\n",
                     i, (double)cpu->busy / 1e3, (double)cpu->idle / 1e3, (double)cpu->irq / 1e3,
                     cpu->interrupts, cpu->switches, cpu->wakeups, cpu->pushes, cpu->takes,
                     cpu->doorbells_sent, cpu->doorbells_elided, cpu->doorbells_received,
                     cpu->events, cpu->lost);
    }
    output_print(output, "\nthread                               running    runnable     blocked"
                         "   wait max     runs  wakeups preempted    calls   serves\n");
    for (uint32_t i = 0; i < stat->thread_capacity && i < stat->names.thread_count; i++) {
        const struct thread_stat *thread = &stat->threads[i];
        const struct thread_name *name = &stat->names.threads[i];

        output_print(output,
                     "%-6u %-24s %13.1f %11.1f %11.1f %10.1f %8" PRIu64 " %8" PRIu64 " %9" PRIu64
                     " %8" PRIu64 " %8" PRIu64 "\n",
                     name->id, name->name, (double)thread->running / 1e3,
                     (double)thread->runnable / 1e3, (double)thread->blocked / 1e3,
                     (double)thread->wait_max / 1e3, thread->runs, thread->wakeups,
                     thread->preemptions, thread->calls, thread->serves);
    }
}

static void cpu_json(const struct cpu_stat *cpu, uint32_t number, struct output *output)
{
    output_print(output,
                 "{\"cpu\":%u,\"busy\":%" PRIu64 ",\"idle\":%" PRIu64 ",\"interrupts\":%" PRIu64
                 ",\"interrupt_count\":%" PRIu64 ",\"switches\":%" PRIu64 ",\"wakeups\":%" PRIu64,
                 number, cpu->busy, cpu->idle, cpu->irq, cpu->interrupts, cpu->switches,
                 cpu->wakeups);
    output_print(output,
                 ",\"pushes\":%" PRIu64 ",\"takes\":%" PRIu64 ",\"doorbells_sent\":%" PRIu64
                 ",\"doorbells_elided\":%" PRIu64 ",\"doorbells_received\":%" PRIu64
                 ",\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
                 cpu->pushes, cpu->takes, cpu->doorbells_sent, cpu->doorbells_elided,
                 cpu->doorbells_received, cpu->events, cpu->lost);
}

static void thread_json(const struct statistics *stat, uint32_t index, struct output *output)
{
    const struct thread_stat *thread = &stat->threads[index];
    const struct thread_name *name = &stat->names.threads[index];

    output_print(output, "{\"thread\":%u,\"process\":%u,\"name\":", name->id, name->process);
    output_json_string(output, name->name);
    output_print(output,
                 ",\"idle\":%s,\"running\":%" PRIu64 ",\"runnable\":%" PRIu64
                 ",\"blocked\":%" PRIu64 ",\"wait_max\":%" PRIu64,
                 name->idle_cpu != ID_NONE ? "true" : "false", thread->running, thread->runnable,
                 thread->blocked, thread->wait_max);
    output_print(output,
                 ",\"runs\":%" PRIu64 ",\"wakeups\":%" PRIu64 ",\"preemptions\":%" PRIu64
                 ",\"calls\":%" PRIu64 ",\"serves\":%" PRIu64 "}",
                 thread->runs, thread->wakeups, thread->preemptions, thread->calls, thread->serves);
}

static void report_json(const struct statistics *stat, struct output *output)
{
    const char *separator = "";

    output_print(output, "{\"unit\":\"ns\",\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"cpus\":[",
                 stat->first, stat->last);
    for (uint32_t i = 0; i < stat->model.cpu_count; i++) {
        output_print(output, i ? ",\n" : "\n");
        cpu_json(&stat->cpus[i], i, output);
    }
    output_print(output, "],\n\"threads\":[");
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

bool stat_capture(const struct trace_file *file, bool json, struct output *output,
                  struct trace_error *error)
{
    struct statistics *stat;
    struct reader reader;
    bool done = false;

    stat = memory_new(sizeof *stat);
    if (!model_start(&stat->model, file, &stat->names, error)) {
        free(stat);
        return false;
    }
    if (reader_start(&reader, file, READER_ALL, error)) {
        count_all(stat, &reader);
        done = !reader.failed;
        reader_end(&reader);
    }
    if (done) {
        (json ? report_json : report_text)(stat, output);
    }
    free(stat->threads);
    model_free(&stat->model);
    names_free(&stat->names);
    free(stat);
    return done;
}
