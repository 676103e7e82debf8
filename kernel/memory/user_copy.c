/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing user memory; the header is the manual.
 *
 * The kernel never follows a user's pointer: it looks up the frame behind each page and goes through
 * its own mapping. A page that is unmapped meanwhile stays a frame until its shootdown has visited
 * this CPU, which is after this kernel entry.
 */
#include "kernel/user_copy.h"

#include "kernel/arch.h"

static bool range_is_user(vaddr_t address, size_t bytes)
{
    return address < USER_TOP && bytes <= USER_TOP - address;
}

/* Where the byte at a user address lies, and how many are left in its page; NULL: not with this
 * access. */
static char *user_page(const struct process *process, vaddr_t address, unsigned access,
                       size_t *in_page)
{
    unsigned allowed;
    paddr_t frame;

    if (!arch_space_lookup(&process->space, address, &frame, &allowed) ||
        (allowed & access) != access) {
        return NULL;
    }
    *in_page = PAGE_SIZE - address % PAGE_SIZE;
    return (char *)arch_to_virtual(frame) + address % PAGE_SIZE;
}

status_t user_check(const struct process *process, vaddr_t address, size_t bytes, unsigned access)
{
    size_t in_page;

    if (!range_is_user(address, bytes)) {
        return STATUS_BAD_ADDRESS;
    }
    for (size_t done = 0; done < bytes; done += in_page) {
        if (user_page(process, address + done, access, &in_page) == NULL) {
            return STATUS_BAD_ADDRESS;
        }
    }
    return STATUS_OK;
}

status_t user_copy_in(const struct process *process, vaddr_t from, void *to, size_t bytes)
{
    char *out = to;
    size_t part;

    if (!range_is_user(from, bytes)) {
        return STATUS_BAD_ADDRESS;
    }
    for (; bytes > 0; bytes -= part) {
        char *in = user_page(process, from, PAGE_READ, &part);

        if (in == NULL) {
            return STATUS_BAD_ADDRESS;
        }
        part = bytes < part ? bytes : part;
        __builtin_memcpy(out, in, part);
        out += part;
        from += part;
    }
    return STATUS_OK;
}

status_t user_copy_out(const struct process *process, const void *from, vaddr_t to, size_t bytes)
{
    const char *in = from;
    size_t part;

    if (!range_is_user(to, bytes)) {
        return STATUS_BAD_ADDRESS;
    }
    for (; bytes > 0; bytes -= part) {
        char *out = user_page(process, to, PAGE_READ | PAGE_WRITE, &part);

        if (out == NULL) {
            return STATUS_BAD_ADDRESS;
        }
        part = bytes < part ? bytes : part;
        __builtin_memcpy(out, in, part);
        in += part;
        to += part;
    }
    return STATUS_OK;
}

status_t user_copy_between(const struct process *source, vaddr_t from, const struct process *target,
                           vaddr_t to, size_t bytes)
{
    size_t part;

    if (!range_is_user(from, bytes)) {
        return STATUS_BAD_ADDRESS;
    }
    for (; bytes > 0; bytes -= part) {
        const char *in = user_page(source, from, PAGE_READ, &part);
        status_t status;

        if (in == NULL) {
            return STATUS_BAD_ADDRESS;
        }
        part = bytes < part ? bytes : part;
        status = user_copy_out(target, in, to, part);
        if (status != STATUS_OK) {
            return status;
        }
        from += part;
        to += part;
    }
    return STATUS_OK;
}
