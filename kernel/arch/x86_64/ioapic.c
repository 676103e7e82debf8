/* SPDX-License-Identifier: Apache-2.0
 *
 * Interrupts of devices: vectors of each CPU, and the I/O APICs that turn lines into vectors.
 *
 * Each CPU has its own vectors from VECTOR_DEVICE on; a table says whose each one is. What arrives at
 * a vector that is nobody's (any more) is counted and forgotten. An I/O APIC has an index and a data
 * register, which two CPUs must not use in turns: it is CPU 0's, and all lines lead there.
 *
 * Lines 0 to 15 are ISA's, with the number, polarity and trigger that the firmware's overrides say;
 * others are counted as ACPI counts them (global system interrupts). What the caller says of polarity
 * and trigger adds to that.
 */
#include "arch/platform.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"

#define PINS_MAX 240u
#define IOAPIC_VERSION 1u
#define IOAPIC_PIN(pin) (0x10 + 2 * (pin))

#define PIN_LOW (1u << 13)
#define PIN_LEVEL (1u << 15)
#define PIN_MASKED (1u << 16)

#define MESSAGE_BASE 0xfee00000u
#define MESSAGE_SIZE 0x100000u
#define MESSAGE_ID_MAX 0xfe /* more needs interrupt remapping */

static uint32_t
    pins[PINS_MAX]; /* (O: CPU 0) what is in the low word of each line's pin; 0: nobody's */

static volatile uint32_t *ioapic_page(unsigned number)
{
    return (volatile uint32_t *)(DEVICE_BASE + acpi_ioapics[number].address);
}

static uint32_t ioapic_read(unsigned number, uint32_t index)
{
    ioapic_page(number)[0] = index;
    return ioapic_page(number)[4];
}

static void ioapic_write(unsigned number, uint32_t index, uint32_t value)
{
    ioapic_page(number)[0] = index;
    ioapic_page(number)[4] = value;
}

static unsigned ioapic_pins(unsigned number)
{
    return (ioapic_read(number, IOAPIC_VERSION) >> 16 & 0xff) + 1;
}

void ioapic_start(void)
{
    for (unsigned i = 0; i < acpi_ioapic_count; i++) {
        for (unsigned pin = 0; pin < ioapic_pins(i); pin++) {
            ioapic_write(i, IOAPIC_PIN(pin), PIN_MASKED);
        }
    }
}

/* Writes a line's pin; false where there is none. */
static bool pin_write(uint32_t line, uint32_t value)
{
    for (unsigned i = 0; i < acpi_ioapic_count; i++) {
        uint32_t pin = line - acpi_ioapics[i].first;

        if (line >= acpi_ioapics[i].first && pin < ioapic_pins(i)) {
            ioapic_write(i, IOAPIC_PIN(pin) + 1, cpu_table[0]->arch.apic_id << 24);
            ioapic_write(i, IOAPIC_PIN(pin), value);
            return true;
        }
    }
    return false;
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
    uint32_t line = asked, bits = 0;
    uint8_t vector;

    if (asked != INTERRUPT_MESSAGE) {
        bits = line_resolve(asked, &line);
        if (line >= PINS_MAX) {
            return STATUS_BAD_ARGUMENT;
        }
        if (pins[line] != 0) {
            return STATUS_BUSY;
        }
        if (!pin_write(line, PIN_MASKED)) {
            return STATUS_BAD_ARGUMENT;
        }
    } else if (percpu(arch.apic_id) > MESSAGE_ID_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    vector = vector_take(interrupt);
    if (vector == 0) {
        return STATUS_BUSY;
    }
    *interrupt = (struct arch_interrupt){line, vector, bits & PIN_LEVEL};
    if (asked != INTERRUPT_MESSAGE) {
        pins[line] = bits | vector;
        (void)pin_write(line, pins[line]);
    }
    return STATUS_OK;
}

void arch_interrupt_close(struct arch_interrupt *interrupt)
{
    if (interrupt->vector == 0) {
        return;
    }
    if (interrupt->line != INTERRUPT_MESSAGE) {
        (void)pin_write(interrupt->line, PIN_MASKED);
        pins[interrupt->line] = 0;
    }
    arch_this_cpu()->arch.interrupts[interrupt->vector - VECTOR_DEVICE] = NULL;
}

void arch_interrupt_mask(const struct arch_interrupt *interrupt, bool masked)
{
    uint32_t *pin = &pins[interrupt->line];

    *pin = (*pin & ~PIN_MASKED) | (masked ? PIN_MASKED : 0);
    (void)pin_write(interrupt->line, *pin);
}

uint64_t arch_interrupt_message(const struct arch_interrupt *interrupt, cpu_t cpu)
{
    return (uint64_t)interrupt->vector << 32 | MESSAGE_BASE | cpu_table[cpu]->arch.apic_id << 12;
}

void interrupt_arrived(unsigned vector)
{
    struct arch_interrupt *interrupt = arch_this_cpu()->arch.interrupts[vector - VECTOR_DEVICE];

    if (interrupt != NULL) {
        interrupt_fired(interrupt);
    } else {
        percpu(arch.strays)++;
    }
}

bool arch_physical_reserved(paddr_t start, paddr_t end)
{
    for (unsigned i = 0; i < acpi_ioapic_count; i++) {
        if (start < acpi_ioapics[i].address + PAGE_SIZE && acpi_ioapics[i].address < end) {
            return true;
        }
    }
    /* Local APICs, and what a write there sends to them; and below the first usable RAM all but what
     * has been a PC's hole for devices and firmware since ever. */
    return (start < MESSAGE_BASE + MESSAGE_SIZE && end > MESSAGE_BASE) ||
           (start < boot_usable_start() && (start < 0xa0000 || end > 0x100000));
}
