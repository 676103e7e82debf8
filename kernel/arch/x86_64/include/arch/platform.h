/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder offer to each other. Outside the folder only kernel/arch.h counts.
 *
 * Order at boot, all on CPU 0 (boot.c): CPU 0 itself, loader's information, ACPI tables, page tables,
 * clock, APIC, the other CPUs' areas. A function here says what must have run before it.
 */
#pragma once

#include "arch/cpu.h"
#include "kernel/types.h"

struct arch_frame;
struct cpu;

/* ---- boot.c ---------------------------------------------------------------------------------- */

/* The lowest RAM that may be handed out. */
paddr_t boot_usable_start(void);

/* ---- acpi.c ---------------------------------------------------------------------------------- */

/* (I) after acpi_read(). Number 0 is the boot CPU, the others follow as the firmware lists them. */
extern uint32_t acpi_cpu_count; /* 1 .. CPU_MAX */
extern uint8_t acpi_apic_ids[CPU_MAX];
extern uint16_t acpi_timer_port; /* of the power management timer */

extern paddr_t acpi_ioapic; /* the I/O APIC that has line 0; 0: none has */

#define ISA_LINES 16u

extern struct acpi_line {
    uint32_t number; /* as the I/O APIC counts */
    bool low, level;
} acpi_lines[ISA_LINES];

/* Reads the tables that the RSDP leads to. Needs the boot page tables. */
void acpi_read(paddr_t rsdp);

/* ---- paging.c -------------------------------------------------------------------------------- */
extern paddr_t kernel_root; /* (I) the kernel's own top-level table */

/* Builds the kernel's tables for all RAM and `cpu_count` stack slots, and loads them. */
void paging_start(uint32_t cpu_count);

/* ---- descriptors.c --------------------------------------------------------------------------- */

/* Fills the interrupt table that all CPUs share. */
void descriptors_build_idt(void);

/* Sets up and loads what leads into the kernel on the calling CPU: TSS, IDT, GS base and the system
 * call registers. cpu->id must be set. */
void descriptors_load(struct cpu *cpu);

/* ---- apic.c ---------------------------------------------------------------------------------- */
void apic_start(void);           /* the calling CPU's local APIC, interrupts accepted */
void apic_timer_calibrate(void); /* CPU 0, once, after apic_start() and clock_calibrate() */
uint8_t apic_id(void);           /* of the calling CPU */
void apic_acknowledge(void);     /* end of interrupt */
bool apic_timer_is_early(void);  /* the timer fired before the deadline: it has been armed anew */
void apic_start_others(void);    /* all other CPUs begin at TRAMPOLINE_PADDR */
void apic_interrupt_all(unsigned vector); /* this CPU, too; also in an NMI */
void apic_stop(cpu_t cpu);                /* for good, from a panic */

/* ---- ioapic.c -------------------------------------------------------------------------------- */
void ioapic_start(void);                 /* CPU 0, once, after paging_start(): masks all lines */
void interrupt_arrived(unsigned vector); /* one of VECTOR_DEVICE and up */

/* ---- clock.c --------------------------------------------------------------------------------- */
void clock_calibrate(void); /* sets arch_clock_hz; needs acpi_read() */
void clock_delay(uint32_t microseconds);

/* ---- cpu.c ----------------------------------------------------------------------------------- */
void cpu_start_first(void);             /* CPU 0: panic() works, and exceptions are reported */
void cpu_create_others(void);           /* areas of all others; needs boot_alloc() */
void trampoline_install(void);          /* needs the boot page tables */
_Noreturn void x86_cpu_start(cpu_t id); /* the others, from boot.S */

/* In an exception, which may have come between a swapgs and the next: makes GS point at this CPU's
 * area, whatever it was. */
void cpu_repair_gs(void);

/* In an NMI: halts if another CPU has asked for that; true if this one asks the others. */
bool cpu_stop_wanted(void);

/* ---- backtrace.c ----------------------------------------------------------------------------- */

/* Prints an address and the call chain behind it: `frame` is the frame pointer at that point. */
void backtrace_from(uint64_t address, uint64_t frame);

/* ---- fpu.c ----------------------------------------------------------------------------------- */

/* The current thread used floating point while another's registers were there, or none's. */
void fpu_wanted(void);
