/* SPDX-License-Identifier: Apache-2.0
 *
 * The processor's registers and ports: names, bits and one function per instruction that touches
 * them. Private to x86_64.
 */
#pragma once

#include <stdint.h>

/* ---- control registers ----------------------------------------------------------------------- */

#define CR0_PE (1ull << 0)  /* protected mode */
#define CR0_MP (1ull << 1)  /* fwait heeds TS */
#define CR0_TS (1ull << 3)  /* the next use of the FPU traps */
#define CR0_ET (1ull << 4)  /* always one */
#define CR0_NE (1ull << 5)  /* x87 errors are exceptions */
#define CR0_WP (1ull << 16) /* the kernel heeds read-only pages too */
#define CR0_PG (1ull << 31)

#define CR4_PAE (1ull << 5)
#define CR4_PGE (1ull << 7)         /* global pages outlive a CR3 load */
#define CR4_OSFXSR (1ull << 9)      /* SSE may be used */
#define CR4_OSXMMEXCPT (1ull << 10) /* SSE errors are exceptions */
#define CR4_UMIP (1ull << 11)       /* user mode cannot read descriptor table addresses */
#define CR4_SMEP (1ull << 20)       /* the kernel cannot execute user pages */
#define CR4_SMAP (1ull << 21)       /* the kernel cannot touch user pages */

#define RFLAGS_TF (1ull << 8)
#define RFLAGS_IF (1ull << 9)
#define RFLAGS_DF (1ull << 10)
#define RFLAGS_NT (1ull << 14)
#define RFLAGS_AC (1ull << 18)

static inline uint64_t cr2_read(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t cr3_read(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void cr0_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

/* Also forgets all translations that are not global. */
static inline void cr3_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void cr4_write(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/* ---- model-specific registers ---------------------------------------------------------------- */

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_BOOT_CPU (1ull << 8)
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
/* The page attribute table: what a page table's bits 3 and 4 mean together, a byte each. As after a
 * reset, but for bit 3 alone: write-combining (1) instead of write-through (4). */
#define MSR_PAT 0x277
#define PAT_COMBINING_FOR_THROUGH 0x0007010600070106ull
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC 0x800 /* the APIC register at offset o is MSR_X2APIC + o / 16 */
#define MSR_EFER 0xc0000080
#define EFER_SCE (1ull << 0)  /* syscall and sysret */
#define EFER_LME (1ull << 8)  /* long mode */
#define EFER_NXE (1ull << 11) /* no-execute pages */
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/* ---- identification -------------------------------------------------------------------------- */

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid out;
    __asm__ volatile("cpuid"
                     : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                     : "a"(leaf), "c"(subleaf));
    return out;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint16_t port_read16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t port_read8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
