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
    uint64_t memory = 0, bytes = options.trace_ring;

    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        memory += boot_info.regions[i].end - boot_info.regions[i].start;
    }
    if (bytes == 0) {
        bytes = memory / RING_SHARE / boot_info.cpu_count;
        bytes = bytes > RING_MAX ? RING_MAX : bytes;
    }
    return align_down(bytes < RING_MIN ? RING_MIN : bytes, PAGE_SIZE);
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
    idle->mail.id = idle->id;
    __builtin_memcpy(idle->name, "idle", sizeof("idle"));
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
    trace_mask(options.trace_mask, cpu->idle.id);
}

/* A CPU that starts and CPU 0 send each other the mail of its idle thread, which goes nowhere else: four
 * times there and back. When each step happened is recorded, for readers that compare the clocks. */
static void greeting_arrived(struct mail *mail)
{
    struct cpu *cpu = container_of(mail, struct cpu, idle.mail);
    cpu_t other = percpu(id) == 0 ? cpu->id : 0;

    trace_greeting((uint8_t)other, cpu->greetings);
    if (CONFIG_TRACE && cpu->greetings++ < 8) {
        mail_send_for(mail, other, TRACE_TRAVEL_GREETING, greeting_arrived);
    }
}

void kernel_main(void)
{
    design_enter();
    options_parse(boot_info.command_line);
    kernel_process.object.id = object_id_new();
    trace_init(options.trace_mask, ring_bytes(), options.trace_once);
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
    design_enter();
    cpu_begin();
    greeting_arrived(&arch_this_cpu()->idle.mail);
    arch_restart_stack(idle_loop);
}
