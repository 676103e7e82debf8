/* SPDX-License-Identifier: Apache-2.0
 *
 * `weft-trace check`: proves on a capture that what it says can have happened. The rules are in
 * check_sched.c (threads and CPUs), check_ready.c (run queues and budgets), check_ipc.c (messages and notifications), check_smp.c
 * (mailboxes, doorbells, interrupts, system calls) and check_life.c (what is created and ends); here are the pass over the events, the rule
 * that time never goes back on a CPU, and the report.
 *
 * One line per violation: CPU, time, what. After VIOLATIONS_SHOWN lines they are only counted.
 */
#include "check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weft/trace_events.h"

#define VIOLATIONS_SHOWN 100u

void violation(struct check *check, const struct trace_event *event, const char *format, ...)
{
    char text[256];
    va_list arguments;

    check->violations++;
    if (check->violations > VIOLATIONS_SHOWN) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    output_print(check->output, "cpu %u time %" PRIu64 " ns: %s\n", event->cpu, event->time, text);
}

struct check_thread *check_thread(struct check *check, uint32_t index)
{
    check->threads = memory_grow(check->threads, &check->thread_capacity, (size_t)index + 1,
                                 sizeof *check->threads);
    return &check->threads[index];
}

uint32_t check_thread_of(struct check *check, uint32_t id)
{
    uint32_t index = names_thread(&check->names, id);

    check_thread(check, index);
    return index;
}

const char *check_name(const struct check *check, uint32_t index)
{
    return index == ID_NONE ? "?" : check->names.threads[index].name;
}

/* Events were missing: forget what they may have changed. */
static void forget(struct check *check)
{
    check->incomplete = true;
    for (size_t i = 0; i < check->thread_capacity; i++) {
        check->threads[i] = (struct check_thread){0};
    }
    for (size_t i = 0; i < check->object_capacity; i++) {
        check->objects[i] = (struct check_object){0};
    }
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        check->cpus[i].current = ID_NONE;
        check->cpus[i].left = ID_NONE;
        check->cpus[i].owed = 0;
    }
    ready_forget(check);
    id_table_free(&check->travels);
}

/* Finds out which categories are recorded everywhere. What comes back has missed something. */
static void sight_update(struct check *check)
{
    uint8_t sighted = TRACE_CATEGORIES_ALL;

    for (uint32_t i = 0; i < check->cpu_count; i++) {
        sighted &= check->cpus[i].blind ? 0 : check->cpus[i].mask;
    }
    if (sighted & ~check->sighted) {
        forget(check);
    }
    if (!(sighted & TRACE_CATEGORY_SCHED)) { /* nobody tells any more who runs */
        for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
            check->cpus[i].current = ID_NONE;
        }
    }
    check->sighted = sighted;
}

/* Interrupts of the CPU may have begun or ended unseen. Other CPUs' are their own affair: an interrupt
 * is looked at whatever they have lost, and whatever they do not record. */
static void irqs_forget(struct check_cpu *cpu)
{
    cpu->irq_known = false;
    cpu->irq_depth = 0;
}

/* A CPU may follow a new mask in the middle of an interrupt, before the others do. */
static void check_mask(struct check *check, const struct trace_event *event)
{
    struct check_cpu *cpu = &check->cpus[event->cpu];

    irqs_forget(cpu);
    cpu->mask = event->small;
    sight_update(check);
}

static void check_gap(struct check *check, const struct trace_event *event)
{
    struct check_cpu *cpu = &check->cpus[event->cpu];

    check->lost += event->payload;
    cpu->lost += event->payload;
    if (!event->life) {
        check->incomplete = true;
        irqs_forget(cpu);
        cpu->blind = event->small == GAP_BEGIN;
        sight_update(check);
    }
}

/* What check_ready.c wants to see of other files' events. */
static void check_ready_event(struct check *check, const struct trace_event *event)
{
    switch (event->id) {
    case TRACE_EVENT_IPC_CALL ... TRACE_EVENT_IPC_ABORT:
    case TRACE_EVENT_IPC_SEND:
    case TRACE_EVENT_IPC_SAVE:
    case TRACE_EVENT_SCHEDULE:
    case TRACE_EVENT_BUDGET_OUT:
    case TRACE_EVENT_BUDGET_REFILL:
    case TRACE_EVENT_THREAD_SUSPEND:
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_PAGE_FAULT:
    case TRACE_EVENT_SYSCALL_ENTRY:
        check_ready(check, event);
        break;
    default:
        break;
    }
}

static void check_event(struct check *check, const struct trace_event *event)
{
    check_life(check, event);
    if (check->sighted & TRACE_CATEGORY_SCHED) {
        check_ready_event(check, event);
    }
    switch (event->id) {
    case TRACE_EVENT_MASK:
        check_mask(check, event);
        break;
    case TRACE_EVENT_SWITCH:
    case TRACE_EVENT_WAKEUP:
    case TRACE_EVENT_THREAD_EXIT:
    case TRACE_EVENT_THREAD_SUSPEND:
        if (check->sighted & TRACE_CATEGORY_SCHED) {
            check_sched(check, event);
        }
        break;
    case TRACE_EVENT_IPC_CALL ... TRACE_EVENT_IPC_SAVE:
        if (check->sighted & TRACE_CATEGORY_IPC) {
            check_ipc(check, event);
        }
        break;
    case TRACE_EVENT_MAILBOX_PUSH ... TRACE_EVENT_DOORBELL_RECEIVE:
        if (check->sighted & TRACE_CATEGORY_SMP) {
            check_smp(check, event);
        }
        break;
    case TRACE_EVENT_INTERRUPT_SIGNAL:
    case TRACE_EVENT_INTERRUPT_ACK:
        if (check->sighted & TRACE_CATEGORY_IRQ) {
            check_smp(check, event);
        }
        break;
    case TRACE_EVENT_SYSCALL_ENTRY:
    case TRACE_EVENT_SYSCALL_EXIT:
        if (check->sighted & TRACE_CATEGORY_SYSCALL) {
            check_smp(check, event);
        }
        break;
    case TRACE_EVENT_IRQ_ENTRY:
    case TRACE_EVENT_IRQ_EXIT:
        check_smp(check, event);
        break;
    default:
        break;
    }
}

/* Do the metadata say how the guest was started, and name no other policy than the usual one? */
static bool policy_is_fixed(const struct trace_file *file)
{
    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];
        const char *text = (const char *)file->data + section->offset;

        if (section->kind == CAPTURE_SECTION_METADATA) {
            return memmem(text, section->bytes, "\"command_line\"", 14) &&
                   !memmem(text, section->bytes, "policy=", 7);
        }
    }
    return false;
}

static void check_start(struct check *check, const struct trace_file *file)
{
    check->cpu_count = file->header->cpu_count;
    check->sighted = TRACE_CATEGORIES_ALL;
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        check->cpus[i].current = ID_NONE;
        check->cpus[i].left = ID_NONE;
        check->cpus[i].mask = TRACE_CATEGORIES_ALL;
        check->cpus[i].irq_known = true; /* until something is lost: none is open at the start */
    }
    ready_forget(check);
    check->fixed = policy_is_fixed(file);
    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];

        if (section->kind == CAPTURE_SECTION_EVENTS && section->lost) {
            check->cpus[section->cpu].blind = true;
        }
    }
    sight_update(check);
}

/* Rule: some offset and drift of each clock put causes before effects. (If so, the reader has done it.) */
static void check_clocks(struct check *check, const struct trace_file *file)
{
    for (uint32_t i = 0; file->clocks && i < check->cpu_count; i++) {
        struct trace_event event = {.cpu = i, .time = file->clocks[i].base};

        if (file->clocks[i].flags & CLOCK_UNEXPLAINED) {
            violation(check, &event,
                      "its clock contradicts the others': no offset and drift put causes before "
                      "effects");
        }
    }
}

static void check_events(struct check *check, struct reader *reader)
{
    struct trace_event event;

    while (reader_next(reader, &event)) {
        if (event.id == READER_GAP) {
            check_gap(check, &event);
            continue;
        }
        check->events++;
        if (event.backwards) {
            violation(check, &event, "time goes back");
        }
        check_event(check, &event);
    }
}

static void check_report(struct check *check, uint32_t cpu_count)
{
    if (check->violations > VIOLATIONS_SHOWN) {
        output_print(check->output, "... and %" PRIu64 " more\n",
                     check->violations - VIOLATIONS_SHOWN);
    }
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (check->cpus[i].lost) {
            output_print(check->output, "cpu %u: %" PRIu64 " events lost\n", i,
                         check->cpus[i].lost);
        }
    }
    output_print(check->output,
                 "%" PRIu64 " events on %u CPUs, %" PRIu64 " lost, %" PRIu64 " violations\n",
                 check->events, cpu_count, check->lost, check->violations);
}

bool check_capture(const struct trace_file *file, struct output *output, uint64_t *violations,
                   struct trace_error *error)
{
    struct check *check = memory_new(sizeof *check);
    struct reader reader;
    bool done = false;

    check->output = output;
    if (!names_load(&check->names, file, error)) {
        free(check);
        return false;
    }
    check_start(check, file);
    if (reader_start(&reader, file, READER_ALL, error)) {
        check_clocks(check, file);
        check_events(check, &reader);
        done = !reader.failed;
        reader_end(&reader);
    }
    if (done) {
        check_report(check, file->header->cpu_count);
    }
    *violations = check->violations;
    free(check->threads);
    free(check->objects);
    id_table_free(&check->travels);
    id_table_free(&check->lives);
    names_free(&check->names);
    free(check);
    return done;
}
