/* SPDX-License-Identifier: Apache-2.0
 *
 * The processor's registers: names, bits and one function per instruction that touches them.
 * Private to x86_64.
 */
#pragma once

#include <stdint.h>

/* ---- control registers ----------------------------------------------------------------------- */

#define CR4_UMIP (1ull << 11) /* user mode cannot read descriptor table addresses */
#define CR4_SMEP (1ull << 20) /* the kernel cannot execute user pages */
#define CR4_SMAP (1ull << 21) /* the kernel cannot touch user pages */

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
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
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

#define CPUID_X2APIC (1u << 21)       /* leaf 1, ecx */
#define CPUID_TSC_DEADLINE (1u << 24) /* the same */
#define CPUID_SMEP (1u << 7)          /* leaf 7, ebx */
#define CPUID_SMAP (1u << 20)         /* the same */
#define CPUID_UMIP (1u << 2)          /* leaf 7, ecx */

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
