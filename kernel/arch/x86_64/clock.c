/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the time stamp counter ticks.
 *
 * The counter is measured against ACPI's power management timer, which runs at 3.579545 MHz everywhere.
 * Both are read at two moments; each moment is taken at an edge of the slow timer, and from several
 * tries the one is used during which the least time passed, so that neither a preempted emulator nor a
 * slow port spoils it. With instruction-counted virtual time (1 GHz) the result is off by a few
 * millionths.
 */
#include "arch/platform.h"
#include "kernel/arch.h"
#include "kernel/panic.h"

#define TIMER_HZ 3579545ull
#define TIMER_MASK 0xffffffu           /* all of them count with so many bits at least */
#define MEASURE_TICKS (TIMER_HZ / 200) /* 5 ms */
#define MOMENT_TRIES 8
#define SLOWEST_HZ 100000000ull
#define FASTEST_HZ 20000000000ull

cycles_t arch_clock_hz;

/* A moment on both clocks, and how uncertain it is. */
struct moment {
    uint32_t ticks;
    cycles_t cycles;
    cycles_t blur;
};

static uint32_t timer_read(void)
{
    return arch_port_read(acpi_timer_port, 4);
}

/* The sharpest of several edges of the timer. */
static struct moment moment_take(void)
{
    struct moment best = {.blur = ~0ull};

    for (unsigned try = 0; try < MOMENT_TRIES; try++) {
        uint32_t before = timer_read();
        uint32_t ticks = before;
        cycles_t end = arch_cycles();
        cycles_t start = end;
        while (ticks == before) {
            start = end;
            ticks = timer_read();
            end = arch_cycles();
        }
        if (end - start < best.blur) {
            best = (struct moment){ticks, start + (end - start) / 2, end - start};
        }
    }
    return best;
}

void clock_calibrate(void)
{
    struct moment from = moment_take();
    struct moment to;

    do {
        /* Counting is cheaper for an emulator than looking. */
        for (unsigned i = 0; i < 1000; i++) {
            __asm__ volatile("");
        }
    } while (((timer_read() - from.ticks) & TIMER_MASK) < MEASURE_TICKS);
    to = moment_take();
    arch_clock_hz = (to.cycles - from.cycles) * TIMER_HZ / ((to.ticks - from.ticks) & TIMER_MASK);
    if (arch_clock_hz < SLOWEST_HZ || arch_clock_hz > FASTEST_HZ) {
        panic("the time stamp counter runs at an absurd %lu Hz", arch_clock_hz);
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
