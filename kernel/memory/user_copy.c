/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading user memory; the header is the manual.
 */
#include "kernel/user_copy.h"

#include "kernel/arch.h"

status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes)
{
    char *out = to;

    if (from >= USER_TOP || bytes > USER_TOP - from) {
        return STATUS_BAD_ADDRESS;
    }
    while (bytes > 0) {
        size_t in_page = PAGE_SIZE - from % PAGE_SIZE;
        size_t part = bytes < in_page ? bytes : in_page;
        unsigned access;
        paddr_t frame;

        if (!arch_space_lookup(&process->space, from, &frame, &access) ||
            (access & PAGE_READ) == 0) {
            return STATUS_BAD_ADDRESS;
        }
        __builtin_memcpy(out, (char *)arch_to_virtual(frame) + from % PAGE_SIZE, part);
        out += part;
        from += part;
        bytes -= part;
    }
    return STATUS_OK;
}
