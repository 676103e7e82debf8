/* SPDX-License-Identifier: Apache-2.0
 *
 * The portable start of the kernel: CPU 0 prepares every CPU's data, the trace and the first process,
 * then starts the other CPUs; from there on all are equal and live in idle_loop() and schedule().
 */
#include "kernel/boot.h"
#include "kernel/cpu.h"
#include "kernel/options.h"
#include "kernel/print.h"
#include "smp/sched_point.h"
#include "trace/kernel/trace.h"

#define RING_MIN (16 * 1024ull)
#define RING_MAX (4 * 1024 * 1024ull)
#define RING_SHARE 8 /* rings take at most this part of memory */

/* The size of each CPU's ring of events, in whole pages. */
static uint64_t ring_bytes(void)
{
    uint64_t memory = 0;
    uint64_t bytes = options.trace_ring;

    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        memory += boot_info.regions[i].end - boot_info.regions[i].start;
    }
    if (bytes == 0) {
        bytes = memory / RING_SHARE / boot_info.cpu_count;
        bytes = bytes > RING_MAX ? RING_MAX : bytes;
    }
    return align_down(bytes < RING_MIN ? RING_MIN : bytes, PAGE_SIZE);
}

/* "idle/0", "idle/1", ... */
static void idle_name(char *name, cpu_t cpu)
{
    __builtin_memcpy(name, "idle/", 5);
    for (char *digit = name + 5 + (cpu >= 10) + (cpu >= 100); *digit != '/'; digit--) {
        *digit = (char)('0' + cpu % 10);
        cpu /= 10;
    }
}

/* The thread that stands for "nothing to do": it has no user mode, its loop is idle_loop(). */
static void idle_init(struct cpu *cpu)
{
    struct thread *idle = &cpu->idle;

    idle->process = &kernel_process;
    idle->home = cpu->id;
    idle->owner = cpu->id;
    idle->idle = 1;
    idle->own.priority = -1; /* below everybody */
    idle->own.limit = TIME_UNLIMITED;
    idle->run.sc = &idle->own;
    idle->id = object_id_new();
    idle_name(idle->name, cpu->id);
    cpu->current = idle;
    cpu->sc = &idle->own;
    cpu->running_id = idle->id;
}

/* The rest of each CPU's preparations, on that CPU. */
static void cpu_begin(void)
{
    struct cpu *cpu = arch_this_cpu();

    list_init(&cpu->processes);
    run_queue_init(&cpu->queue, options.policy[cpu->id],
                   arch_clock_hz / 1000000 * options.timeslice_us);
    sched_point_seed(options.seed);
    idle_init(cpu);
    trace_thread_idle((uint8_t)cpu->id, cpu->idle.id, kernel_process.object.id);
    trace_write_name(TRACE_NAME_KIND_THREAD, cpu->idle.id, cpu->idle.name);
    trace_mask(options.trace_mask, cpu->idle.id);
}

void kernel_main(void)
{
    options_parse(boot_info.command_line);
    kernel_process.object.id = object_id_new();
    trace_init(options.trace_mask, ring_bytes());
    trace_process_create(kernel_process.object.id, 0);
    trace_write_name(TRACE_NAME_KIND_PROCESS, kernel_process.object.id, kernel_process.name);
    cpu_begin();
    kprintf("weft: %s, %u CPUs, clock %lu Hz\n", TRACE_BUILD, boot_info.cpu_count, arch_clock_hz);
    process_start_init();
    arch_start_cpus();
    arch_restart_stack(idle_loop);
}

void kernel_cpu_main(void)
{
    cpu_begin();
    arch_restart_stack(idle_loop);
}
