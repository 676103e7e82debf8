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

#define IOAPIC_VERSION 1u
#define IOAPIC_PIN(pin) (0x10 + 2 * (pin))

#define PIN_VECTOR 0xffu /* 0: the pin is nobody's */
#define PIN_LOW (1u << 13)
#define PIN_LEVEL (1u << 15)
#define PIN_MASKED (1u << 16)

#define MESSAGE_BASE 0xfee00000u
#define MESSAGE_SIZE 0x100000u
#define MESSAGE_ID_MAX 0xfe /* more needs interrupt remapping */

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

/* The I/O APIC of a line, and the register of its pin there; false where there is none. */
static bool pin_find(uint32_t line, unsigned *number, uint32_t *index)
{
    for (*number = 0; *number < acpi_ioapic_count; ++*number) {
        uint32_t pin = line - acpi_ioapics[*number].first; /* far too much, if it is before that */

        if (pin < ioapic_pins(*number)) {
            *index = IOAPIC_PIN(pin);
            return true;
        }
    }
    return false;
}

/* Sets some bits of an open line's pin to `value`. */
static void pin_change(uint32_t line, uint32_t bits, uint32_t value)
{
    uint32_t index;
    unsigned number;

    if (pin_find(line, &number, &index)) {
        ioapic_write(number, index, (ioapic_read(number, index) & ~bits) | value);
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
    uint32_t line = asked, bits = 0, index = 0;
    unsigned number = 0;
    uint8_t vector;

    if (asked != INTERRUPT_MESSAGE) {
        bits = line_resolve(asked, &line);
        if (!pin_find(line, &number, &index)) {
            return STATUS_BAD_ARGUMENT;
        }
        if (ioapic_read(number, index) & PIN_VECTOR) {
            return STATUS_BUSY;
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
        ioapic_write(number, index + 1, percpu(arch.apic_id) << 24);
        ioapic_write(number, index, bits | vector);
    }
    return STATUS_OK;
}

void arch_interrupt_close(struct arch_interrupt *interrupt)
{
    if (interrupt->vector == 0) {
        return;
    }
    if (interrupt->line != INTERRUPT_MESSAGE) {
        pin_change(interrupt->line, ~0u, PIN_MASKED);
    }
    arch_this_cpu()->arch.interrupts[interrupt->vector - VECTOR_DEVICE] = NULL;
}

void arch_interrupt_mask(const struct arch_interrupt *interrupt, bool masked)
{
    pin_change(interrupt->line, PIN_MASKED, masked ? PIN_MASKED : 0);
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
