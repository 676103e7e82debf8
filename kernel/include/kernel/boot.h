/* SPDX-License-Identifier: Apache-2.0
 *
 * What the architecture found out before the portable kernel starts, and the memory it may take
 * while there is one CPU and no process yet.
 *
 * `boot_info` is filled by the architecture before kernel_main(), but for where the trace lies, and
 * never changes afterwards.
 * boot_alloc() serves what lives forever: page tables of the kernel, per-CPU areas, trace rings.
 * boot_memory_take_rest() ends that phase: it gives what is left to the first process.
 */
#pragma once

#include "kernel/types.h"

struct pool;

#define BOOT_REGIONS_MAX 32
#define BOOT_COMMAND_LINE_MAX 1024

struct boot_region {
    paddr_t start; /* page-aligned */
    paddr_t end;   /* page-aligned, exclusive */
};

struct boot_info {
    uint32_t cpu_count; /* 1 .. CPU_MAX */
    uint32_t region_count;
    cycles_t entered; /* when CPU 0 came to x86_start() or its like */
    /* Usable RAM, ascending, without the kernel and the initrd. */
    struct boot_region regions[BOOT_REGIONS_MAX];
    paddr_t initrd_start; /* 0 size: there is none */
    uint64_t initrd_size;
    struct boot_region
        trace; /* the rings of all CPUs (trace_init()); empty where nothing is traced */
    char command_line[BOOT_COMMAND_LINE_MAX]; /* NUL-terminated */
};

extern struct boot_info boot_info;

/* Zeroed memory below 2 GiB, physically contiguous, as an address in the direct map; size is
 * rounded up to pages. Panics when there is none: nothing can run without it. */
void *boot_alloc(size_t bytes);

/* After this no boot_alloc(): adds all that is still free to a pool. */
void boot_memory_take_rest(struct pool *pool);
