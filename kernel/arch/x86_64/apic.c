/* SPDX-License-Identifier: Apache-2.0
 *
 * The local APIC of each CPU: its one-shot timer, and interrupts from one CPU to others.
 *
 * Access. In x2APIC mode, used when the processor has it, registers are MSRs; otherwise they are words in
 * an uncached page, the same address on every CPU. Ids have 8 bits in both: 255 is a broadcast.
 *
 * Timer. With a TSC deadline the processor compares the time stamp counter itself. Without, the
 * APIC counts its own clock down from a number computed with a measured ratio (32.32 fixed point).
 * That is not exact, and its range is short; so an interrupt before the deadline arms the timer
 * again for the rest (apic_timer_is_early), and nobody else notices.
 *
 * All external interrupt lines stay masked but NMI on CPU 0, with which a host can ask a machine
 * that hangs where it is, or all CPUs to look which trace events it wants.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"

enum apic_register {
    APIC_END_OF_INTERRUPT = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_COMMAND = 0x300,
    APIC_COMMAND_TARGET = 0x310, /* xAPIC only: the upper half of the command */
    APIC_TIMER = 0x320,
    APIC_LINE0 = 0x350,
    APIC_LINE1 = 0x360,
    APIC_TIMER_START = 0x380,
    APIC_TIMER_NOW = 0x390,
    APIC_TIMER_DIVISOR = 0x3e0,
};

#define SPURIOUS_APIC_ENABLE 0x100u
#define LINE_MASKED 0x10000u
#define LINE_NMI 0x400u
#define TIMER_TSC_DEADLINE 0x40000u
#define TIMER_DIVIDE_BY_1 0xbu
#define TIMER_TICKS_MAX 0xffffffffull

#define COMMAND_NMI 0x4400u /* delivery mode, level: assert */
#define COMMAND_INIT 0x4500u
#define COMMAND_START_UP 0x4600u
#define COMMAND_FIXED 0x4000u
#define COMMAND_ALL 0x80000u
#define COMMAND_ALL_OTHERS 0xc0000u

#define CALIBRATION_MICROSECONDS 1000

static bool wide;                     /* (I) x2APIC mode */
static bool has_deadline;             /* (I) the timer compares the time stamp counter */
static volatile uint32_t *apic_page;  /* (I) xAPIC registers; NULL until CPU 0's apic_start() */
static uint64_t apic_ticks_per_cycle; /* (I) 32.32; 0 until measured */

static uint32_t apic_read(enum apic_register reg)
{
    if (wide) {
        return (uint32_t)msr_read(MSR_X2APIC + reg / 16);
    }
    return apic_page[reg / 4];
}

static void apic_write(enum apic_register reg, uint32_t value)
{
    if (wide) {
        msr_write(MSR_X2APIC + reg / 16, value);
    } else {
        apic_page[reg / 4] = value;
    }
}

uint8_t apic_id(void)
{
    return cpuid_read(1, 0).ebx >> 24;
}

void apic_start(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    bool first = base & APIC_BASE_BOOT_CPU;

    wide = cpuid_read(1, 0).ecx & CPUID_X2APIC;
    has_deadline = cpuid_read(1, 0).ecx & CPUID_TSC_DEADLINE;
    base |= wide ? APIC_BASE_X2APIC : 0;
    msr_write(MSR_APIC_BASE, base);
    apic_page = (volatile uint32_t *)(DEVICE_BASE + (base & APIC_BASE_ADDRESS));

    apic_write(APIC_LINE0, LINE_MASKED);
    apic_write(APIC_LINE1, first ? LINE_NMI : LINE_MASKED);
    apic_write(APIC_SPURIOUS, SPURIOUS_APIC_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_TIMER_DIVISOR, TIMER_DIVIDE_BY_1);
    apic_write(APIC_TIMER, VECTOR_TIMER | (has_deadline ? TIMER_TSC_DEADLINE : 0));
}

void apic_acknowledge(void)
{
    apic_write(APIC_END_OF_INTERRUPT, 0);
}

/* ---- timer ----------------------------------------------------------------------------------- */

/* Interrupts are off, so the count may run through without one. */
void apic_timer_calibrate(void)
{
    if (has_deadline) {
        return;
    }
    apic_write(APIC_TIMER_START, TIMER_TICKS_MAX);
    cycles_t start = arch_cycles();
    uint32_t from = apic_read(APIC_TIMER_NOW);
    clock_delay(CALIBRATION_MICROSECONDS);
    cycles_t end = arch_cycles();
    uint32_t to = apic_read(APIC_TIMER_NOW);
    apic_write(APIC_TIMER_START, 0);
    apic_ticks_per_cycle = ((uint64_t)(from - to) << 32) / (end - start);
    if (apic_ticks_per_cycle == 0) {
        panic("the local APIC's timer does not run");
    }
}

/* 0: never. */
static void timer_program(cycles_t deadline)
{
    if (has_deadline) {
        msr_write(MSR_TSC_DEADLINE, deadline);
        return;
    }
    cycles_t now = arch_cycles();
    cycles_t distance = deadline > now ? deadline - now : 0;
    __uint128_t ticks = ((__uint128_t)distance * apic_ticks_per_cycle >> 32) + 1;
    ticks = ticks < TIMER_TICKS_MAX ? ticks : TIMER_TICKS_MAX;
    apic_write(APIC_TIMER_START, deadline == 0 ? 0 : (uint32_t)ticks);
}

void arch_timer_arm(cycles_t deadline)
{
    percpu(arch.timer_deadline) = deadline;
    timer_program(deadline);
}

/* Also true for an interrupt that was on its way when the timer was disarmed. */
bool apic_timer_is_early(void)
{
    cycles_t deadline = percpu(arch.timer_deadline);

    if (deadline == 0) {
        return true;
    }
    if (arch_cycles() < deadline) {
        timer_program(deadline);
        return true;
    }
    percpu(arch.timer_deadline) = 0;
    return false;
}

/* ---- to other CPUs --------------------------------------------------------------------------- */

static void command_send(uint32_t target, uint32_t command)
{
    if (wide) {
        /* The MSR write may overtake earlier stores, which the target is about to look at. */
        __asm__ volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC + APIC_COMMAND / 16, (uint64_t)target << 32 | command);
        return;
    }
    apic_write(APIC_COMMAND_TARGET, target << 24);
    apic_write(APIC_COMMAND, command);
}

void arch_doorbell_send(cpu_t cpu)
{
    command_send(acpi_apic_ids[cpu], COMMAND_FIXED | VECTOR_DOORBELL);
}

/* One write, also in the middle of a command_send() to another CPU: no target has to be named. */
void apic_interrupt_all(unsigned vector)
{
    apic_write(APIC_COMMAND, COMMAND_ALL | COMMAND_FIXED | vector);
}

/* Emulators and hypervisors take these without the long waits that old hardware wants. The second
 * start-up interrupt finds a CPU already running and is ignored there, unless the first was lost. */
void apic_start_others(void)
{
    command_send(0, COMMAND_ALL_OTHERS | COMMAND_INIT);
    clock_delay(10);
    command_send(0, COMMAND_ALL_OTHERS | COMMAND_START_UP | TRAMPOLINE_PADDR >> 12);
    clock_delay(10);
    command_send(0, COMMAND_ALL_OTHERS | COMMAND_START_UP | TRAMPOLINE_PADDR >> 12);
}

/* INIT stops a CPU in any state, also one that is not up yet and could not take an NMI. CPU 0, which an
 * INIT would send into the firmware, is up whenever another is: it halts in the NMI. */
void apic_stop(cpu_t cpu)
{
    if (apic_page != NULL) {
        command_send(acpi_apic_ids[cpu], cpu == 0 ? COMMAND_NMI : COMMAND_INIT);
    }
}
