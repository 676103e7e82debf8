/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a CPU: its area, its start, its rest, its stop, and the machine's end.
 *
 * CPU 0 makes everything the others need (areas, stacks, descriptors) before any of them runs. Then
 * one broadcast starts them all; each finds its own number in trampoline.S and sets itself up
 * without waiting for anybody. arch_start_cpus() waits for them, the last time that one CPU waits
 * for another.
 *
 * Stopping works from any state of the machine, as it uses nothing but the local APIC and an atomic
 * word. A CPU that is up gets an NMI and halts in it. One that is not, or not yet, could not take
 * an NMI (it may be in real mode, in the firmware's care), so it gets an INIT, which stops any CPU
 * but the first; that one is always up. Of several CPUs that panic at once the first wins; the
 * others halt in arch_stop_others(), or in the NMI that it sends.
 */
#include "kernel/cpu.h"

#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"
#include "kernel/boot.h"
#include "kernel/panic.h"
#include "kernel/print.h"
#include "smp/atomic.h"

#define EXIT_PORT 0xf4
#define EXIT_BASE 0x10
#define EXIT_PANIC 111
#define STOPS_MAX 2 /* a panic in a panic is reported, the next one is not */
#define START_PATIENCE_SECONDS 60

struct cpu *cpu_table[CPU_MAX];

static uint32_t cpus_awaited; /* (A) CPUs that have not come up yet */
static unsigned stops;        /* (O: the stopper) how often it has tried */
static uint32_t stopper;      /* (A) APIC id + 1 of the CPU that stops the others; 0: nobody */

extern const char trampoline_start[], trampoline_end[];

/* ---- start ----------------------------------------------------------------------------------- */

void trampoline_install(void)
{
    __builtin_memcpy(arch_to_virtual(TRAMPOLINE_PADDR), trampoline_start,
                     (size_t)(trampoline_end - trampoline_start));
}

static struct cpu *cpu_create(cpu_t id, uint32_t apic)
{
    struct cpu *cpu = boot_alloc(sizeof(struct cpu));

    cpu->self = cpu;
    cpu->id = id;
    cpu->arch.apic_id = apic;
    descriptors_init(cpu);
    cpu_table[id] = cpu;
    return cpu;
}

void cpu_create_first(void)
{
    descriptors_build_idt();
    descriptors_load(cpu_create(0, apic_id()));
    percpu(arch.online) = true;
}

void cpu_create_others(void)
{
    for (cpu_t id = 1; id < acpi_cpu_count; id++) {
        cpu_create(id, acpi_apic_ids[id]);
    }
    if (acpi_unusable_cpus != 0) {
        kprintf("weft: %u more CPUs stay off: too many, or not addressable without x2APIC\n",
                acpi_unusable_cpus);
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
    features_enable();
    descriptors_load(cpu_table[id]);
    apic_start();
    /* Relaxed: the CPU that reads it needs nothing else of what was set up here. */
    store_relaxed(&cpu_table[id]->arch.online, true);
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

void arch_stop_others(void)
{
    uint32_t self = apic_id() + 1;
    uint32_t found = 0;

    /* Relaxed: nothing but the word itself is decided here. */
    if (!compare_exchange_relaxed(&stopper, &found, self) && found != self) {
        cpu_stop();
    }
    if (++stops > STOPS_MAX) {
        arch_machine_off(EXIT_PANIC);
    }
    for (cpu_t id = 0; id < acpi_cpu_count; id++) {
        struct cpu *cpu = cpu_table[id];
        if (cpu != NULL && cpu->arch.apic_id != self - 1) {
            apic_stop(cpu->arch.apic_id, load_relaxed(&cpu->arch.online));
        }
    }
}

void cpu_repair_gs(void)
{
    uint32_t self = apic_id();

    for (cpu_t id = 0; id < acpi_cpu_count; id++) {
        if (acpi_apic_ids[id] == self && cpu_table[id] != NULL) {
            msr_write(MSR_GS_BASE, (uint64_t)cpu_table[id]);
        }
    }
}

/* On the NMI's own stack. An NMI that no CPU of ours has sent is the host's question where this CPU
 * is; the panic answers it. */
void x86_nmi(struct x86_exception_frame *frame)
{
    uint32_t found = load_relaxed(&stopper);

    if (found == apic_id() + 1) {
        return;
    }
    if (found != 0) {
        cpu_stop();
    }
    x86_kernel_exception(frame);
}

_Noreturn void arch_machine_off(uint32_t status)
{
    port_write32(EXIT_PORT, EXIT_BASE + status);
    cpu_stop(); /* no such device: the best that is left */
}

/* ---- ports ----------------------------------------------------------------------------------- */

uint32_t arch_port_read(uint16_t port, unsigned width)
{
    return width == 1 ? port_read8(port) : width == 2 ? port_read16(port) : port_read32(port);
}

void arch_port_write(uint16_t port, unsigned width, uint32_t value)
{
    if (width == 1) {
        port_write8(port, (uint8_t)value);
    } else if (width == 2) {
        port_write16(port, (uint16_t)value);
    } else {
        port_write32(port, value);
    }
}
