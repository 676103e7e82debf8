/* SPDX-License-Identifier: Apache-2.0
 *
 * Interrupts of devices: vectors of each CPU, and the I/O APIC that turns lines into vectors. There is one
 * in each machine that we know; lines of a second one are not to be had.
 *
 * Each CPU has its own vectors from VECTOR_DEVICE on; a table says whose each one is. What arrives at
 * a vector that is nobody's (any more) is forgotten. The I/O APIC has an index and a data
 * register, which two CPUs must not use in turns: it is CPU 0's, and all lines lead there.
 *
 * Lines 0 to 15 are ISA's, with the number, polarity and trigger that the firmware's overrides say;
 * others are counted as ACPI counts them (global system interrupts). What the caller says of polarity
 * and trigger adds to that.
 */
#include "arch/platform.h"
#include "kernel/cpu.h"

#define IOAPIC_AREA 0x100000u /* others would be there, too */
#define IOAPIC_VERSION 1u
#define IOAPIC_PIN(pin) (0x10 + 2 * (pin))

#define PIN_VECTOR 0xffu /* 0: the pin is nobody's */
#define PIN_LOW (1u << 13)
#define PIN_LEVEL (1u << 15)
#define PIN_MASKED (1u << 16)

#define MESSAGE_BASE 0xfee00000u
#define MESSAGE_END 0xfef00000u

static uint32_t pin_count; /* (I) after ioapic_start() */

static volatile uint32_t *ioapic_page(void)
{
    return (volatile uint32_t *)(DEVICE_BASE + acpi_ioapic);
}

static uint32_t ioapic_read(uint32_t index)
{
    ioapic_page()[0] = index;
    return ioapic_page()[4];
}

static void ioapic_write(uint32_t index, uint32_t value)
{
    ioapic_page()[0] = index;
    ioapic_page()[4] = value;
}

void ioapic_start(void)
{
    if (acpi_ioapic != 0) {
        pin_count = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
    }
    for (uint32_t pin = 0; pin < pin_count; pin++) {
        ioapic_write(IOAPIC_PIN(pin), PIN_MASKED);
    }
}

/* The next vector that is free; 0: none is. In turns, so that what a device still sends to an old one
 * does not find a new owner there at once. */
static uint8_t vector_take(struct arch_interrupt *interrupt)
{
    struct arch_cpu *cpu = &arch_this_cpu()->arch;

    for (unsigned i = 0; i < DEVICE_VECTORS; i++) {
        unsigned at = cpu->next_vector++ % DEVICE_VECTORS;

        if (cpu->interrupts[at] == NULL) {
            cpu->interrupts[at] = interrupt;
            return (uint8_t)(VECTOR_DEVICE + at);
        }
    }
    return 0;
}

/* The controller's line and the low word of its pin, masked, but for the vector. */
static uint32_t line_resolve(uint32_t asked, uint32_t *line)
{
    uint32_t bits = PIN_MASKED;

    *line = asked & ~(INTERRUPT_LEVEL | INTERRUPT_LOW);
    if (*line < ISA_LINES) {
        bits |= acpi_lines[*line].low ? PIN_LOW : 0;
        bits |= acpi_lines[*line].level ? PIN_LEVEL : 0;
        *line = acpi_lines[*line].number;
    }
    bits |= asked & INTERRUPT_LOW ? PIN_LOW : 0;
    return bits | (asked & INTERRUPT_LEVEL ? PIN_LEVEL : 0);
}

status_t arch_interrupt_open(struct arch_interrupt *interrupt, uint32_t asked)
{
    bool message = asked == INTERRUPT_MESSAGE;
    uint32_t line = asked;
    uint32_t bits = message ? 0 : line_resolve(asked, &line);
    uint8_t vector;

    if (!message && line >= pin_count) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!message && (ioapic_read(IOAPIC_PIN(line)) & PIN_VECTOR)) {
        return STATUS_BUSY;
    }
    vector = vector_take(interrupt);
    if (vector == 0) {
        return STATUS_BUSY;
    }
    *interrupt = (struct arch_interrupt){line, vector, bits & PIN_LEVEL};
    if (!message) {
        ioapic_write(IOAPIC_PIN(line) + 1, (uint32_t)acpi_apic_ids[percpu(id)] << 24);
        ioapic_write(IOAPIC_PIN(line), bits | vector);
    }
    return STATUS_OK;
}

void arch_interrupt_close(struct arch_interrupt *interrupt)
{
    if (interrupt->vector == 0) {
        return;
    }
    if (interrupt->line != INTERRUPT_MESSAGE) {
        ioapic_write(IOAPIC_PIN(interrupt->line), PIN_MASKED);
    }
    arch_this_cpu()->arch.interrupts[interrupt->vector - VECTOR_DEVICE] = NULL;
}

void arch_interrupt_mask(const struct arch_interrupt *interrupt, bool masked)
{
    uint32_t index = IOAPIC_PIN(interrupt->line);

    ioapic_write(index, (ioapic_read(index) & ~PIN_MASKED) | (masked ? PIN_MASKED : 0));
}

uint64_t arch_interrupt_message(const struct arch_interrupt *interrupt, cpu_t cpu)
{
    return (uint64_t)interrupt->vector << 32 | MESSAGE_BASE | (uint32_t)acpi_apic_ids[cpu] << 12;
}

void interrupt_arrived(unsigned vector)
{
    struct arch_interrupt *interrupt = arch_this_cpu()->arch.interrupts[vector - VECTOR_DEVICE];

    if (interrupt != NULL) {
        interrupt_fired(interrupt);
    }
}

bool arch_physical_reserved(paddr_t start, paddr_t end)
{
    /* I/O APICs, local APICs and what a write there sends to them; and below the first usable RAM all
     * but what has been a PC's hole for devices and firmware since ever. */
    return overlaps(start, end, acpi_ioapic, acpi_ioapic + IOAPIC_AREA) ||
           overlaps(start, end, MESSAGE_BASE, MESSAGE_END) ||
           (start < boot_usable_start() && (start < 0xa0000 || end > 0x100000));
}
