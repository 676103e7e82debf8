/* SPDX-License-Identifier: Apache-2.0
 *
 * What the model knows before the first event. Who runs on a CPU is told by the record that opens its
 * first page; at the boot it is the idle thread, and whose that is, is told by the records of life or, where these were lost, by the
 * first halt.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "weft/trace_events.h"

/* The thread that ran when the CPU's records begin, if that was not right after the boot. */
static void find_first_thread(struct model *model, const struct trace_file *file,
                              const struct capture_section *section)
{
    uint32_t running = section->bytes ? section_records(file, section)->b : 0;

    if (running) {
        uint32_t thread = model_thread_of(model, running);

        model->cpus[section->cpu].current = thread;
        model->threads[thread].running = true;
        model->threads[thread].cpu = section->cpu;
    }
}

/* The record that names an old CPU's idle thread may be lost. Only that thread halts. */
static void find_idle_thread(struct model *model, const struct trace_file *file,
                             const struct capture_section *section)
{
    const struct trace_record *records = section_records(file, section);
    uint64_t count = section->bytes / TRACE_RECORD_SIZE;
    uint32_t running = 0;

    for (uint64_t i = 0; i < count; i++) {
        running = running_after(records[i].id, records[i].a, records[i].b, running);
        if (records[i].id == TRACE_EVENT_IDLE_HALT && running) {
            model->cpus[section->cpu].idle = model_thread_of(model, running);
            names_idle(model->names, running, section->cpu);
            return;
        }
    }
}

bool model_start(struct model *model, const struct trace_file *file, struct names *names,
                 struct trace_error *error)
{
    memset(model, 0, sizeof *model);
    if (!names_load(names, file, error)) {
        return false;
    }
    model->names = names;
    model->cpu_count = file->header->cpu_count;
    model->travel_free = ID_NONE;
    for (uint32_t i = 0; i < CAPTURE_CPUS_MAX; i++) {
        model->cpus[i].current = ID_NONE;
        model->cpus[i].idle = ID_NONE;
        model->cpus[i].visitor = ID_NONE;
        model->cpus[i].arrival = (struct travel){.cpu = ID_NONE, .pusher = ID_NONE};
    }
    for (uint32_t i = 0; i < names->thread_count; i++) {
        uint32_t cpu = names->threads[i].idle_cpu;

        model_thread(model, i);
        if (cpu < model->cpu_count) {
            model->cpus[cpu].idle = i;
            model->cpus[cpu].current = i;
        }
    }
    for (uint32_t i = 0; i < file->header->section_count; i++) {
        const struct capture_section *section = &file->header->sections[i];

        if (section->kind == CAPTURE_SECTION_EVENTS) {
            model->cpus[section->cpu].late = section->lost != 0;
            if (model->cpus[section->cpu].idle == ID_NONE) {
                find_idle_thread(model, file, section);
            }
            find_first_thread(model, file, section);
        }
    }
    return true;
}

void model_free(struct model *model)
{
    free(model->threads);
    free(model->travel_slots);
    id_table_free(&model->travels);
    memset(model, 0, sizeof *model);
}
