/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor can do, and which of it the kernel switches on.
 *
 * features_detect() runs once, before anything depends on the answer. Without the essential
 * features the machine ends with one line that names the missing one; the others become bits in
 * x86_features. features_enable() runs on each CPU. All CPUs are taken to be alike.
 *
 * Left off on purpose: FSGSBASE (user mode must not write GS base), OSXSAVE (the FPU state is then
 * what fxsave knows, and no program can use more), PCID and machine check reporting.
 */
#include "arch/platform.h"
#include "arch/registers.h"

enum cpuid_register { EAX, EBX, ECX, EDX };

struct feature {
    uint32_t leaf;
    enum cpuid_register reg;
    unsigned bit;
    unsigned flag;       /* enum x86_feature; 0: essential */
    const char *missing; /* what to say without an essential one */
};

static const struct feature features[] = {
    {1, EDX, 4, 0, "this CPU has no time stamp counter"},
    {1, EDX, 5, 0, "this CPU has no model-specific registers"},
    {1, EDX, 9, 0, "this CPU has no local APIC"},
    {1, EDX, 16, 0, "this CPU has no page attribute table"},
    {1, EDX, 24, 0, "this CPU has no fxsave"},
    {1, EDX, 26, 0, "this CPU has no SSE2"},
    {0x80000001, EDX, 11, 0, "this CPU has no syscall instruction"},
    {0x80000001, EDX, 20, 0, "this CPU has no no-execute pages (NX)"},
    {1, EDX, 13, FEATURE_GLOBAL_PAGES, NULL},
    {1, ECX, 21, FEATURE_X2APIC, NULL},
    {1, ECX, 24, FEATURE_TSC_DEADLINE, NULL},
    {1, ECX, 31, FEATURE_HYPERVISOR, NULL},
    {7, EBX, 7, FEATURE_SMEP, NULL},
    {7, EBX, 20, FEATURE_SMAP, NULL},
    {7, ECX, 2, FEATURE_UMIP, NULL},
};

unsigned x86_features;

static bool feature_present(const struct feature *feature)
{
    uint32_t group = feature->leaf & 0x80000000;

    if (cpuid_read(group, 0).eax < feature->leaf) {
        return false;
    }
    struct cpuid id = cpuid_read(feature->leaf, 0);
    uint32_t words[] = {[EAX] = id.eax, [EBX] = id.ebx, [ECX] = id.ecx, [EDX] = id.edx};
    return words[feature->reg] >> feature->bit & 1;
}

void features_detect(void)
{
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        if (feature_present(&features[i])) {
            x86_features |= features[i].flag;
        } else if (features[i].flag == 0) {
            boot_fail(features[i].missing);
        }
    }
}

void features_enable(void)
{
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    cr4 |= x86_features & FEATURE_GLOBAL_PAGES ? CR4_PGE : 0;
    cr4 |= x86_features & FEATURE_SMEP ? CR4_SMEP : 0;
    cr4 |= x86_features & FEATURE_SMAP ? CR4_SMAP : 0;
    cr4 |= x86_features & FEATURE_UMIP ? CR4_UMIP : 0;
    cr4_write(cr4);
    cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_TS | CR0_WP | CR0_PG);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE | EFER_SCE);
    msr_write(MSR_PAT, PAT_COMBINING_FOR_THROUGH);
}
