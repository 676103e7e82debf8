/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the time stamp counter ticks.
 *
 * Processors and hypervisors that say so in CPUID are believed. Otherwise the counter is measured
 * against ACPI's power management timer, which runs at 3.579545 MHz everywhere. Both are read at
 * two moments; each moment is taken at an edge of the slow timer, and from several tries the one
 * is used during which the least time passed, so that neither a preempted emulator nor a slow port
 * spoils it. With instruction-counted virtual time (1 GHz) the result is off by a few millionths.
 */
#include "arch/platform.h"
#include "arch/registers.h"
#include "kernel/arch.h"

#define TIMER_HZ 3579545ull
#define MEASURE_TICKS (TIMER_HZ / 200) /* 5 ms */
#define MOMENT_TRIES 8
#define SLOWEST_HZ 100000000ull
#define FASTEST_HZ 20000000000ull
#define CPUID_CLOCK 0x15
#define CPUID_HYPERVISOR 0x40000000
#define CPUID_HYPERVISOR_CLOCK 0x40000010

cycles_t arch_clock_hz;

/* A moment on both clocks, and how uncertain it is. */
struct moment {
    uint32_t ticks;
    cycles_t cycles;
    cycles_t blur;
};

static bool hz_is_sane(uint64_t hz)
{
    return hz >= SLOWEST_HZ && hz <= FASTEST_HZ;
}

/* The frequency that CPUID names; 0: none. */
static uint64_t hz_from_cpuid(void)
{
    if (cpuid_read(0, 0).eax >= CPUID_CLOCK) {
        struct cpuid clock = cpuid_read(CPUID_CLOCK, 0); /* crystal ecx, ratio ebx / eax */
        if (clock.eax != 0 && hz_is_sane((uint64_t)clock.ecx * clock.ebx / clock.eax)) {
            return (uint64_t)clock.ecx * clock.ebx / clock.eax;
        }
    }
    if ((x86_features & FEATURE_HYPERVISOR) &&
        cpuid_read(CPUID_HYPERVISOR, 0).eax >= CPUID_HYPERVISOR_CLOCK) {
        uint64_t hz = cpuid_read(CPUID_HYPERVISOR_CLOCK, 0).eax * 1000ull;
        if (hz_is_sane(hz)) {
            return hz;
        }
    }
    return 0;
}

/* The sharpest of several edges of the timer. */
static struct moment moment_take(uint16_t port)
{
    struct moment best = {.blur = ~0ull};

    for (unsigned try = 0; try < MOMENT_TRIES; try++) {
        uint32_t before = port_read32(port);
        uint32_t ticks = before;
        cycles_t end = arch_cycles();
        cycles_t start = end;
        while (ticks == before) {
            start = end;
            ticks = port_read32(port);
            end = arch_cycles();
        }
        if (end - start < best.blur) {
            best = (struct moment){ticks, start + (end - start) / 2, end - start};
        }
    }
    return best;
}

static uint64_t hz_measured(uint16_t port, uint32_t mask)
{
    struct moment from = moment_take(port);
    struct moment to;

    do {
        /* Counting is cheaper for an emulator than looking. */
        for (unsigned i = 0; i < 1000; i++) {
            __asm__ volatile("");
        }
    } while (((port_read32(port) - from.ticks) & mask) < MEASURE_TICKS);
    to = moment_take(port);
    return (to.cycles - from.cycles) * TIMER_HZ / ((to.ticks - from.ticks) & mask);
}

void clock_calibrate(void)
{
    arch_clock_hz = hz_from_cpuid();
    if (arch_clock_hz != 0) {
        return;
    }
    if (acpi_timer_port == 0) {
        boot_fail("nothing to measure the time stamp counter against");
    }
    arch_clock_hz = hz_measured(acpi_timer_port, acpi_timer_mask);
    if (!hz_is_sane(arch_clock_hz)) {
        boot_fail("the time stamp counter runs at an absurd speed");
    }
}

void clock_delay(uint32_t microseconds)
{
    cycles_t start = arch_cycles();
    cycles_t length = arch_clock_hz / 1000000 * microseconds;

    /* Waits for time, not for another CPU: no pause, at which an emulator that counts instructions
     * would look at every other CPU first. */
    while (arch_cycles() - start < length) {
    }
}
