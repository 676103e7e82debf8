/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest's memory as the host sees it: the file that backs it (physical address = offset), and
 * the address of the trace area, from the kernel's ELF symbol `trace_area`.
 *
 * The guest may be running, hung, dead or full of garbage. So nothing that it says is believed:
 * ram_read() copies only what lies inside the file, and callers check the copy.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct ram {
    const volatile unsigned char *bytes;
    size_t size;
};

bool ram_open(struct ram *ram, const char *path, struct trace_error *error);
void ram_close(struct ram *ram);
/* Copies `size` bytes at a physical address. False if they do not lie inside. */
bool ram_read(const struct ram *ram, uint64_t address, void *to, size_t size);

/* The physical address of the kernel's symbol: its virtual address less the kernel's base. */
bool elf_symbol_address(const char *path, const char *symbol, uint64_t *address,
                        struct trace_error *error);
