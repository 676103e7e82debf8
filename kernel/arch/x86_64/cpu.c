/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a CPU: its area, its start, its rest, its stop, and the machine's end.
 *
 * CPU 0 makes everything the others need (areas, stacks) before any of them runs. Then one broadcast
 * starts them all; each finds its own number in boot.S and sets itself up without waiting for anybody.
 * arch_start_cpus() waits for them, the last time that one CPU waits for another.
 *
 * Stopping works from any state of the machine, as it uses nothing but the local APIC, an atomic word
 * and the stack pointer, which tells the CPU's number when GS cannot be trusted. Of several CPUs that
 * panic at once the first wins; the others halt in arch_stop_others(), or as it tells them.
 */
#include "kernel/cpu.h"

#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/boot.h"
#include "kernel/panic.h"
#include "smp/atomic.h"

#define EXIT_PORT 0xf4
#define EXIT_BASE 0x10
#define EXIT_PANIC 111
#define STOPS_MAX 2 /* a panic in a panic is reported, the next one is not */
#define START_PATIENCE_SECONDS 60

struct cpu *cpu_table[CPU_MAX];

static struct cpu first_cpu;  /* needed before there is memory to take one from */
static uint32_t cpus_awaited; /* (A) CPUs that have not come up yet */
static unsigned stops;        /* (O: the stopper) how often it has tried */
static uint32_t stopper;      /* (A) number + 1 of the CPU that stops the others; 0: nobody */

extern const char trampoline_start[], trampoline_end[];

/* ---- start ----------------------------------------------------------------------------------- */

void trampoline_install(void)
{
    __builtin_memcpy(arch_to_virtual(TRAMPOLINE_PADDR), trampoline_start,
                     (size_t)(trampoline_end - trampoline_start));
}

static void cpu_add(struct cpu *cpu, cpu_t id)
{
    cpu->self = cpu;
    cpu->id = id;
    cpu_table[id] = cpu;
}

/* Sets up the calling CPU's processor: boot.S has switched on what all have. Left off on purpose:
 * FSGSBASE (user mode must not write GS base), OSXSAVE (the FPU state is then what fxsave knows, and no
 * program can use more), PCID and machine check reporting. */
static void cpu_set_up(struct cpu *cpu)
{
    struct cpuid has = cpuid_read(7, 0);
    uint64_t cr4 = CR4_KERNEL;

    if (cpuid_read(0, 0).eax >= 7) {
        cr4 |= has.ebx & CPUID_SMEP ? CR4_SMEP : 0;
        cr4 |= has.ebx & CPUID_SMAP ? CR4_SMAP : 0;
        cr4 |= has.ecx & CPUID_UMIP ? CR4_UMIP : 0;
    }
    cr4_write(cr4);
    msr_write(MSR_PAT, PAT_COMBINING_FOR_THROUGH);
    descriptors_load(cpu);
}

void cpu_start_first(void)
{
    acpi_apic_ids[acpi_cpu_count++] = apic_id(); /* number 0, wherever ACPI lists it */
    cpu_add(&first_cpu, 0);
    descriptors_build_idt();
    cpu_set_up(&first_cpu);
}

void cpu_create_others(void)
{
    for (cpu_t id = 1; id < acpi_cpu_count; id++) {
        cpu_add(boot_alloc(sizeof(struct cpu)), id);
    }
}

void arch_start_cpus(void)
{
    cycles_t start = arch_cycles();

    cpus_awaited = acpi_cpu_count - 1;
    if (cpus_awaited == 0) {
        return;
    }
    apic_start_others(); /* from here on the others run, and read everything made above */
    /* [cpu.await] acquire: what they set up is seen by whoever sends them work. Pairs with
     * [cpu.started]. */
    while (load_acquire(&cpus_awaited) != 0) {
        if (arch_cycles() - start > START_PATIENCE_SECONDS * arch_clock_hz) {
            panic("%u of %u CPUs did not start", cpus_awaited, acpi_cpu_count);
        }
        arch_pause();
    }
}

_Noreturn void x86_cpu_start(cpu_t id)
{
    cpu_set_up(cpu_table[id]);
    apic_start();
    /* [cpu.started] release: all of the above is done. Pairs with [cpu.await]. */
    fetch_sub_acq_rel(&cpus_awaited, 1);
    kernel_cpu_main();
}

/* ---- rest ------------------------------------------------------------------------------------ */

void arch_halt(void)
{
    /* sti takes effect after the next instruction: no interrupt fits between it and hlt. */
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

void arch_interrupt_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory"); /* sti takes effect after the nop */
}

/* ---- stop ------------------------------------------------------------------------------------ */

static _Noreturn void cpu_stop(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/* The calling CPU's number, by its stack; that of the first instructions is CPU 0's. */
static cpu_t cpu_by_stack(void)
{
    uint64_t stack = (uint64_t)__builtin_frame_address(0);

    return stack < KERNEL_BASE ? (cpu_t)((stack - STACK_BASE) >> STACK_SLOT_SHIFT) : 0;
}

void arch_stop_others(void)
{
    cpu_t self = cpu_by_stack();
    uint32_t found = 0;

    /* Relaxed: nothing but the word itself is decided here. */
    if (!compare_exchange_relaxed(&stopper, &found, self + 1) && found != self + 1) {
        cpu_stop();
    }
    if (++stops > STOPS_MAX) {
        arch_machine_off(EXIT_PANIC);
    }
    for (cpu_t id = 0; id < acpi_cpu_count; id++) {
        if (id != self) {
            apic_stop(id);
        }
    }
}

void cpu_repair_gs(void)
{
    msr_write(MSR_GS_BASE, (uint64_t)cpu_table[cpu_by_stack()]);
}

bool cpu_stop_wanted(void)
{
    uint32_t found = load_relaxed(&stopper);

    if (found != 0 && found != cpu_by_stack() + 1) {
        cpu_stop();
    }
    return found != 0;
}

_Noreturn void arch_machine_off(uint32_t status)
{
    arch_port_write(EXIT_PORT, 4, EXIT_BASE + status);
    cpu_stop(); /* no such device: the best that is left */
}

/* ---- ports ----------------------------------------------------------------------------------- */

uint32_t arch_port_read(uint16_t port, unsigned width)
{
    uint32_t value = 0;

    switch (width) {
    case 1:
        __asm__ volatile("inb %1, %b0" : "+a"(value) : "d"(port) : "memory");
        break;
    case 2:
        __asm__ volatile("inw %1, %w0" : "+a"(value) : "d"(port) : "memory");
        break;
    default:
        __asm__ volatile("inl %1, %0" : "+a"(value) : "d"(port) : "memory");
    }
    return value;
}

void arch_port_write(uint16_t port, unsigned width, uint32_t value)
{
    switch (width) {
    case 1:
        __asm__ volatile("outb %b0, %1" : : "a"(value), "d"(port) : "memory");
        break;
    case 2:
        __asm__ volatile("outw %w0, %1" : : "a"(value), "d"(port) : "memory");
        break;
    default:
        __asm__ volatile("outl %0, %1" : : "a"(value), "d"(port) : "memory");
    }
}
