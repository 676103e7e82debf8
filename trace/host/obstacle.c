/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for obstacles; see obstacle.h. The stages of a message are walked one after the other over
 * the log of the CPU where the message is in that stage, each with a rule of its own (enum rule).
 */
#include "obstacle.h"

#include <stdlib.h>

#include "weft/trace_events.h"

#define SHARE 16u /* an obstacle takes at least this part of the round trip */
#define VECTOR_DOORBELL 0x21u
#define LOOK_BACK 64u

enum log_kind { LOG_SWITCH, LOG_WAKEUP, LOG_IRQ_BEGIN, LOG_IRQ_END };

struct log_entry {
    uint64_t time;
    uint32_t thread;   /* that starts or is woken */
    uint32_t previous; /* that leaves */
    uint8_t kind;
    uint8_t detail; /* state in which it leaves, or vector */
};

struct cpu_log {
    uint64_t count;
    uint32_t current; /* thread index */
    struct log_entry entries[OBSTACLE_LOG];
};

/* Whom a stage waits for. */
enum rule {
    RULE_NOBODY, /* only interrupts count */
    RULE_WAITS,  /* the party is ready all the time */
    RULE_WORKS,  /* it runs at first, and may be driven away */
    RULE_BUSY,   /* it is not waiting for this message yet */
};

struct window {
    uint64_t from, to;
    uint32_t cpu;
    uint32_t party, partner; /* thread indices */
    unsigned stage;
    enum rule rule;
};

struct finding {
    struct obstacle *found;
    unsigned count;
};

const char *const obstacle_kind_names[3] = {"thread", "interrupt", "busy"};

/* ---- the logs ---------------------------------------------------------------------------------- */

static void log_put(struct obstacles *obstacles, uint32_t cpu, struct log_entry entry)
{
    struct cpu_log *log = obstacles->logs[cpu];

    if (!log) {
        log = obstacles->logs[cpu] = memory_new(sizeof *log);
    }
    log->entries[log->count++ % OBSTACLE_LOG] = entry;
    if (entry.kind == LOG_SWITCH) {
        log->current = entry.thread;
    }
}

void obstacles_event(struct obstacles *obstacles, const struct trace_event *event,
                     const struct model_change *change)
{
    struct log_entry entry = {.time = event->time, .detail = event->small};

    switch (event->id) {
    case TRACE_EVENT_SWITCH:
        entry.kind = LOG_SWITCH;
        entry.thread = change->other;
        entry.previous = change->thread;
        break;
    case TRACE_EVENT_WAKEUP:
        entry.kind = LOG_WAKEUP;
        entry.thread = change->other;
        break;
    case TRACE_EVENT_IRQ_ENTRY:
        entry.kind = LOG_IRQ_BEGIN;
        break;
    case TRACE_EVENT_IRQ_EXIT:
        entry.kind = LOG_IRQ_END;
        break;
    default:
        return;
    }
    log_put(obstacles, event->cpu, entry);
}

void obstacles_free(struct obstacles *obstacles)
{
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        free(obstacles->logs[i]);
        obstacles->logs[i] = NULL;
    }
}

/* ---- the search -------------------------------------------------------------------------------- */

static void charge(struct finding *finding, const struct window *window, enum obstacle_kind kind,
                   uint32_t who, uint64_t from, uint64_t to)
{
    unsigned i = 0;

    from = from < window->from ? window->from : from;
    to = to > window->to ? window->to : to;
    if (from >= to) {
        return;
    }
    while (i < finding->count &&
           !(finding->found[i].kind == kind && finding->found[i].who == who &&
             finding->found[i].cpu == window->cpu && finding->found[i].stage == window->stage)) {
        i++;
    }
    if (i == OBSTACLES_MAX) {
        return;
    }
    if (i == finding->count) {
        finding->count++;
        finding->found[i] = (struct obstacle){
            .kind = kind, .who = who, .cpu = window->cpu, .stage = window->stage, .time = from};
    }
    finding->found[i].length += to - from;
}

/* Somebody ran from one time to another: was that an obstacle? */
static void charge_run(const struct obstacles *obstacles, struct finding *finding,
                       const struct window *window, uint32_t runner, bool ready, uint64_t from,
                       uint64_t to)
{
    if (runner == ID_NONE || obstacles->names->threads[runner].idle_cpu != ID_NONE) {
        return;
    }
    if (runner == window->party) {
        if (window->rule == RULE_BUSY) {
            charge(finding, window, OBSTACLE_BUSY, runner, from, to);
        }
    } else if (ready && runner != window->partner) {
        charge(finding, window, OBSTACLE_THREAD, runner, from, to);
    }
}

/* The first entry of the log that is not before a time. */
static uint64_t log_find(const struct cpu_log *log, uint64_t time)
{
    uint64_t oldest = log->count > OBSTACLE_LOG ? log->count - OBSTACLE_LOG : 0;
    uint64_t at = log->count;

    while (at > oldest && log->entries[(at - 1) % OBSTACLE_LOG].time >= time) {
        at--;
    }
    return at;
}

/* Who runs before the entry. */
static uint32_t log_running(const struct cpu_log *log, uint64_t at)
{
    for (; at < log->count; at++) {
        if (log->entries[at % OBSTACLE_LOG].kind == LOG_SWITCH) {
            return log->entries[at % OBSTACLE_LOG].previous;
        }
    }
    return log->current;
}

/* Was the thread ready, but not running, before the entry? Looks back a little. */
static bool log_ready(const struct cpu_log *log, uint64_t at, uint32_t thread)
{
    for (unsigned i = 0; i < LOOK_BACK && at > 0 && at + OBSTACLE_LOG > log->count; i++) {
        const struct log_entry *entry = &log->entries[--at % OBSTACLE_LOG];

        if (entry->kind == LOG_WAKEUP && entry->thread == thread) {
            return true;
        }
        if (entry->kind == LOG_SWITCH && entry->thread == thread) {
            return false;
        }
        if (entry->kind == LOG_SWITCH && entry->previous == thread) {
            return entry->detail == TRACE_THREAD_STATE_RUNNABLE;
        }
    }
    return false;
}

static void search(const struct obstacles *obstacles, struct finding *finding,
                   const struct window *window)
{
    const struct cpu_log *log =
        window->cpu < CAPTURE_CPUS_MAX ? obstacles->logs[window->cpu] : NULL;
    uint64_t run_from = window->from, irq_from = window->from, at;
    bool ready = window->rule == RULE_WAITS;
    uint32_t runner;

    if (!log || window->from >= window->to) {
        return;
    }
    at = log_find(log, window->from);
    runner = log_running(log, at);
    ready |= window->rule == RULE_BUSY && log_ready(log, at, window->party);
    for (; at < log->count && log->entries[at % OBSTACLE_LOG].time < window->to; at++) {
        const struct log_entry *entry = &log->entries[at % OBSTACLE_LOG];

        if (entry->kind == LOG_IRQ_BEGIN) {
            irq_from = entry->time;
        } else if (entry->kind == LOG_IRQ_END) {
            if (entry->detail != VECTOR_DOORBELL || window->rule == RULE_WORKS) {
                charge(finding, window, OBSTACLE_INTERRUPT, entry->detail, irq_from, entry->time);
            }
        } else if (entry->kind == LOG_WAKEUP) {
            if (entry->thread == window->party && !ready && window->rule != RULE_NOBODY) {
                charge_run(obstacles, finding, window, runner, ready, run_from, entry->time);
                run_from = entry->time;
                ready = true;
            }
        } else {
            charge_run(obstacles, finding, window, runner, ready, run_from, entry->time);
            if (entry->previous == window->party && window->rule != RULE_NOBODY) {
                ready = entry->detail == TRACE_THREAD_STATE_RUNNABLE;
            }
            runner = entry->thread;
            run_from = entry->time;
        }
    }
    charge_run(obstacles, finding, window, runner, ready, run_from, window->to);
}

static int compare(const void *left, const void *right)
{
    const struct obstacle *a = left, *b = right;

    return (a->length < b->length) - (a->length > b->length);
}

unsigned obstacles_find(const struct obstacles *obstacles, const struct message *message,
                        struct obstacle *found)
{
    static const struct {
        bool at_server;
        enum rule rule;
    } stages[STAGE_COUNT] = {
        {false, RULE_NOBODY}, {false, RULE_NOBODY}, {true, RULE_NOBODY},  {true, RULE_BUSY},
        {true, RULE_WAITS},   {true, RULE_WORKS},   {false, RULE_NOBODY}, {false, RULE_WAITS},
    };
    uint64_t total = message->stamps[STAMP_RESUME] - message->stamps[STAMP_ENTER];
    struct finding finding = {.found = found};
    unsigned kept = 0;

    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        struct window window = {
            .from = message->stamps[i],
            .to = message->stamps[i + 1],
            .cpu = stages[i].at_server ? message->server_cpu : message->client_cpu,
            .party = i == STAGE_COUNT - 1 ? message->client : message->server,
            .partner = i == STAGE_COUNT - 1 ? ID_NONE : message->client,
            .stage = i,
            .rule = stages[i].rule,
        };
        if (i + 1 == STAMP_REPLY && message->saved) {
            window.rule = RULE_NOBODY; /* whoever answers may be anywhere */
        }
        search(obstacles, &finding, &window);
    }
    for (unsigned i = 0; i < finding.count; i++) {
        if (found[i].length >= total / SHARE) {
            found[kept++] = found[i];
        }
    }
    if (kept) {
        qsort(found, kept, sizeof *found, compare);
    }
    return kept;
}

void obstacle_text(const struct names *names, const struct obstacle *obstacle, char *text,
                   size_t size)
{
    if (obstacle->kind == OBSTACLE_INTERRUPT) {
        snprintf(text, size, "interrupt 0x%02x", obstacle->who);
    } else {
        snprintf(text, size, "%s %u (%s)%s", obstacle->kind == OBSTACLE_BUSY ? "server" : "thread",
                 names->threads[obstacle->who].id, names->threads[obstacle->who].name,
                 obstacle->kind == OBSTACLE_BUSY ? " busy with something else" : "");
    }
}
